//! Offsets by the wire: OffsetCommit and OffsetFetch with topic ids, OffsetDelete, and groups that
//! come back after the broker does.

use naru_wire::ErrorCode;
use naru_wire::api::delete_groups::{DeleteGroupsRequest, DeleteGroupsResponse};
use naru_wire::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse,
};
use naru_wire::api::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
};
use naru_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
    OffsetFetchResponsePartitions,
};
use uuid::Uuid;

use crate::harness::{Broker, ask, create_topic, find_coordinator_request, topic_id};

fn with_coordinator() -> Broker {
    let broker = Broker::start(&[("naru.shards", "2")]);
    create_topic(&broker.bootstrap(), "t", 2, &[]);
    find_coordinator(&broker);
    broker
}

/// The first who asks makes `__consumer_offsets`.
fn find_coordinator(broker: &Broker) {
    let mut connection = broker.raw();
    connection.send(&find_coordinator_request("g")).unwrap();
    connection.receive().unwrap();
}

/// One commit of partition 0, by name and by id.
fn commit(broker: &Broker, version: i16, name: &str, topic_id: Uuid, offset: i64) -> ErrorCode {
    let request = OffsetCommitRequest {
        group_id: "g".into(),
        topics: vec![OffsetCommitRequestTopic {
            name: name.into(),
            topic_id,
            partitions: vec![OffsetCommitRequestPartition {
                committed_offset: offset,
                ..Default::default()
            }],
        }],
        ..Default::default()
    };
    let response: OffsetCommitResponse = ask(&mut broker.raw(), version, &request);
    if version >= 10 {
        assert_eq!(response.topics[0].topic_id, topic_id);
    }
    response.topics[0].partitions[0].error_code
}

fn fetch(
    broker: &Broker,
    version: i16,
    topics: Option<&[(&str, Uuid)]>,
    require_stable: bool,
) -> Vec<OffsetFetchResponsePartitions> {
    let topics = topics.map(|topics| {
        let topics = topics.iter();
        topics
            .map(|(name, topic_id)| OffsetFetchRequestTopics {
                name: (*name).into(),
                topic_id: *topic_id,
                partition_indexes: vec![0],
            })
            .collect()
    });
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: "g".into(),
            topics,
            ..Default::default()
        }],
        require_stable,
        ..Default::default()
    };
    loop {
        let response: OffsetFetchResponse = ask(&mut broker.raw(), version, &request);
        let group = &response.groups[0];
        match group.error_code {
            ErrorCode::None => {
                let topics = group.topics.iter();
                return topics.flat_map(|topic| topic.partitions.clone()).collect();
            }
            // The groups are being read back.
            ErrorCode::CoordinatorLoadInProgress => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_commit_by_one_is_found_by_the_other() {
    let broker = with_coordinator();
    let id = topic_id(&broker, "t");
    let unknown = Uuid::from_u128(7);
    assert_eq!(commit(&broker, 9, "t", Uuid::nil(), 5), ErrorCode::None);
    for stable in [false, true] {
        let found = fetch(&broker, 10, Some(&[("", id), ("", unknown)]), stable);
        assert_eq!(found[0].committed_offset, 5);
        assert_eq!(found[1].error_code, ErrorCode::UnknownTopicId);
        assert_eq!(found[1].committed_offset, -1);
    }
    assert_eq!(commit(&broker, 10, "", id, 8), ErrorCode::None);
    let refused = commit(&broker, 10, "", unknown, 9);
    assert_eq!(refused, ErrorCode::UnknownTopicId);
    let refused = commit(&broker, 9, "nowhere", Uuid::nil(), 9);
    assert_eq!(refused, ErrorCode::UnknownTopicOrPartition);
    for version in [8, 9, 10] {
        let all = fetch(&broker, version, None, true);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].committed_offset, 8);
    }
}

#[test]
fn deleted_offsets_are_gone_also_after_a_restart() {
    let mut broker = with_coordinator();
    assert_eq!(commit(&broker, 9, "t", Uuid::nil(), 5), ErrorCode::None);
    let delete = |group_id: &str, topic: &str, partition_index| {
        let request = OffsetDeleteRequest {
            group_id: group_id.into(),
            topics: vec![OffsetDeleteRequestTopic {
                name: topic.into(),
                partitions: vec![OffsetDeleteRequestPartition { partition_index }],
            }],
        };
        ask::<_, OffsetDeleteResponse>(&mut broker.raw(), 0, &request)
    };
    assert_eq!(delete("", "t", 0).error_code, ErrorCode::InvalidGroupId);
    let nobody = delete("nobody", "t", 0);
    assert_eq!(nobody.error_code, ErrorCode::GroupIdNotFound);
    assert!(nobody.topics.is_empty());
    for (topic, partition) in [("nowhere", 0), ("t", 9)] {
        let refused = delete("g", topic, partition).topics[0].partitions[0].error_code;
        assert_eq!(refused, ErrorCode::UnknownTopicOrPartition);
    }
    let deleted = delete("g", "t", 0);
    assert_eq!(deleted.error_code, ErrorCode::None);
    assert_eq!(deleted.topics[0].partitions[0].error_code, ErrorCode::None);
    assert!(fetch(&broker, 9, None, false).is_empty());
    broker.kill_9();
    broker.start_again();
    assert!(fetch(&broker, 9, None, true).is_empty());

    assert_eq!(commit(&broker, 9, "t", Uuid::nil(), 6), ErrorCode::None);
    broker.kill_9();
    broker.start_again();
    let found = fetch(&broker, 9, None, true);
    assert_eq!(found[0].committed_offset, 6);
    let request = DeleteGroupsRequest {
        groups_names: vec!["g".into(), "nobody".into()],
    };
    let response: DeleteGroupsResponse = ask(&mut broker.raw(), 3, &request);
    assert_eq!(response.results[0].error_code, ErrorCode::None);
    assert_eq!(response.results[0].error_message, None);
    let nobody = &response.results[1];
    assert_eq!(nobody.error_code, ErrorCode::GroupIdNotFound);
    assert!(nobody.error_message.is_some());
}
