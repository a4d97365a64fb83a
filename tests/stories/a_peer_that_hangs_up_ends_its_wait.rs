//! Who waits for records or for a group and hangs up is let go at once, not when its wait would
//! have been over: its connection, its watches and the flushes that they ask for go with it.

use crate::harness::{
    Broker, Fetch, Raw, api_versions_request, batch, create_topic, find_coordinator_request,
    join_group_request,
};

/// Longer than any story takes: what ends before did not end for the time.
const FOREVER_MS: i32 = 600_000;

/// A topic with partitions on both shards of a broker, and a connection to watch it by.
fn broker() -> (Broker, Raw) {
    let broker = Broker::start(&[
        ("naru.shards", "2"),
        ("group.initial.rebalance.delay.ms", "600000"),
    ]);
    create_topic(&broker.bootstrap(), "quiet", 4, &[]);
    let mut raw = broker.raw();
    raw.api_versions().unwrap();
    // Those who asked until it answered, and who made the topic, are gone.
    broker.wait_for_connections(1);
    (broker, raw)
}

/// A fetch of all partitions, whichever shard has them.
fn fetch() -> Vec<u8> {
    let partitions: Vec<_> = (0..4).map(|index| (index, 0, 1 << 20)).collect();
    let fetch = Fetch {
        topic: "quiet",
        partitions: &partitions,
        max_wait_ms: FOREVER_MS,
        min_bytes: 1,
        max_bytes: 1 << 20,
    };
    fetch.request()
}

#[test]
fn a_fetch() {
    let (broker, mut witness) = broker();
    let waiting: Vec<Raw> = (0..10)
        .map(|_| {
            let mut raw = broker.raw();
            raw.api_versions().unwrap();
            raw.send(&fetch()).unwrap();
            raw
        })
        .collect();
    // The broker has seen them: what it takes from another connection later is answered.
    witness.api_versions().unwrap();
    broker.wait_for_connections(1 + waiting.len());
    drop(waiting);
    broker.wait_for_connections(1);
}

#[test]
fn a_join() {
    let (broker, mut witness) = broker();
    let mut error = 15;
    // The topic of the offsets is made for the first who asks.
    while error == 15 {
        witness.send(&find_coordinator_request("group")).unwrap();
        error = i16::from_be_bytes(*witness.receive().unwrap().first_chunk().unwrap());
    }
    assert_eq!(error, 0);
    let mut waiting = broker.raw();
    waiting.api_versions().unwrap();
    waiting
        .send(&join_group_request("group", FOREVER_MS))
        .unwrap();
    witness.api_versions().unwrap();
    broker.wait_for_connections(2);
    assert!(!waiting.has_answer().unwrap(), "it has not waited");
    drop(waiting);
    broker.wait_for_connections(1);
}

#[test]
fn what_it_had_asked_for_before_is_still_answered() {
    let (broker, mut producer) = broker();
    let mut raw = broker.raw();
    raw.send(&fetch()).unwrap();
    raw.send(&api_versions_request()).unwrap();
    raw.send(&fetch()).unwrap();
    producer.api_versions().unwrap();
    assert!(!raw.has_answer().unwrap(), "it has not waited");
    raw.end_sending().unwrap();
    let fetched = raw.receive_fetched().unwrap();
    assert!(fetched.iter().all(|found| found.error == 0));
    assert_eq!(raw.receive().unwrap()[..2], [0, 0], "ApiVersions");
    raw.receive_fetched().unwrap();
    raw.wait_for_close().unwrap();
    // Others notice nothing of it.
    assert_eq!(producer.produce("quiet", 0, &batch(b"x")).unwrap(), (0, 0));
}
