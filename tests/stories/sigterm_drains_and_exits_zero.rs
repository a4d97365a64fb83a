//! SIGTERM under load: what was acknowledged stays, waiting fetches end, the exit code is 0.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::{Offset, TopicPartitionList};

use crate::harness::{Broker, Fetch, Load, batch, create_topic, read_all, reader, record};

/// An idle broker has nothing to drain, and a service manager is waiting.
const STOP_MAX: Duration = Duration::from_secs(10);

#[test]
fn under_load() {
    let mut broker = Broker::start(&[]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "drained", 1, &[]);
    let load = Load::new(
        &bootstrap,
        &[
            ("acks", "all"),
            ("message.send.max.retries", "0"),
            ("message.timeout.ms", "3000"),
            ("batch.num.messages", "20"),
        ],
    );
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..30_000 {
                load.send_record("drained", 0, number);
            }
        });
        load.wait_for_acks(1_000);
        let begun = Instant::now();
        let status = broker.terminate();
        assert_eq!(status.code(), Some(0), "{status}");
        assert!(begun.elapsed() < STOP_MAX, "it took {:?}", begun.elapsed());
    });
    load.finish();
    broker.start_again();
    let read = read_all(&bootstrap, "drained", 0);
    for ((_, offset), number) in load.acked() {
        let found = &read[usize::try_from(offset).unwrap()];
        assert_eq!((found.offset, &found.record), (offset, &record(number)));
    }
}

/// A consumer that waits at the end of a partition, for as long as it likes, holds nothing up.
#[test]
fn with_a_fetch_that_waits() {
    let mut broker = Broker::start(&[]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "quiet", 1, &[]);
    let settings = [
        ("fetch.wait.max.ms", "60000"),
        ("fetch.error.backoff.ms", "100"),
    ];
    let consumer = reader(&bootstrap, &settings);
    let mut place = TopicPartitionList::new();
    place
        .add_partition_offset("quiet", 0, Offset::Offset(0))
        .unwrap();
    consumer.assign(&place).unwrap();
    // The end of the partition is reported with the first answer; the next fetch waits.
    let _ = consumer.poll(Duration::from_secs(2));
    let begun = Instant::now();
    let status = broker.terminate();
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(begun.elapsed() < STOP_MAX, "it took {:?}", begun.elapsed());
}

/// The directory of a broker that stopped holds everything that the next one needs.
#[test]
fn and_starts_again_as_often_as_asked() {
    let mut broker = Broker::start(&[]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "again", 1, &[]);
    for round in 0..4 {
        let load = Load::new(&bootstrap, &[("acks", "all")]);
        load.send_record("again", 0, round);
        load.finish();
        assert_eq!(load.failed(), []);
        assert_eq!(broker.terminate().code(), Some(0));
        broker.start_again();
        let read = read_all(&bootstrap, "again", 0);
        assert_eq!(read.len() as u64, round + 1);
    }
}

/// Its connection is not just closed: what there is is the answer.
#[test]
fn a_fetch_that_waits_is_answered() {
    let mut broker = Broker::start(&[("naru.shards", "2")]);
    create_topic(&broker.bootstrap(), "quiet", 2, &[]);
    let mut raw = broker.raw();
    for partition in [0, 1] {
        let produced = raw.produce("quiet", partition, &batch(b"read before"));
        assert_eq!(produced.unwrap(), (0, 0));
    }
    let fetch = Fetch {
        topic: "quiet",
        partitions: &[(0, 1, 1 << 20), (1, 1, 1 << 20)],
        max_wait_ms: 600_000,
        min_bytes: 1,
        max_bytes: 1 << 20,
    };
    let mut waiting = broker.raw();
    waiting.send(&fetch.request()).unwrap();
    raw.api_versions().unwrap();
    assert!(!waiting.has_answer().unwrap(), "it has not waited");
    let status = broker.terminate();
    assert_eq!(status.code(), Some(0), "{status}");
    let found = waiting.receive_fetched().unwrap();
    assert!(found.iter().all(|found| found.error == 0), "{found:?}");
}

/// A connection whose last request was a produce, and is answered, has nothing to finish.
#[test]
fn a_producer_that_is_silent_is_not_waited_for() {
    let mut broker = Broker::start(&[]);
    create_topic(&broker.bootstrap(), "said", 1, &[]);
    let mut raw = broker.raw();
    assert_eq!(raw.produce("said", 0, &batch(b"all")).unwrap(), (0, 0));
    assert_eq!(broker.terminate().code(), Some(0));
    let said = broker.said();
    assert!(!said.contains("did not finish"), "{said}");
}
