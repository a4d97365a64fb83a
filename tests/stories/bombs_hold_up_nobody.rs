//! A batch that inflates to hundreds of megabytes is checked like any other, down to its last
//! byte, and later searched by time; meanwhile the clients of the same shard are served.

use std::time::{Duration, Instant};

use naru_record_batch::{BatchBuilder, BatchHeader, CRC_FROM, Codec, crc32c};

use crate::harness::{Broker, batch, create_topic, list_offsets_request, produce_request};

/// What a bomb inflates to: a tenth of a second of work, and more in a debug build.
const INFLATED_BYTES: usize = 512 << 20;

/// Requests of another connection that are answered while a bomb is checked. A broker that
/// checks it in one go answers a few while the bomb arrives, and one when it is done.
const SERVED_MIN: u32 = 20;

const INVALID_RECORD: i16 = 87;

/// One record of zeros.
fn zeros(codec: Codec, bytes: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec);
    builder.push_pair(1_700_000_000_000, None, Some(&vec![0; bytes]));
    builder.build().unwrap()
}

/// The same, and it says that there are two: that is found out after the first, and no disk
/// has a part in the answer.
fn bomb(codec: Codec) -> Vec<u8> {
    let mut batch = zeros(codec, INFLATED_BYTES);
    let mut header = BatchHeader::parse(&batch).unwrap();
    header.records_count = 2;
    header.last_offset_delta = 1;
    header.write_to(&mut batch);
    header.crc = crc32c(&batch[CRC_FROM..]);
    header.write_to(&mut batch);
    batch
}

fn others_are_served_beside(codec: Codec) {
    let settings = [("naru.shards", "1"), ("message.max.bytes", "4000000")];
    let broker = Broker::start(&settings);
    create_topic(&broker.bootstrap(), "bombed", 1, &[]);
    let mut bomber = broker.raw();
    let mut other = broker.raw();
    other.api_versions().unwrap();

    let bomb = produce_request("bombed", 0, &bomb(codec));
    bomber.send(&bomb).unwrap();
    let (mut served, mut longest) = (0, Duration::ZERO);
    while !bomber.has_answer().unwrap() {
        let asked = Instant::now();
        other.api_versions().unwrap();
        longest = longest.max(asked.elapsed());
        served += 1;
    }
    println!("{codec}: {served} requests served, the longest took {longest:?}");
    assert!(served >= SERVED_MIN, "{codec}: {served} requests");
    let answer = bomber.receive().unwrap();
    // One topic, its name, one partition and its index come before its error code.
    let at = 4 + 2 + "bombed".len() + 4 + 4;
    assert_eq!(answer[at..at + 2], INVALID_RECORD.to_be_bytes());
}

#[test]
fn of_gzip() {
    others_are_served_beside(Codec::Gzip);
}

#[test]
fn of_zstd() {
    others_are_served_beside(Codec::Zstd);
}

#[test]
fn of_lz4() {
    others_are_served_beside(Codec::Lz4);
}

/// It was stored, since all that it says is true; and then its last record is looked for by time.
#[test]
fn that_are_searched_by_time() {
    let settings = [("naru.shards", "1"), ("message.max.bytes", "4000000")];
    let broker = Broker::start(&settings);
    create_topic(&broker.bootstrap(), "bombed", 1, &[]);
    let mut builder = BatchBuilder::new(Codec::Gzip);
    builder.push_pair(1_700_000_000_000, None, Some(&vec![0; INFLATED_BYTES]));
    builder.push_pair(1_700_000_000_002, None, Some(b"the last"));
    let mut bomber = broker.raw();
    let produced = bomber.produce("bombed", 0, &builder.build().unwrap());
    assert_eq!(produced.unwrap(), (0, 0));
    let mut other = broker.raw();
    other.api_versions().unwrap();

    let search = list_offsets_request("bombed", 0, 1_700_000_000_001);
    bomber.send(&search).unwrap();
    let mut served = 0;
    while !bomber.has_answer().unwrap() {
        other.api_versions().unwrap();
        served += 1;
    }
    println!("{served} requests served");
    assert!(served >= SERVED_MIN, "{served} requests");
    let answer = bomber.receive().unwrap();
    // One topic, its name, one partition and its index come before what was found.
    let at = 4 + 2 + "bombed".len() + 4 + 4;
    let found = [
        &0_i16.to_be_bytes()[..],
        &1_700_000_000_002_i64.to_be_bytes(),
        &1_i64.to_be_bytes(),
    ];
    assert_eq!(answer[at..], found.concat());
}

/// The next request of the connection waits for the check, however small it is.
#[test]
fn and_are_not_overtaken() {
    let broker = Broker::start(&[]);
    create_topic(&broker.bootstrap(), "ordered", 1, &[]);
    let mut raw = broker.raw();
    let large = produce_request("ordered", 0, &zeros(Codec::Gzip, 32 << 20));
    let small = produce_request("ordered", 0, &batch(b"small"));
    raw.send(&[large, small.clone()].concat()).unwrap();
    raw.send(&small).unwrap();
    for offset in 0..3_i64 {
        let answer = raw.receive().unwrap();
        let at = 4 + 2 + "ordered".len() + 4 + 4 + 2;
        assert_eq!(answer[at..at + 8], offset.to_be_bytes());
    }
}
