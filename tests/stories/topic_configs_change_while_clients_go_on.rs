//! IncrementalAlterConfigs and AlterConfigs: a new limit counts at once, survives kill -9, and a
//! bad request changes nothing.

use naru_bench::kafka::{Admin, KafkaError};
use naru_wire::ErrorCode;
use naru_wire::api::alter_configs::{self, AlterConfigsRequest, AlterConfigsResponse};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use crate::harness::configs::{self, Change};
use crate::harness::{Broker, ask, batch, block_on, client, create_topic};

const MESSAGE_TOO_LARGE: i16 = 10;

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// One request about topic `t`. The answer's code and message.
fn alter(broker: &Broker, configs: &[Change<'_>], validate_only: bool) -> (ErrorCode, String) {
    let topic = (configs::TOPIC, "t");
    configs::alter_on(&mut broker.raw(), topic, configs, validate_only)
}

fn produce(broker: &Broker, bytes: usize) -> i16 {
    broker
        .raw()
        .produce("t", 0, &batch(&vec![7; bytes]))
        .unwrap()
        .0
}

#[test]
fn a_new_limit_counts_at_once_and_survives_kill_9() {
    let mut broker = Broker::start(&[]);
    create_topic(&broker.bootstrap(), "t", 1, &[]);
    let admin = |broker: &Broker| Admin::connect(&broker.bootstrap()).unwrap();
    assert_eq!(produce(&broker, 2_000_000), MESSAGE_TOO_LARGE);
    admin(&broker)
        .alter_topic_configs("t", &[pair("max.message.bytes", "3000000")])
        .unwrap();
    assert_eq!(produce(&broker, 2_000_000), 0);

    broker.kill_9();
    broker.start_again();
    assert_eq!(
        admin(&broker).topic_configs("t").unwrap()["max.message.bytes"],
        "3000000"
    );
    assert_eq!(produce(&broker, 2_000_000), 0);

    admin(&broker)
        .alter_topic_configs("t", &[pair("max.message.bytes", "1000")])
        .unwrap();
    assert_eq!(produce(&broker, 2_000), MESSAGE_TOO_LARGE);
    assert_eq!(produce(&broker, 500), 0);
}

#[test]
fn a_bad_request_is_named_and_changes_nothing() {
    let broker = Broker::start(&[]);
    create_topic(&broker.bootstrap(), "t", 1, &[]);
    let admin = Admin::connect(&broker.bootstrap()).unwrap();
    let before = admin.topic_configs("t").unwrap();
    let good = ("retention.ms", 0, Some("1000"));
    let cases: [(&[Change<'_>], ErrorCode, &str); 6] = [
        (
            &[good, ("max.message.bytes", 0, Some("much"))],
            ErrorCode::InvalidConfig,
            "max.message.bytes",
        ),
        (
            &[good, ("max.mesage.bytes", 0, Some("1"))],
            ErrorCode::InvalidConfig,
            "max.message.bytes",
        ),
        (
            &[good, ("retention.ms", 0, Some("2000"))],
            ErrorCode::InvalidRequest,
            "more than once",
        ),
        (
            &[good, ("segment.ms", 2, Some("1"))],
            ErrorCode::InvalidConfig,
            "LIST",
        ),
        (
            &[good, ("segment.ms", 0, None)],
            ErrorCode::InvalidRequest,
            "Null",
        ),
        (
            &[good, ("segment.ms", 9, Some("1"))],
            ErrorCode::InvalidRequest,
            "operation 9",
        ),
    ];
    for (configs, code, words) in cases {
        let (given, message) = alter(&broker, configs, false);
        assert_eq!(given, code, "{message}");
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(
        alter(&broker, &[good], true),
        (ErrorCode::None, String::new())
    );
    assert_eq!(admin.topic_configs("t").unwrap(), before);
    let missing = admin.alter_topic_configs("nothing", &[pair("retention.ms", "1000")]);
    let is_unknown = |error: &KafkaError| {
        matches!(
            error,
            KafkaError::Refused {
                code: ErrorCode::UnknownTopicOrPartition,
                ..
            }
        )
    };
    assert!(missing.as_ref().is_err_and(is_unknown), "{missing:?}");
}

#[test]
fn lists_grow_and_shrink_and_a_deleted_config_is_the_default_again() {
    let broker = Broker::start(&[]);
    create_topic(&broker.bootstrap(), "t", 1, &[("cleanup.policy", "delete")]);
    let admin = Admin::connect(&broker.bootstrap()).unwrap();
    let policy = || admin.topic_configs("t").unwrap()["cleanup.policy"].clone();
    let change = |operation, value| {
        let (code, message) = alter(&broker, &[("cleanup.policy", operation, value)], false);
        assert_eq!(code, ErrorCode::None, "{message}");
        policy()
    };
    assert_eq!(change(2, Some("compact")), "delete,compact");
    assert_eq!(change(2, Some("delete,delete")), "delete,compact");
    assert_eq!(change(3, Some("delete")), "compact");
    assert_eq!(change(1, None), "delete");
}

#[test]
fn the_older_api_forgets_what_it_does_not_name() {
    let broker = Broker::start(&[]);
    create_topic(&broker.bootstrap(), "t", 1, &[("segment.ms", "5000")]);
    let older: AdminClient<DefaultClientContext> = client(&broker.bootstrap()).create().unwrap();
    let config = AlterConfig::new(ResourceSpecifier::Topic("t")).set("retention.ms", "7200000");
    let altered = block_on(older.alter_configs([&config], &AdminOptions::new())).unwrap();
    assert!(altered[0].is_ok(), "{altered:?}");
    let configs = Admin::connect(&broker.bootstrap())
        .unwrap()
        .topic_configs("t")
        .unwrap();
    assert_eq!(configs["retention.ms"], "7200000");
    assert_eq!(configs["segment.ms"], "604800000");

    let null = AlterConfigsRequest {
        resources: vec![alter_configs::AlterConfigsResource {
            resource_type: 2,
            resource_name: "t".into(),
            configs: vec![alter_configs::AlterableConfig {
                name: "retention.ms".into(),
                value: None,
            }],
        }],
        validate_only: false,
    };
    let response: AlterConfigsResponse = ask(&mut broker.raw(), 1, &null);
    assert_eq!(response.responses[0].error_code, ErrorCode::InvalidRequest);
}
