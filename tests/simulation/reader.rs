//! Fetching, and the look at everything at the end of a run.

use std::collections::BTreeSet;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use naru_record_batch::{BatchHeader, HEADER_BYTES, Records, crc_is_valid};
use naru_wire::ErrorCode;
use naru_wire::api::fetch::{FetchPartition, FetchRequest, FetchTopic, PartitionData};
use naru_wire::api::metadata::MetadataRequest;

use super::client::{Client, Lost, text};
use super::ledger::Mark;
use super::world::{PARTITIONS, TOPIC, World};

/// The last version that names topics.
const VERSION_MAX: i16 = 12;

const WAIT_MS: i32 = 500;
const BYTES_MAX: i32 = 16 << 10;

/// Fetches that may bring nothing at the end of a partition, or be lost, before that is a failure.
const VAIN_TRIES_MAX: u32 = 50;

/// `isolation.level`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    Uncommitted,
    Committed,
}

/// Why there are no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    Lost,
    Refused(ErrorCode),
}

impl From<Lost> for Nothing {
    fn from(_: Lost) -> Self {
        Self::Lost
    }
}

/// Fetches from `offset` on. Whatever comes follows on without a gap, undamaged, and is what was
/// seen before where anything was.
pub async fn fetch(
    world: &World,
    client: &mut Client,
    topic: &str,
    partition: i32,
    offset: i64,
) -> Result<Vec<Mark>, Nothing> {
    let isolation = Isolation::Uncommitted;
    let data = fetch_partition(client, (topic, partition), offset, isolation, WAIT_MS).await?;
    let mut bytes = BytesMut::new();
    for piece in data.records.unwrap_or_default().pieces() {
        bytes.extend_from_slice(piece);
    }
    let records = records_of(bytes.freeze(), offset);
    assert!(offset + records.len() as i64 <= data.high_watermark);
    if topic == TOPIC {
        let mut ledger = world.ledger.borrow_mut();
        for (at, mark) in records.iter().enumerate() {
            ledger.saw(partition, offset + at as i64, *mark);
        }
    }
    Ok(records)
}

/// What one partition answers, whole batches from the one that holds `offset` on.
pub async fn fetch_partition(
    client: &mut Client,
    (topic, partition): (&str, i32),
    offset: i64,
    isolation: Isolation,
    wait_ms: i32,
) -> Result<PartitionData, Nothing> {
    let request = FetchRequest {
        max_wait_ms: wait_ms,
        min_bytes: 1,
        max_bytes: BYTES_MAX,
        isolation_level: i8::from(isolation == Isolation::Committed),
        topics: vec![FetchTopic {
            topic: text(topic),
            partitions: vec![FetchPartition {
                partition,
                fetch_offset: offset,
                partition_max_bytes: BYTES_MAX,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let mut response = client.call(&request, VERSION_MAX).await?;
    if !response.error_code.is_none() {
        return Err(Nothing::Refused(response.error_code));
    }
    let data = response.responses.remove(0).partitions.remove(0);
    if !data.error_code.is_none() {
        return Err(Nothing::Refused(data.error_code));
    }
    Ok(data)
}

/// The records from `offset` on. A batch at the end may be cut short.
pub fn records_of(mut bytes: Bytes, offset: i64) -> Vec<Mark> {
    let mut next = offset;
    let mut marks = Vec::new();
    while let Ok(header) = BatchHeader::parse(&bytes) {
        if bytes.len() < header.size_bytes() {
            break;
        }
        let batch = bytes.split_to(header.size_bytes());
        assert!(crc_is_valid(&batch), "a damaged batch at {next}");
        assert!(header.base_offset <= next, "a gap: {next} was due");
        for record in Records::new(&batch[HEADER_BYTES..]) {
            let record = record.unwrap();
            let at = header.base_offset + i64::from(record.offset_delta);
            if at >= offset {
                assert_eq!(at, next, "a gap, or records twice");
                marks.push(Mark::of_value(record.value.unwrap()));
                next += 1;
            }
        }
    }
    marks
}

/// All of a partition, which reaches at least to `end_min`.
pub async fn read_all(world: &World, topic: &str, partition: i32, end_min: i64) -> Vec<Mark> {
    let mut client = Client::new(&world.io);
    let mut records = Vec::new();
    let mut vain_tries = 0;
    loop {
        let offset = records.len() as i64;
        let fetched = fetch(world, &mut client, topic, partition, offset).await;
        match fetched {
            Ok(more) if !more.is_empty() => {
                records.extend(more);
                vain_tries = 0;
            }
            Ok(_) if offset >= end_min => return records,
            other => {
                vain_tries += 1;
                assert!(
                    vain_tries < VAIN_TRIES_MAX,
                    "{topic}-{partition} ends at {offset}, {end_min} was promised: {other:?}"
                );
                client.hang_up().await;
            }
        }
    }
}

/// Compares all that there is with all that was promised.
pub async fn check_everything(world: &Rc<World>) {
    for partition in 0..PARTITIONS {
        let end_min = world.ledger.borrow().end_min(partition);
        let records = read_all(world, TOPIC, partition, end_min).await;
        world.ledger.borrow().check_partition(partition, &records);
    }
    let found = topics(world).await;
    world.ledger.borrow().check_topics(&found);
}

/// The names of all topics.
pub async fn topics(world: &World) -> BTreeSet<String> {
    let mut client = Client::new(&world.io);
    let all = MetadataRequest {
        topics: None,
        ..Default::default()
    };
    loop {
        if let Ok(response) = client.call(&all, i16::MAX).await {
            let names = response
                .topics
                .iter()
                .filter_map(|topic| topic.name.as_ref());
            return names.map(|name| name.to_string()).collect();
        }
    }
}
