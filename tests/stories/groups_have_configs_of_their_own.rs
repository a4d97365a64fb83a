//! Configs of groups and of clients' metrics: what is set counts for members, is shown with what it
//! goes over, is listed, and survives kill -9; what does not fit is refused in Kafka's words.

use naru_wire::ErrorCode;
use naru_wire::api::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
use naru_wire::api::list_config_resources::{
    ListConfigResourcesRequest, ListConfigResourcesResponse,
};

use crate::harness::configs::{
    APPEND, BROKER, CLIENT_METRICS, Change, DELETE, GROUP, SET, alter, config,
};
use crate::harness::{Broker, ask, create_topic, find_coordinator_request};

const SESSION: &str = "consumer.session.timeout.ms";
const HEARTBEAT: &str = "consumer.heartbeat.interval.ms";
const INTERVAL: &str = "consumer.assignment.interval.ms";

const DONE: (ErrorCode, String) = (ErrorCode::None, String::new());

/// A member joins a group; the answer.
fn join(broker: &Broker, group: &str) -> ConsumerGroupHeartbeatResponse {
    let request = ConsumerGroupHeartbeatRequest {
        group_id: group.into(),
        member_id: "member".into(),
        member_epoch: 0,
        rebalance_timeout_ms: 60_000,
        subscribed_topic_names: Some(vec!["t".into()]),
        topic_partitions: Some(Vec::new()),
        ..Default::default()
    };
    let mut connection = broker.raw();
    // Who asks for the first coordinator makes the topic that groups are kept in.
    connection.send(&find_coordinator_request(group)).unwrap();
    connection.receive().unwrap();
    loop {
        let response: ConsumerGroupHeartbeatResponse = ask(&mut connection, 1, &request);
        // The groups of an earlier run may still be read back.
        if response.error_code != ErrorCode::CoordinatorLoadInProgress {
            assert_eq!(response.error_code, ErrorCode::None);
            return response;
        }
    }
}

fn listed(broker: &Broker, resource_type: i8) -> Vec<String> {
    let request = ListConfigResourcesRequest {
        resource_types: vec![resource_type],
    };
    let response: ListConfigResourcesResponse = ask(&mut broker.raw(), 1, &request);
    assert_eq!(response.error_code, ErrorCode::None);
    let resources = response.config_resources.into_iter();
    resources.map(|one| one.resource_name.to_string()).collect()
}

#[test]
fn which_count_for_its_members_and_survive_kill_9() {
    let mut broker = Broker::start(&[("naru.shards", "2")]);
    create_topic(&broker.bootstrap(), "t", 1, &[]);
    assert_eq!(join(&broker, "g").heartbeat_interval_ms, 5_000);
    let group = (GROUP, "g");
    assert_eq!(
        config(&broker, group, HEARTBEAT),
        ("5000".into(), 5, vec![5])
    );
    assert!(listed(&broker, GROUP).is_empty());

    let changes: &[Change<'_>] = &[
        (HEARTBEAT, SET, Some("7000")),
        (SESSION, SET, Some("50000")),
    ];
    assert_eq!(alter(&broker, group, changes), DONE);
    assert_eq!(join(&broker, "g").heartbeat_interval_ms, 7_000);
    assert_eq!(join(&broker, "other").heartbeat_interval_ms, 5_000);
    assert_eq!(
        config(&broker, group, HEARTBEAT),
        ("7000".into(), 8, vec![8, 5])
    );
    assert_eq!(listed(&broker, GROUP), ["g"]);

    broker.kill_9();
    broker.start_again();
    assert_eq!(join(&broker, "g").heartbeat_interval_ms, 7_000);
    assert_eq!(
        config(&broker, group, SESSION),
        ("50000".into(), 8, vec![8, 5])
    );
    let back: &[Change<'_>] = &[(HEARTBEAT, DELETE, None), (SESSION, DELETE, None)];
    assert_eq!(alter(&broker, group, back), DONE);
    assert_eq!(join(&broker, "g").heartbeat_interval_ms, 5_000);
    assert!(listed(&broker, GROUP).is_empty());
}

#[test]
fn and_what_the_broker_says_is_shown_below_them() {
    let broker = Broker::start(&[]);
    let key = "group.consumer.assignment.interval.ms";
    let set = |name, value| alter(&broker, (BROKER, name), &[(key, SET, Some(value))]);
    assert_eq!(set("1", "500"), DONE);
    let group = (GROUP, "g");
    assert_eq!(
        config(&broker, group, INTERVAL),
        ("500".into(), 2, vec![2, 5])
    );
    assert_eq!(alter(&broker, group, &[(INTERVAL, SET, Some("0"))]), DONE);
    assert_eq!(
        config(&broker, group, INTERVAL),
        ("0".into(), 8, vec![8, 2, 5])
    );
    let (error, _) = set("1", "15001");
    assert_eq!(error, ErrorCode::InvalidRequest, "it is above the bound");
}

/// Each in Kafka 4.4.0's words, but for the share groups, which Naru does not serve.
#[test]
fn and_refuse_what_does_not_fit() {
    let broker = Broker::start(&[]);
    let refused: &[(&str, Change<'_>, ErrorCode, &str)] = &[
        (
            "g",
            (SESSION, SET, Some("1000")),
            ErrorCode::InvalidConfig,
            "consumer.session.timeout.ms must be in the range 45000 to 60000 inclusive.",
        ),
        (
            "g",
            (SESSION, SET, Some("abc")),
            ErrorCode::InvalidConfig,
            "Invalid value abc for configuration consumer.session.timeout.ms: Not a number of type \
             INT",
        ),
        (
            "g",
            ("retention.ms", SET, Some("1")),
            ErrorCode::InvalidConfig,
            "Unknown group config name: retention.ms",
        ),
        (
            "g",
            (SESSION, APPEND, Some("50000")),
            ErrorCode::InvalidConfig,
            "Can't APPEND to key consumer.session.timeout.ms because its type is not LIST.",
        ),
        (
            "",
            (SESSION, SET, Some("50000")),
            ErrorCode::InvalidRequest,
            "Default group resources are not allowed.",
        ),
        (
            "g",
            ("share.auto.offset.reset", SET, Some("earliest")),
            ErrorCode::InvalidConfig,
            "share.auto.offset.reset is of a kind of groups that Naru does not serve: it is not set",
        ),
    ];
    for (name, change, code, message) in refused {
        let answer = alter(&broker, (GROUP, name), &[*change]);
        assert_eq!(answer, (*code, (*message).to_owned()));
    }
    // What is not there is gone already.
    assert_eq!(
        alter(&broker, (GROUP, "g"), &[("colour", DELETE, None)]),
        DONE
    );
    assert!(listed(&broker, GROUP).is_empty());
}

#[test]
fn and_client_metrics_are_kept_as_without_a_plugin() {
    let broker = Broker::start(&[]);
    let metrics = (CLIENT_METRICS, "m");
    let interval = |value| alter(&broker, metrics, &[("interval.ms", SET, Some(value))]);
    assert_eq!(
        config(&broker, metrics, "interval.ms"),
        ("300000".into(), 5, vec![])
    );
    assert_eq!(interval("10000"), DONE);
    assert_eq!(
        config(&broker, metrics, "interval.ms"),
        ("10000".into(), 7, vec![7])
    );
    assert_eq!(
        config(&broker, metrics, "match"),
        (String::new(), 5, vec![])
    );
    let message =
        "Invalid value 1 for interval.ms, interval must be between 100 and 3600000 (1 hour)";
    assert_eq!(interval("1"), (ErrorCode::InvalidRequest, message.into()));
    let prefixes: &[Change<'_>] = &[("metrics", APPEND, Some("org.apache,naru"))];
    assert_eq!(alter(&broker, metrics, prefixes), DONE);
    assert_eq!(config(&broker, metrics, "metrics").0, "org.apache,naru");
    let unknown = alter(&broker, metrics, &[("colour", SET, Some("1"))]);
    let message = "Unknown client metrics configuration: colour";
    assert_eq!(unknown, (ErrorCode::InvalidRequest, message.into()));
    assert_eq!(listed(&broker, CLIENT_METRICS), ["m"]);
}
