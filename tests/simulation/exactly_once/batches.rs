//! Batches as a fetch brings them, and what a consumer of committed records makes of them.

use std::collections::{BTreeSet, VecDeque};

use bytes::BytesMut;
use naru_record_batch::{
    BatchHeader, EndTransactionMarker, HEADER_BYTES, Records, TransactionResult, crc_is_valid,
};
use naru_wire::ErrorCode;
use naru_wire::api::fetch::{
    AbortedTransaction, FetchPartition, FetchRequest, FetchTopic, PartitionData,
};

use super::history::Place;
use crate::client::{Client, Lost, text};
use crate::ledger::Mark;

/// The last version that names topics.
const VERSION_MAX: i16 = 12;

const WAIT_MS: i32 = 200;
const BYTES_MAX: i32 = 16 << 10;

/// `isolation.level`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    Uncommitted,
    Committed,
}

pub struct Batch {
    pub header: BatchHeader,
    /// Of a control batch.
    pub marker: Option<TransactionResult>,
    /// With their offsets.
    pub records: Vec<(i64, Mark)>,
}

pub struct Fetched {
    pub batches: Vec<Batch>,
    pub aborted: Vec<AbortedTransaction>,
    pub start: i64,
    pub last_stable_offset: i64,
    pub high_watermark: i64,
}

/// Why there are no batches.
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

/// Fetches whole batches from the one that holds `offset` on.
pub async fn fetch(
    client: &mut Client,
    place: Place,
    offset: i64,
    isolation: Isolation,
) -> Result<Fetched, Nothing> {
    let request = FetchRequest {
        max_wait_ms: WAIT_MS,
        min_bytes: 1,
        max_bytes: BYTES_MAX,
        isolation_level: i8::from(isolation == Isolation::Committed),
        topics: vec![FetchTopic {
            topic: text(place.topic),
            partitions: vec![FetchPartition {
                partition: place.partition,
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
    let is_told_of_aborts = data.aborted_transactions.is_some();
    assert_eq!(is_told_of_aborts, isolation == Isolation::Committed);
    Ok(Fetched {
        batches: batches_of(&data, offset),
        aborted: data.aborted_transactions.unwrap_or_default(),
        start: data.log_start_offset,
        last_stable_offset: data.last_stable_offset,
        high_watermark: data.high_watermark,
    })
}

/// One after the other, without a gap. A batch at the end may be cut short.
fn batches_of(data: &PartitionData, offset: i64) -> Vec<Batch> {
    let mut bytes = BytesMut::new();
    for piece in data.records.clone().unwrap_or_default().pieces() {
        bytes.extend_from_slice(piece);
    }
    let mut bytes = bytes.freeze();
    let mut next = offset;
    let mut batches = Vec::new();
    while let Ok(header) = BatchHeader::parse(&bytes) {
        if bytes.len() < header.size_bytes() {
            break;
        }
        let batch = bytes.split_to(header.size_bytes());
        assert!(crc_is_valid(&batch), "a damaged batch at {next}");
        let is_first = batches.is_empty();
        let follows = header.base_offset == next || is_first && header.base_offset < next;
        assert!(follows, "{next} was due, and {} came", header.base_offset);
        next = header.next_offset();
        let is_control = header.attributes.is_control();
        let marker = is_control.then(|| EndTransactionMarker::parse(&header, &batch));
        let records = Records::new(&batch[HEADER_BYTES..]).map(|record| {
            let record = record.unwrap();
            let at = header.base_offset + i64::from(record.offset_delta);
            (at, Mark::of_value(record.value.unwrap()))
        });
        batches.push(Batch {
            header,
            marker: marker.map(|marker| marker.expect("a marker that says nothing").result),
            records: if is_control {
                Vec::new()
            } else {
                records.collect()
            },
        });
    }
    batches
}

impl Fetched {
    /// Where to go on.
    pub fn next_offset(&self) -> Option<i64> {
        self.batches.last().map(|batch| batch.header.next_offset())
    }

    /// The records from `offset` on that a consumer of committed ones gives out, as Kafka's do:
    /// those of an aborted transaction are left out, from where it begins up to its marker.
    pub fn committed(&self, offset: i64) -> Vec<(i64, Mark)> {
        let mut begins = self.aborted.clone();
        begins.sort_by_key(|aborted| aborted.first_offset);
        let mut begins = VecDeque::from(begins);
        let mut aborted = BTreeSet::new();
        let mut given = Vec::new();
        for batch in &self.batches {
            let header = &batch.header;
            while begins
                .front()
                .is_some_and(|begin| begin.first_offset <= header.last_offset())
            {
                aborted.extend(begins.pop_front().map(|begin| begin.producer_id));
            }
            if batch.marker == Some(TransactionResult::Abort) {
                aborted.remove(&header.producer_id);
            }
            if !aborted.contains(&header.producer_id) {
                let records = batch.records.iter();
                given.extend(records.filter(|(at, _)| *at >= offset));
            }
        }
        given
    }
}
