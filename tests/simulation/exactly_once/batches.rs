//! Batches as a fetch brings them, and what a consumer of committed records makes of them.

use std::collections::{BTreeSet, VecDeque};

use bytes::BytesMut;
use naru_record_batch::{
    BatchHeader, EndTransactionMarker, HEADER_BYTES, Records, TransactionResult, crc_is_valid,
};
use naru_wire::api::fetch::{AbortedTransaction, PartitionData};

use super::history::Place;
use crate::client::Client;
use crate::ledger::Mark;
use crate::reader::{Isolation, Nothing, fetch_partition};

const WAIT_MS: i32 = 200;

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

/// Fetches whole batches from the one that holds `offset` on.
pub async fn fetch(
    client: &mut Client,
    place: Place,
    offset: i64,
    isolation: Isolation,
) -> Result<Fetched, Nothing> {
    let partition = (place.topic, place.partition);
    let data = fetch_partition(client, partition, offset, isolation, WAIT_MS).await?;
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
