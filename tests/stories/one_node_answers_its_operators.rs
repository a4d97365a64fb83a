//! What an operator's tools ask of a cluster, of one node: as Kafka 4.4.0 answered the same.

use naru_wire::ErrorCode;
use naru_wire::api::alter_client_quotas::{
    self, AlterClientQuotasRequest, AlterClientQuotasResponse, OpData,
};
use naru_wire::api::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition,
    ReassignableTopic,
};
use naru_wire::api::alter_user_scram_credentials::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse, ScramCredentialDeletion,
    ScramCredentialUpsertion,
};
use naru_wire::api::create_acls::{AclCreation, CreateAclsRequest, CreateAclsResponse};
use naru_wire::api::delete_acls::{DeleteAclsFilter, DeleteAclsRequest, DeleteAclsResponse};
use naru_wire::api::describe_acls::{DescribeAclsRequest, DescribeAclsResponse};
use naru_wire::api::describe_client_quotas::{
    ComponentData, DescribeClientQuotasRequest, DescribeClientQuotasResponse,
};
use naru_wire::api::describe_cluster::{DescribeClusterRequest, DescribeClusterResponse};
use naru_wire::api::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, PartitionRequest, TopicRequest,
};
use naru_wire::api::describe_topic_partitions::{
    self as pages, Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
};
use naru_wire::api::describe_user_scram_credentials::{
    DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse, UserName,
};
use naru_wire::api::elect_leaders::{ElectLeadersRequest, ElectLeadersResponse, TopicPartitions};
use naru_wire::api::list_config_resources::{
    ListConfigResourcesRequest, ListConfigResourcesResponse,
};
use naru_wire::api::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};
use naru_wire::api::metadata::{MetadataRequest, MetadataResponse};
use naru_wire::api::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};
use naru_wire::api::unregister_broker::{UnregisterBrokerRequest, UnregisterBrokerResponse};

use crate::harness::{Broker, ask, create_topic, request};

fn with_topics() -> Broker {
    let broker = Broker::start(&[]);
    create_topic(&broker.bootstrap(), "t", 2, &[]);
    create_topic(&broker.bootstrap(), "u", 3, &[]);
    broker
}

#[test]
fn the_quorum_is_this_node_and_caught_up() {
    let broker = with_topics();
    let describe = |version, asked: &[(&str, &[i32])]| -> DescribeQuorumResponse {
        let topics = asked.iter().map(|(name, partitions)| TopicRequest {
            topic_name: (*name).into(),
            partitions: partitions
                .iter()
                .map(|partition_index| PartitionRequest {
                    partition_index: *partition_index,
                })
                .collect(),
        });
        let request = DescribeQuorumRequest {
            topics: topics.collect(),
        };
        ask(&mut broker.raw(), version, &request)
    };
    for version in 0..=2 {
        let response = describe(version, &[("__cluster_metadata", &[0])]);
        let partition = &response.topics[0].partitions[0];
        assert_eq!(partition.error_code, ErrorCode::None);
        assert_eq!((partition.leader_id, partition.observers.len()), (1, 0));
        let [voter] = partition.current_voters.as_slice() else {
            panic!("one node is one voter: {partition:?}");
        };
        assert_eq!(voter.replica_id, 1);
        assert_eq!(voter.log_end_offset, partition.high_watermark);
        assert!(partition.high_watermark >= 4, "an id, a broker, two topics");
        if version >= 1 {
            assert!(voter.last_fetch_timestamp > 0);
            assert_eq!(voter.last_fetch_timestamp, voter.last_caught_up_timestamp);
        }
        if version >= 2 {
            assert_eq!((response.nodes.len(), response.nodes[0].node_id), (1, 1));
        }
    }
    let whatever: [&[(&str, &[i32])]; 4] = [
        &[("t", &[0])],
        &[("__cluster_metadata", &[1])],
        &[("__cluster_metadata", &[0, 1])],
        &[("__cluster_metadata", &[0]), ("t", &[0])],
    ];
    for asked in whatever {
        let response = describe(2, asked);
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        for partition in partitions {
            assert_eq!(partition.error_code, ErrorCode::UnknownTopicOrPartition);
        }
    }
}

#[test]
fn no_election_is_ever_needed() {
    let broker = with_topics();
    let elect = |version, election_type, asked: Option<&[(&str, &[i32])]>| {
        let topics = asked.map(|asked| {
            asked
                .iter()
                .map(|(topic, partitions)| TopicPartitions {
                    topic: (*topic).into(),
                    partitions: partitions.to_vec(),
                })
                .collect()
        });
        let request = ElectLeadersRequest {
            election_type,
            topic_partitions: topics,
            timeout_ms: 1000,
        };
        let response: ElectLeadersResponse = ask(&mut broker.raw(), version, &request);
        let codes = response.replica_election_results.iter().map(|topic| {
            let partitions = topic.partition_result.iter();
            let codes: Vec<_> = partitions.map(|p| (p.partition_id, p.error_code)).collect();
            (topic.topic.to_string(), codes)
        });
        (response.error_code, codes.collect::<Vec<_>>())
    };
    let unknown = ErrorCode::UnknownTopicOrPartition;
    for (version, election_type) in [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1)] {
        let asked: &[(&str, &[i32])] = &[("t", &[0, 7]), ("nope", &[0])];
        let t = vec![(0, ErrorCode::ElectionNotNeeded), (7, unknown)];
        let expected = vec![("t".to_owned(), t), ("nope".to_owned(), vec![(0, unknown)])];
        assert_eq!(
            elect(version, election_type, Some(asked)),
            (ErrorCode::None, expected)
        );
        let none = vec![("t".to_owned(), vec![]), ("u".to_owned(), vec![])];
        assert_eq!(elect(version, election_type, None), (ErrorCode::None, none));
    }
    let invalid = ErrorCode::InvalidRequest;
    let expected = vec![("t".to_owned(), vec![(0, invalid)])];
    assert_eq!(elect(2, 2, Some(&[("t", &[0])])), (invalid, expected));
    assert_eq!(elect(2, 2, None), (invalid, vec![]));
}

#[test]
fn partitions_stay_where_they_are() {
    let broker = with_topics();
    let reassign = |version, may_resize, topic: &str, index, replicas: Option<&[i32]>| {
        let request = AlterPartitionReassignmentsRequest {
            timeout_ms: 1000,
            allow_replication_factor_change: may_resize,
            topics: vec![ReassignableTopic {
                name: topic.into(),
                partitions: vec![ReassignablePartition {
                    partition_index: index,
                    replicas: replicas.map(<[i32]>::to_vec),
                }],
            }],
        };
        let response: AlterPartitionReassignmentsResponse =
            ask(&mut broker.raw(), version, &request);
        assert_eq!(response.error_code, ErrorCode::None);
        response.responses[0].partitions[0].error_code
    };
    for (version, may_resize) in [(0, true), (1, true), (1, false)] {
        for (topic, index, replicas, code) in [
            ("t", 0, Some(&[1][..]), ErrorCode::None),
            ("t", 0, Some(&[2][..]), ErrorCode::InvalidReplicaAssignment),
            (
                "t",
                0,
                Some(&[1, 2][..]),
                ErrorCode::InvalidReplicaAssignment,
            ),
            (
                "t",
                0,
                Some(&[1, 1][..]),
                ErrorCode::InvalidReplicaAssignment,
            ),
            ("t", 0, Some(&[][..]), ErrorCode::InvalidReplicaAssignment),
            ("t", 0, None, ErrorCode::NoReassignmentInProgress),
            ("t", 9, Some(&[1][..]), ErrorCode::UnknownTopicOrPartition),
            ("t", 9, None, ErrorCode::UnknownTopicOrPartition),
            (
                "nope",
                0,
                Some(&[1][..]),
                ErrorCode::UnknownTopicOrPartition,
            ),
        ] {
            let answered = reassign(version, may_resize, topic, index, replicas);
            assert_eq!(answered, code, "{topic}-{index} {replicas:?}");
        }
    }
    let request = ListPartitionReassignmentsRequest::default();
    let response: ListPartitionReassignmentsResponse = ask(&mut broker.raw(), 0, &request);
    assert_eq!(
        (response.error_code, response.topics),
        (ErrorCode::None, vec![])
    );
}

#[test]
fn there_are_no_quotas() {
    let broker = Broker::start(&[]);
    let describe = |version, filter: &[(&str, i8, Option<&str>)]| {
        let components = filter
            .iter()
            .map(|(entity_type, match_type, r#match)| ComponentData {
                entity_type: (*entity_type).into(),
                match_type: *match_type,
                r#match: r#match.map(Into::into),
            });
        let request = DescribeClientQuotasRequest {
            components: components.collect(),
            strict: false,
        };
        let response: DescribeClientQuotasResponse = ask(&mut broker.raw(), version, &request);
        (
            response.error_code,
            response.entries.map(|entries| entries.len()),
        )
    };
    let good: [&[(&str, i8, Option<&str>)]; 5] = [
        &[],
        &[("user", 2, None)],
        &[("user", 0, Some("a")), ("client-id", 1, None)],
        &[("user", 1, None)],
        &[("ip", 0, Some("127.0.0.1"))],
    ];
    let invalid = ErrorCode::InvalidRequest;
    for version in 0..=1 {
        for filter in good {
            assert_eq!(
                describe(version, filter),
                (ErrorCode::None, Some(0)),
                "{filter:?}"
            );
        }
        assert_eq!(
            describe(version, &[("foo", 0, Some("a"))]).0,
            ErrorCode::UnsupportedVersion
        );
        let bad: [&[(&str, i8, Option<&str>)]; 7] = [
            &[("", 0, Some("a"))],
            &[("user", 0, None)],
            &[("user", 1, Some("a"))],
            &[("user", 2, Some("a"))],
            &[("user", 3, None)],
            &[("user", 0, Some("a")), ("user", 1, None)],
            &[("ip", 0, Some("127.0.0.1")), ("user", 0, Some("a"))],
        ];
        for filter in bad {
            assert_eq!(describe(version, filter), (invalid, None), "{filter:?}");
        }
        let alter_key = |key: &str, entity: &[(&str, Option<&str>)], remove| {
            let entity = entity
                .iter()
                .map(|(kind, name)| alter_client_quotas::EntityData {
                    entity_type: (*kind).into(),
                    entity_name: name.map(Into::into),
                });
            let request = AlterClientQuotasRequest {
                entries: vec![alter_client_quotas::EntryData {
                    entity: entity.collect(),
                    ops: vec![OpData {
                        key: key.into(),
                        value: 1000.0,
                        remove,
                    }],
                }],
                validate_only: false,
            };
            let response: AlterClientQuotasResponse = ask(&mut broker.raw(), version, &request);
            response.entries[0].error_code
        };
        let alter = |entity: &[(&str, Option<&str>)], remove| {
            alter_key("producer_byte_rate", entity, remove)
        };
        for remove in [false, true] {
            let unknown = alter_key("colour", &[("user", Some("a"))], remove);
            assert_eq!(unknown, invalid, "as Kafka 4.4.0");
        }
        assert_eq!(alter(&[("user", Some("a"))], true), ErrorCode::None);
        assert_eq!(alter(&[("user", None)], true), ErrorCode::None);
        assert_eq!(
            alter(&[("user", Some("a"))], false),
            ErrorCode::UnsupportedVersion
        );
        for wrong in [
            &[][..],
            &[("foo", Some("a"))],
            &[("user", Some(""))],
            &[("user", Some("a")), ("ip", Some("127.0.0.1"))],
        ] {
            assert_eq!(alter(wrong, true), invalid, "{wrong:?}");
        }
    }
}

#[test]
fn there_are_no_credentials() {
    let broker = Broker::start(&[]);
    let describe = |users: Option<&[&str]>| {
        let request = DescribeUserScramCredentialsRequest {
            users: users.map(|users| {
                let names = users.iter().map(|name| UserName {
                    name: (*name).into(),
                });
                names.collect()
            }),
        };
        let response: DescribeUserScramCredentialsResponse = ask(&mut broker.raw(), 0, &request);
        assert_eq!(response.error_code, ErrorCode::None);
        let results = response.results.iter();
        results
            .map(|one| (one.user.to_string(), one.error_code))
            .collect::<Vec<_>>()
    };
    assert_eq!(describe(None), []);
    assert_eq!(describe(Some(&[])), []);
    let expected = [
        ("a".to_owned(), ErrorCode::DuplicateResource),
        ("b".to_owned(), ErrorCode::ResourceNotFound),
    ];
    assert_eq!(describe(Some(&["a", "b", "a"])), expected);

    let request = AlterUserScramCredentialsRequest {
        deletions: [("gone", 1), ("strange", 0), ("", 1)]
            .map(|(name, mechanism)| ScramCredentialDeletion {
                name: name.into(),
                mechanism,
            })
            .into(),
        upsertions: [("few", 1, 10), ("many", 2, 20_000), ("new", 2, 8192)]
            .map(|(name, mechanism, iterations)| ScramCredentialUpsertion {
                name: name.into(),
                mechanism,
                iterations,
                salt: b"salt".as_slice().into(),
                salted_password: [7; 32].as_slice().into(),
            })
            .into(),
    };
    let response: AlterUserScramCredentialsResponse = ask(&mut broker.raw(), 0, &request);
    let results = response.results.iter();
    let codes: Vec<_> = results
        .map(|one| (one.user.as_str(), one.error_code))
        .collect();
    let expected = [
        ("", ErrorCode::UnacceptableCredential),
        ("few", ErrorCode::UnacceptableCredential),
        ("gone", ErrorCode::ResourceNotFound),
        ("many", ErrorCode::UnacceptableCredential),
        ("new", ErrorCode::UnsupportedSaslMechanism),
        ("strange", ErrorCode::UnsupportedSaslMechanism),
    ];
    assert_eq!(codes, expected);
}

#[test]
fn a_client_that_wants_to_say_who_it_is_is_told_that_nobody_asks() {
    let broker = Broker::start(&[]);
    for version in 0..=1 {
        let request = SaslHandshakeRequest {
            mechanism: "PLAIN".into(),
        };
        let answer: SaslHandshakeResponse = ask(&mut broker.raw(), version, &request);
        assert_eq!(answer.error_code, ErrorCode::IllegalSaslState);
        assert!(answer.mechanisms.is_empty());
    }
}

/// Kafka's answer to an API that nobody knows, to one that brokers do not serve, and to versions
/// that there are not.
#[test]
fn what_is_not_offered_closes_the_connection_at_once() {
    let broker = Broker::start(&[]);
    let vote = 52;
    for (api, version) in [(999, 0), (vote, 0), (0, 99), (1, 0)] {
        let mut connection = broker.raw();
        connection.send(&request(api, version, &[0; 8])).unwrap();
        connection.wait_for_close().unwrap();
    }
    broker.raw().api_versions().unwrap();
}

#[test]
fn what_has_configs_is_listed_by_its_type() {
    let broker = with_topics();
    let list = |version, types: &[i8]| {
        let request = ListConfigResourcesRequest {
            resource_types: types.to_vec(),
        };
        let response: ListConfigResourcesResponse = ask(&mut broker.raw(), version, &request);
        let resources = response.config_resources.iter();
        let names = resources.map(|one| (one.resource_type, one.resource_name.to_string()));
        (response.error_code, names.collect::<Vec<_>>())
    };
    let named = |names: &[(i8, &str)]| {
        let names = names.iter().map(|(kind, name)| (*kind, (*name).to_owned()));
        (ErrorCode::None, names.collect::<Vec<_>>())
    };
    assert_eq!(list(0, &[]), named(&[]));
    assert_eq!(
        list(1, &[]),
        named(&[(8, "1"), (4, "1"), (2, "t"), (2, "u")])
    );
    assert_eq!(list(1, &[2]), named(&[(2, "t"), (2, "u")]));
    assert_eq!(list(1, &[4, 4]), named(&[(4, "1")]));
    assert_eq!(list(1, &[16, 32]), named(&[]));
    assert_eq!(list(1, &[2, 3]), (ErrorCode::UnsupportedVersion, vec![]));
}

#[test]
fn a_running_broker_is_not_forgotten() {
    let broker = Broker::start(&[]);
    let forget = |broker_id| -> ErrorCode {
        let request = UnregisterBrokerRequest { broker_id };
        let response: UnregisterBrokerResponse = ask(&mut broker.raw(), 0, &request);
        response.error_code
    };
    assert_eq!(forget(5), ErrorCode::BrokerIdNotRegistered);
    assert_eq!(forget(1), ErrorCode::InvalidRequest);
    create_topic(&broker.bootstrap(), "t", 1, &[]);
}

/// Without an authorizer, everybody may do everything: the bits that Kafka 4.4.0 answered.
#[test]
fn whoever_asks_what_he_may_do_may_do_everything() {
    let broker = with_topics();
    let metadata = |version, asks| -> MetadataResponse {
        let request = MetadataRequest {
            topics: None,
            include_cluster_authorized_operations: asks,
            include_topic_authorized_operations: asks,
            ..Default::default()
        };
        ask(&mut broker.raw(), version, &request)
    };
    for version in 8..=10 {
        let told = metadata(version, true);
        assert_eq!(told.cluster_authorized_operations, 0x1fa0);
        assert_eq!(told.topics[0].topic_authorized_operations, 0x0df8);
        let not_told = metadata(version, false);
        assert_eq!(not_told.cluster_authorized_operations, i32::MIN);
        assert_eq!(not_told.topics[0].topic_authorized_operations, i32::MIN);
    }
    for (asks, operations) in [(true, 0x1fa0), (false, i32::MIN)] {
        let request = DescribeClusterRequest {
            include_cluster_authorized_operations: asks,
            ..Default::default()
        };
        let cluster: DescribeClusterResponse = ask(&mut broker.raw(), 2, &request);
        assert_eq!(cluster.cluster_authorized_operations, operations);
    }
}

/// What a page says: topics with their code and partitions, and where the next one begins.
type Page = (Vec<(String, ErrorCode, Vec<i32>)>, Option<(String, i32)>);

fn page(broker: &Broker, topics: &[&str], limit: i32, cursor: Option<(&str, i32)>) -> Page {
    let request = DescribeTopicPartitionsRequest {
        topics: topics
            .iter()
            .map(|name| pages::TopicRequest {
                name: (*name).into(),
            })
            .collect(),
        response_partition_limit: limit,
        cursor: cursor.map(|(topic_name, partition_index)| Cursor {
            topic_name: topic_name.into(),
            partition_index,
        }),
    };
    let response: DescribeTopicPartitionsResponse = ask(&mut broker.raw(), 0, &request);
    let described = response.topics.iter().map(|topic| {
        for partition in &topic.partitions {
            assert_eq!((partition.leader_id, &*partition.isr_nodes), (1, &[1][..]));
            assert_eq!(partition.eligible_leader_replicas, Some(vec![]));
            assert_eq!(partition.last_known_elr, Some(vec![]));
        }
        let partitions = topic.partitions.iter().map(|one| one.partition_index);
        let name = topic.name.as_deref().unwrap_or_default().to_owned();
        (name, topic.error_code, partitions.collect())
    });
    let next = response.next_cursor;
    let next = next.map(|next| (next.topic_name.to_string(), next.partition_index));
    (described.collect(), next)
}

#[test]
fn topics_are_described_page_by_page() {
    let broker = with_topics();
    let topic =
        |name: &str, partitions: &[i32]| (name.to_owned(), ErrorCode::None, partitions.to_vec());
    let at = |name: &str, index| Some((name.to_owned(), index));
    let (t, u) = (topic("t", &[0, 1]), topic("u", &[0, 1, 2]));
    let all = (vec![t.clone(), u.clone()], None);
    assert_eq!(page(&broker, &["u", "t", "u"], 2000, None), all);
    assert_eq!(page(&broker, &[], 2000, None), all);
    assert_eq!(page(&broker, &[], 99_999, None), all);
    let first = (vec![topic("t", &[0])], at("t", 1));
    for limit in [1, 0, -1] {
        assert_eq!(page(&broker, &[], limit, None), first);
    }
    let at_the_seam = (vec![t.clone()], at("u", 0));
    assert_eq!(page(&broker, &[], 2, None), at_the_seam);
    let beyond_it = (vec![t.clone(), topic("u", &[0])], at("u", 1));
    assert_eq!(page(&broker, &[], 3, None), beyond_it);
    let rest = (vec![topic("u", &[1, 2])], None);
    assert_eq!(page(&broker, &["t", "u"], 2000, Some(("u", 1))), rest);
    let past_the_end = (vec![topic("t", &[]), u], None);
    assert_eq!(page(&broker, &[], 2000, Some(("t", 9))), past_the_end);

    let unknown = ("a".to_owned(), ErrorCode::UnknownTopicOrPartition, vec![]);
    let invalid = ("..".to_owned(), ErrorCode::InvalidTopicException, vec![]);
    assert_eq!(
        page(&broker, &["a", "t", ".."], 2000, None),
        (vec![invalid, unknown, t], None)
    );
    let refused = ("t".to_owned(), ErrorCode::InvalidRequest, vec![]);
    for cursor in [("u", 0), ("t", -1)] {
        assert_eq!(
            page(&broker, &["t"], 2000, Some(cursor)),
            (vec![refused.clone()], None)
        );
    }
}

#[test]
fn who_may_do_what_is_not_kept_and_that_is_final() {
    let broker = with_topics();
    let mut connection = broker.raw();
    for version in 1..=3 {
        let described: DescribeAclsResponse =
            ask(&mut connection, version, &DescribeAclsRequest::default());
        assert_eq!(described.error_code, ErrorCode::SecurityDisabled);
        let message = described.error_message.unwrap();
        assert_eq!(message, "No Authorizer is configured on the broker");
        let creations = CreateAclsRequest {
            creations: vec![AclCreation::default(); 2],
        };
        let created: CreateAclsResponse = ask(&mut connection, version, &creations);
        let codes: Vec<_> = created.results.iter().map(|r| r.error_code).collect();
        assert_eq!(codes, [ErrorCode::SecurityDisabled; 2]);
        let filters = DeleteAclsRequest {
            filters: vec![DeleteAclsFilter::default()],
        };
        let deleted: DeleteAclsResponse = ask(&mut connection, version, &filters);
        let codes: Vec<_> = deleted
            .filter_results
            .iter()
            .map(|r| r.error_code)
            .collect();
        assert_eq!(codes, [ErrorCode::SecurityDisabled]);
    }
}
