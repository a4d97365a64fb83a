//! The life of a topic, as an operator sees it, and over restarts.

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigSource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaErrorCode;
use std::time::Instant;

use crate::harness::{Broker, Load, WAIT_MAX, block_on, client, create_topic, read_all};

fn admin(broker: &Broker) -> AdminClient<DefaultClientContext> {
    client(&broker.bootstrap()).create().unwrap()
}

/// The topics that clients see and their partitions, but for the broker's own.
fn topics(broker: &Broker) -> Vec<(String, usize)> {
    let consumer: BaseConsumer = client(&broker.bootstrap()).create().unwrap();
    let metadata = consumer.fetch_metadata(None, WAIT_MAX).unwrap();
    let mut topics: Vec<_> = metadata
        .topics()
        .iter()
        .filter(|topic| !topic.name().starts_with("__"))
        .map(|topic| (topic.name().to_owned(), topic.partitions().len()))
        .collect();
    topics.sort();
    topics
}

fn delete(broker: &Broker, name: &str) -> Result<String, (String, RDKafkaErrorCode)> {
    let deleted = admin(broker);
    let mut deleted = block_on(deleted.delete_topics(&[name], &AdminOptions::new())).unwrap();
    deleted.remove(0)
}

#[test]
fn and_clients_see_each_step() {
    let mut broker = Broker::start(&[]);
    let seen = |broker: &Broker, expected: &[(&str, usize)]| {
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, n)| ((*name).to_owned(), *n))
            .collect();
        // A metadata answer may still be of the moment before the deletion.
        let begun = Instant::now();
        loop {
            let now = topics(broker);
            if now == expected {
                return;
            }
            assert!(begun.elapsed() < WAIT_MAX, "{now:?} is not {expected:?}");
        }
    };
    create_topic(&broker.bootstrap(), "a", 3, &[("retention.ms", "7200000")]);
    create_topic(&broker.bootstrap(), "b", 1, &[]);
    seen(&broker, &[("a", 3), ("b", 1)]);

    let again = NewTopic::new("a", 1, TopicReplication::Fixed(1));
    let again = block_on(admin(&broker).create_topics([&again], &AdminOptions::new())).unwrap();
    assert_eq!(
        again,
        [Err(("a".to_owned(), RDKafkaErrorCode::TopicAlreadyExists))]
    );

    assert_eq!(delete(&broker, "b"), Ok("b".to_owned()));
    seen(&broker, &[("a", 3)]);
    assert_eq!(
        delete(&broker, "b"),
        Err(("b".to_owned(), RDKafkaErrorCode::UnknownTopicOrPartition))
    );

    broker.kill_9();
    broker.start_again();
    seen(&broker, &[("a", 3)]);
    let described = block_on(
        admin(&broker).describe_configs(&[ResourceSpecifier::Topic("a")], &AdminOptions::new()),
    )
    .unwrap();
    let described = described[0].as_ref().unwrap();
    let retention = described.get("retention.ms").unwrap();
    assert_eq!(retention.value.as_deref(), Some("7200000"));
    assert_eq!(retention.source, ConfigSource::DynamicTopic);
    let limit = described.get("max.message.bytes").unwrap();
    assert_eq!(limit.value.as_deref(), Some("1048588"));
    assert!(limit.is_default, "{limit:?}");
}

/// Deleted is deleted: the same name made anew holds nothing of before.
#[test]
fn and_a_name_used_again_starts_empty() {
    let mut broker = Broker::start(&[]);
    let bootstrap = broker.bootstrap();
    for round in 0..3 {
        create_topic(&bootstrap, "phoenix", 2, &[]);
        assert_eq!(read_all(&bootstrap, "phoenix", 0), [], "round {round}");
        let load = Load::new(&bootstrap, &[("acks", "all")]);
        for number in 0..100 {
            load.send_record("phoenix", 0, number);
        }
        load.finish();
        assert_eq!(load.failed(), []);
        // A producer asks for its topic from time to time, which would create it again.
        drop(load);
        assert_eq!(read_all(&bootstrap, "phoenix", 0).len(), 100);
        assert_eq!(delete(&broker, "phoenix"), Ok("phoenix".to_owned()));
        if round == 1 {
            broker.kill_9();
            broker.start_again();
        }
    }
}

#[test]
fn and_what_makes_no_sense_is_refused() {
    let broker = Broker::start(&[]);
    let refused = |topic: NewTopic<'_>| {
        let mut made =
            block_on(admin(&broker).create_topics([&topic], &AdminOptions::new())).unwrap();
        made.remove(0).unwrap_err().1
    };
    let name = |name| NewTopic::new(name, 1, TopicReplication::Fixed(1));
    assert_eq!(refused(name("no spaces")), RDKafkaErrorCode::InvalidTopic);
    assert_eq!(refused(name("..")), RDKafkaErrorCode::InvalidTopic);
    let two_copies = NewTopic::new("t", 1, TopicReplication::Fixed(2));
    assert_eq!(
        refused(two_copies),
        RDKafkaErrorCode::InvalidReplicationFactor
    );
    let misspelt = name("t").set("retention.mss", "1");
    assert_eq!(refused(misspelt), RDKafkaErrorCode::InvalidConfig);
    assert_eq!(topics(&broker), []);
}
