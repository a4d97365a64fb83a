//! A Metadata request that may create its topic hears that it is unknown, and the next one finds
//! it: as Kafka 4.4.0 answered the same.

use std::time::Instant;

use naru_wire::ErrorCode;
use naru_wire::api::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic,
};
use uuid::Uuid;

use crate::harness::{Broker, Load, Raw, WAIT_MAX, ask, create_topic, delete_topic, read_all};

const UNKNOWN: ErrorCode = ErrorCode::UnknownTopicOrPartition;

fn request(names: &[&str]) -> MetadataRequest {
    let topics = names.iter().map(|name| MetadataRequestTopic {
        name: Some((*name).into()),
        ..Default::default()
    });
    MetadataRequest {
        topics: Some(topics.collect()),
        allow_auto_topic_creation: true,
        ..Default::default()
    }
}

/// What is said of these topics, by name: Kafka keeps no order.
fn topics(raw: &mut Raw, version: i16, names: &[&str]) -> Vec<MetadataResponseTopic> {
    let mut response: MetadataResponse = ask(raw, version, &request(names));
    response.topics.sort_by(|a, b| a.name.cmp(&b.name));
    response.topics
}

fn codes(topics: &[MetadataResponseTopic]) -> Vec<(&str, ErrorCode)> {
    let code = |topic: &MetadataResponseTopic| topic.error_code;
    let named = topics
        .iter()
        .filter_map(|topic| Some((topic.name.as_deref()?, code(topic))));
    named.collect()
}

/// Asks for a topic until it is there.
fn awaited(raw: &mut Raw, version: i16, name: &str) -> MetadataResponseTopic {
    let begun = Instant::now();
    loop {
        let found = topics(raw, version, &[name]).remove(0);
        if found.error_code == ErrorCode::None {
            return found;
        }
        assert_eq!(found.error_code, UNKNOWN, "{name}");
        assert!(begun.elapsed() < WAIT_MAX, "{name} does not come about");
    }
}

#[test]
fn in_each_version() {
    let broker = Broker::start(&[("num.partitions", "3")]);
    let mut raw = broker.raw();
    for version in 0..=13 {
        let name = format!("in-version-{version}");
        let first = topics(&mut raw, version, &[&name]);
        assert_eq!(codes(&first), [(&*name, UNKNOWN)], "version {version}");
        assert_eq!(first[0].partitions, [], "version {version}");
        assert_eq!(first[0].topic_id, Uuid::nil(), "version {version}");
        let found = awaited(&mut raw, version, &name);
        assert_eq!(found.partitions.len(), 3, "version {version}");
    }
}

#[test]
fn with_others_that_are_there_or_cannot_be() {
    let broker = Broker::start(&[]);
    create_topic(&broker.bootstrap(), "old", 1, &[]);
    let asked = ["new-b", "old", "no name", "new-a", "new-b", ".."];
    let mut raw = broker.raw();
    assert_eq!(
        codes(&topics(&mut raw, 12, &asked)),
        [
            ("..", ErrorCode::InvalidTopicException),
            ("new-a", UNKNOWN),
            ("new-b", UNKNOWN),
            ("no name", ErrorCode::InvalidTopicException),
            ("old", ErrorCode::None),
        ]
    );
    awaited(&mut raw, 12, "new-a");
    awaited(&mut raw, 12, "new-b");
}

#[test]
fn and_so_do_the_topics_of_the_coordinators() {
    let broker = Broker::start(&[("offsets.topic.num.partitions", "3")]);
    let mut raw = broker.raw();
    for name in ["__consumer_offsets", "__transaction_state"] {
        let first = topics(&mut raw, 12, &[name]);
        assert_eq!(codes(&first), [(name, UNKNOWN)]);
        assert!(first[0].is_internal, "{name}");
        let found = awaited(&mut raw, 12, name);
        assert!(found.is_internal, "{name}");
    }
    let offsets = awaited(&mut raw, 12, "__consumer_offsets");
    assert_eq!(offsets.partitions.len(), 3);
}

/// A name that collides with another's in metrics is refused to CreateTopics; here nobody hears.
#[test]
fn but_stays_unknown_where_it_cannot_be_created() {
    let broker = Broker::start(&[]);
    create_topic(&broker.bootstrap(), "a.b", 1, &[]);
    let mut raw = broker.raw();
    for round in 0..3 {
        let asked = topics(&mut raw, 12, &["a_b"]);
        assert_eq!(codes(&asked), [("a_b", UNKNOWN)], "round {round}");
    }
    // Whatever was to be created before this is there with it.
    awaited(&mut raw, 12, "later");
    assert_eq!(codes(&topics(&mut raw, 12, &["a_b"])), [("a_b", UNKNOWN)]);
}

#[test]
fn but_stays_unknown_where_nobody_lets_it_be_created() {
    let asked_twice = |broker: &Broker, allowed: bool| {
        let mut raw = broker.raw();
        for round in 0..2 {
            let request = MetadataRequest {
                allow_auto_topic_creation: allowed,
                ..request(&["nobody", "__consumer_offsets"])
            };
            let mut response: MetadataResponse = ask(&mut raw, 12, &request);
            response.topics.sort_by(|a, b| a.name.cmp(&b.name));
            let expected = [("__consumer_offsets", UNKNOWN), ("nobody", UNKNOWN)];
            assert_eq!(codes(&response.topics), expected, "round {round}");
            assert!(response.topics[0].is_internal, "round {round}");
        }
    };
    asked_twice(&Broker::start(&[]), false);
    asked_twice(
        &Broker::start(&[("auto.create.topics.enable", "false")]),
        true,
    );
}

/// What kafka-go's own tests look for after DeleteTopics.
#[test]
fn after_its_deletion_too() {
    let broker = Broker::start(&[]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "gone", 1, &[]);
    let before = awaited(&mut broker.raw(), 6, "gone");
    assert_eq!(before.partitions.len(), 1);
    delete_topic(&bootstrap, "gone");
    let after = topics(&mut broker.raw(), 6, &["gone"]);
    assert_eq!(codes(&after), [("gone", UNKNOWN)]);
}

#[test]
fn and_a_producer_waits_for_it() {
    let broker = Broker::start(&[]);
    let bootstrap = broker.bootstrap();
    let load = Load::new(&bootstrap, &[("acks", "all")]);
    for number in 0..10 {
        load.send_record("produced-to", 0, number);
    }
    load.finish();
    assert_eq!(load.failed(), []);
    assert_eq!(read_all(&bootstrap, "produced-to", 0).len(), 10);
}
