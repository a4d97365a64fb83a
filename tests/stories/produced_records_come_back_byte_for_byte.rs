//! What a producer sent is what a consumer gets: bytes, order, offsets, timestamps.

use crate::harness::{Broker, Load, Read, create_topic, read_all, read_until_end, reader, record};

const RECORDS: u64 = 3_000;

fn expect(read: &[Read], first: u64) {
    for (read, number) in read.iter().zip(first..) {
        assert_eq!(read.offset, i64::try_from(number).unwrap());
        assert_eq!(read.record, record(number), "at offset {number}");
    }
    assert_eq!(read.len() as u64, RECORDS - first);
}

#[test]
fn with_every_codec() {
    let broker = Broker::start(&[]);
    let bootstrap = broker.bootstrap();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        create_topic(&bootstrap, codec, 1, &[]);
        let load = Load::new(&bootstrap, &[("compression.type", codec), ("acks", "all")]);
        for number in 0..RECORDS {
            load.send_record(codec, 0, number);
        }
        load.finish();
        assert_eq!(load.failed(), [], "{codec}");
        let acked: Vec<_> = load.acked().into_iter().collect();
        let in_order: Vec<_> = (0..RECORDS).map(|n| ((0, n as i64), n)).collect();
        assert_eq!(acked, in_order, "{codec}");
        expect(&read_all(&bootstrap, codec, 0), 0);
    }
}

/// A batch that holds many records may be entered anywhere.
#[test]
fn from_any_offset() {
    let broker = Broker::start(&[]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "anywhere", 1, &[]);
    let load = Load::new(
        &bootstrap,
        &[("linger.ms", "50"), ("compression.type", "lz4")],
    );
    for number in 0..RECORDS {
        load.send_record("anywhere", 0, number);
    }
    load.finish();
    assert_eq!(load.failed(), []);
    let consumer = reader(&bootstrap, &[]);
    for first in [1, 2, 499, 1_500, RECORDS - 1, RECORDS] {
        let read = read_until_end(&consumer, "anywhere", 0, first as i64);
        expect(&read, first);
    }
}

/// With segments of 1 MiB the records lie in several files, of which most are closed.
#[test]
fn across_segments_and_a_restart() {
    let mut broker = Broker::start(&[]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "rolled", 1, &[("segment.bytes", "1048576")]);
    let load = Load::new(&bootstrap, &[("batch.size", "100000"), ("acks", "all")]);
    let value = |number: u64| vec![number as u8; 8_000];
    for number in 0..500 {
        load.send_value("rolled", 0, number, &value(number));
    }
    load.finish();
    assert_eq!(load.failed(), []);
    for restarted in [false, true] {
        if restarted {
            broker.terminate();
            broker.start_again();
        }
        let read = read_all(&bootstrap, "rolled", 0);
        assert_eq!(read.len(), 500);
        for (read, number) in read.iter().zip(0..) {
            assert_eq!(read.offset, number as i64);
            assert_eq!(read.record.value, value(number), "at {number}");
        }
    }
}
