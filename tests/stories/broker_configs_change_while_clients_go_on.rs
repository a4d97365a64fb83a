//! Configs of brokers (KIP-226) and levels of loggers (KIP-412): a change counts at once, for all
//! brokers or for this one, survives kill -9, and a bad request changes nothing.

use naru_wire::ErrorCode;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use crate::harness::configs::{
    APPEND, BROKER, Change, DELETE, LOGGER, SET, SUBTRACT, TOPIC, alter, alter_on, config, describe,
};
use crate::harness::{Broker, Raw, batch, block_on, client, create_topic};

const MESSAGE_TOO_LARGE: i16 = 10;

fn must_alter(broker: &Broker, name: &str, changes: &[Change<'_>]) {
    let done = (ErrorCode::None, String::new());
    assert_eq!(alter(broker, (BROKER, name), changes), done, "{changes:?}");
}

fn produce(broker: &Broker, bytes: usize) -> i16 {
    let value = batch(&vec![7; bytes]);
    broker.raw().produce("t", 0, &value).unwrap().0
}

#[test]
fn what_topics_inherit_counts_at_once_and_survives_kill_9() {
    let mut broker = Broker::start(&[("naru.shards", "2")]);
    create_topic(&broker.bootstrap(), "t", 1, &[]);
    let limit = |broker: &Broker, resource, key| config(broker, resource, key);
    let of_topic = |broker: &Broker| limit(broker, (TOPIC, "t"), "max.message.bytes");
    let of_broker = |broker: &Broker| limit(broker, (BROKER, "1"), "message.max.bytes");
    assert_eq!(of_topic(&broker), ("1048588".into(), 5, vec![5]));
    assert_eq!(produce(&broker, 2_000_000), MESSAGE_TOO_LARGE);

    must_alter(&broker, "", &[("message.max.bytes", SET, Some("3000000"))]);
    assert_eq!(produce(&broker, 2_000_000), 0);
    assert_eq!(of_broker(&broker), ("3000000".into(), 3, vec![3, 5]));

    must_alter(&broker, "1", &[("message.max.bytes", SET, Some("2500000"))]);
    assert_eq!(produce(&broker, 2_700_000), MESSAGE_TOO_LARGE);
    assert_eq!(of_topic(&broker), ("2500000".into(), 2, vec![2, 3, 5]));

    broker.kill_9();
    broker.start_again();
    assert_eq!(of_broker(&broker), ("2500000".into(), 2, vec![2, 3, 5]));
    assert_eq!(produce(&broker, 2_000_000), 0);
    assert_eq!(produce(&broker, 2_700_000), MESSAGE_TOO_LARGE);

    must_alter(&broker, "1", &[("message.max.bytes", DELETE, None)]);
    assert_eq!(produce(&broker, 2_700_000), 0);
    must_alter(&broker, "", &[("message.max.bytes", DELETE, None)]);
    assert_eq!(produce(&broker, 2_000_000), MESSAGE_TOO_LARGE);
    assert_eq!(of_topic(&broker), ("1048588".into(), 5, vec![5]));
}

/// The log has its settings from when it was opened, and is given others.
#[test]
fn logs_that_are_open_take_what_their_topics_inherit() {
    let broker = Broker::start(&[]);
    create_topic(&broker.bootstrap(), "t", 1, &[]);
    assert_eq!(produce(&broker, 900_000), 0);
    must_alter(&broker, "", &[("log.segment.bytes", SET, Some("1048576"))]);
    for _ in 0..3 {
        assert_eq!(produce(&broker, 900_000), 0);
    }
    let files = std::fs::read_dir(broker.dir().join("t-0")).unwrap();
    let names = files.map(|file| file.unwrap().file_name());
    let segments = names.filter(|name| name.to_string_lossy().ends_with(".log"));
    assert!(segments.count() >= 2, "a segment of 1 MiB takes one batch");
}

#[test]
fn the_older_request_forgets_what_it_does_not_name() {
    let broker = Broker::start(&[]);
    must_alter(&broker, "1", &[("message.max.bytes", SET, Some("5000"))]);
    let admin: AdminClient<DefaultClientContext> = client(&broker.bootstrap()).create().unwrap();
    let wanted = AlterConfig::new(ResourceSpecifier::Broker(1)).set("log.retention.ms", "86400000");
    let altered = block_on(admin.alter_configs([&wanted], &AdminOptions::new())).unwrap();
    assert!(altered.iter().all(Result::is_ok), "{altered:?}");
    let own = (BROKER, "1");
    assert_eq!(config(&broker, own, "message.max.bytes").1, 5);
    let retention = config(&broker, own, "log.retention.ms");
    // Then log.retention.hours: what the harness starts brokers with, and the default.
    assert_eq!(retention, ("86400000".into(), 2, vec![2, 4, 5]));
}

#[test]
fn lists_grow_and_shrink_and_a_question_changes_nothing() {
    let broker = Broker::start(&[]);
    let (own, key) = ((BROKER, "1"), "log.cleanup.policy");
    must_alter(&broker, "1", &[(key, APPEND, Some("compact"))]);
    assert_eq!(config(&broker, own, key).0, "delete,compact");
    must_alter(&broker, "1", &[(key, SUBTRACT, Some("delete"))]);
    assert_eq!(config(&broker, own, key).0, "compact");
    let only_asked = &[(key, SET, Some("delete"))];
    let answer = alter_on(&mut broker.raw(), own, only_asked, true);
    assert_eq!(answer, (ErrorCode::None, String::new()));
    assert_eq!(config(&broker, own, key).0, "compact");
}

#[test]
fn a_bad_request_changes_nothing_and_says_why() {
    let broker = Broker::start(&[]);
    let good = ("message.max.bytes", SET, Some("5000"));
    let other = ("log.roll.ms", SET, Some("5000"));
    for (name, change, code, says) in [
        ("2", other, ErrorCode::InvalidRequest, "expected 1"),
        ("x", other, ErrorCode::InvalidRequest, "must be an integer"),
        (
            "1",
            ("node.id", SET, Some("1")),
            ErrorCode::InvalidRequest,
            "dynamically: [node.id]",
        ),
        (
            "",
            ("log.dirs", SET, Some("/x")),
            ErrorCode::InvalidRequest,
            "dynamically: [log.dirs]",
        ),
        (
            "1",
            ("mesage.max.bytes", SET, Some("1")),
            ErrorCode::InvalidRequest,
            "did you mean",
        ),
        (
            "1",
            ("log.roll.ms", SET, Some("x")),
            ErrorCode::InvalidRequest,
            "Invalid value x",
        ),
        (
            "1",
            ("log.roll.ms", SET, None),
            ErrorCode::InvalidRequest,
            "Null value",
        ),
        (
            "1",
            ("message.max.bytes", SET, Some("1")),
            ErrorCode::InvalidRequest,
            "more than once",
        ),
        (
            "1",
            ("log.roll.ms", 9, Some("1")),
            ErrorCode::InvalidRequest,
            "operation 9",
        ),
        (
            "1",
            ("log.roll.ms", APPEND, Some("1")),
            ErrorCode::InvalidConfig,
            "append is not allowed",
        ),
        (
            "",
            ("log.roll.ms", SUBTRACT, Some("1")),
            ErrorCode::InvalidConfig,
            "subtract is not",
        ),
        // Each by itself is good.
        (
            "1",
            ("log.retention.ms", SET, Some("0")),
            ErrorCode::InvalidRequest,
            "log.retention.ms",
        ),
    ] {
        let (answered, message) = alter(&broker, (BROKER, name), &[good, change]);
        assert_eq!(answered, code, "{change:?}: {message}");
        assert!(message.contains(says), "{message}");
    }
    assert_eq!(config(&broker, (BROKER, "1"), "message.max.bytes").1, 5);
    assert_eq!(describe(&broker, (BROKER, "")), (ErrorCode::None, vec![]));
    assert_eq!(
        describe(&broker, (BROKER, "2")).0,
        ErrorCode::InvalidRequest
    );
    assert_eq!(
        alter(&broker, (3, "x"), &[good]).0,
        ErrorCode::InvalidRequest
    );
    let read_only = describe(&broker, (BROKER, "1")).1;
    let is_read_only = |key| {
        read_only
            .iter()
            .any(|one| &*one.name == key && one.read_only)
    };
    assert!(is_read_only("node.id") && !is_read_only("message.max.bytes"));
}

#[test]
fn the_bound_on_connections_counts_for_the_next_one() {
    let broker = Broker::start(&[("naru.shards", "1")]);
    let mut first = broker.raw();
    let limit = |first: &mut Raw, operation, value| {
        let change = ("max.connections", operation, value);
        let altered = alter_on(first, (BROKER, "1"), &[change], false);
        assert_eq!(altered.0, ErrorCode::None, "{}", altered.1);
    };
    limit(&mut first, SET, Some("1"));
    broker.raw().wait_for_close().unwrap();
    // The one that is there stays, and may lift the bound.
    limit(&mut first, DELETE, None);
    broker.raw().api_versions().unwrap();
}

#[test]
fn levels_of_loggers_last_as_long_as_the_process() {
    let mut broker = Broker::start(&[]);
    let level = |broker: &Broker, logger: &str| {
        let (error, levels) = describe(broker, (LOGGER, "1"));
        assert_eq!(error, ErrorCode::None);
        let one = levels.iter().find(|one| &*one.name == logger).unwrap();
        assert_eq!(one.config_source, 6);
        one.value.as_deref().unwrap().to_owned()
    };
    let set = |broker: &Broker, logger, operation, level| {
        alter(broker, (LOGGER, "1"), &[(logger, operation, level)]).0
    };
    assert_eq!(level(&broker, "root"), "INFO");
    assert_eq!(
        set(&broker, "naru_broker::net", SET, Some("DEBUG")),
        ErrorCode::None
    );
    assert_eq!(set(&broker, "root", SET, Some("ERROR")), ErrorCode::None);
    assert_eq!(level(&broker, "naru_broker::net"), "DEBUG");
    assert_eq!(level(&broker, "naru_engine"), "ERROR");
    assert_eq!(
        set(&broker, "naru_broker::net", DELETE, None),
        ErrorCode::None
    );
    assert_eq!(level(&broker, "naru_broker::net"), "ERROR");

    let root = "root";
    for (logger, operation, value, code) in [
        (root, DELETE, None, ErrorCode::InvalidRequest),
        (root, APPEND, Some("INFO"), ErrorCode::InvalidRequest),
        (root, SET, Some("LOUD"), ErrorCode::InvalidConfig),
        (
            "no.such.Logger",
            SET,
            Some("INFO"),
            ErrorCode::InvalidConfig,
        ),
    ] {
        assert_eq!(set(&broker, logger, operation, value), code, "{logger}");
    }
    for name in ["", "2"] {
        let refused = alter(&broker, (LOGGER, name), &[(root, SET, Some("INFO"))]);
        assert_eq!(refused.0, ErrorCode::InvalidRequest);
    }
    broker.kill_9();
    broker.start_again();
    assert_eq!(level(&broker, "root"), "INFO");
}
