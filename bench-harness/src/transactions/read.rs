//! What a consumer of committed records gets, held against what was committed.

use std::collections::{BTreeSet, HashSet};

use naru_record_batch::{BatchHeader, EndTransactionMarker, HEADER_BYTES, Records};
use naru_wire::Str;
use naru_wire::api::fetch::{AbortedTransaction, FetchPartition, FetchRequest, FetchTopic};
use naru_wire::api::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};

use super::producer::Stamp;
use crate::kafka::{Cluster, Connection, KafkaError};

/// Topics are named, not numbered, up to these versions.
const FETCH_VERSION_MAX: i16 = 12;
const LIST_OFFSETS_VERSION_MAX: i16 = 9;

const READ_COMMITTED: i8 = 1;

/// The timestamp that asks for the end of a partition: for these readers, its last stable offset.
const LATEST: i64 = -1;

const FETCH_BYTES_MAX: i32 = 4 << 20;
const FETCH_WAIT_MS: i32 = 500;

/// Fetches in a row that bring nothing although there is more.
const EMPTY_FETCHES_MAX: u32 = 60;

#[derive(Debug, Default)]
pub(super) struct Found {
    records: HashSet<Stamp>,
    doubled: u64,
    foreign: u64,
}

/// Reads each partition of a topic from its start to its last stable offset.
pub(super) async fn read_committed(
    cluster: &Cluster,
    topic: &str,
    partitions: u32,
) -> Result<Found, KafkaError> {
    let mut found = Found::default();
    let topic = Str::from(topic);
    let topics = cluster.topics(std::slice::from_ref(&topic)).await?;
    let leaders = topics.into_iter().flat_map(|topic| topic.leaders);
    for (partition, leader) in (0..partitions as i32).zip(leaders) {
        let connection = cluster.node(leader).await?;
        let end = stable_end(&connection, &topic, partition).await?;
        read_partition(&connection, &topic, partition, end, &mut found).await?;
    }
    Ok(found)
}

async fn stable_end(
    connection: &Connection,
    topic: &Str,
    partition: i32,
) -> Result<i64, KafkaError> {
    let request = ListOffsetsRequest {
        isolation_level: READ_COMMITTED,
        topics: vec![ListOffsetsTopic {
            name: topic.clone(),
            partitions: vec![ListOffsetsPartition {
                partition_index: partition,
                timestamp: LATEST,
                ..Default::default()
            }],
        }],
        ..Default::default()
    };
    let version = connection.version::<ListOffsetsRequest>(LIST_OFFSETS_VERSION_MAX)?;
    let answer = connection.send_in(&request, version)?.await?;
    let mut listed = answer.topics.iter().flat_map(|topic| &topic.partitions);
    let Some(listed) = listed.next() else {
        return Ok(0);
    };
    KafkaError::check(listed.error_code, || "ListOffsets".into(), None)?;
    Ok(listed.offset)
}

async fn read_partition(
    connection: &Connection,
    topic: &Str,
    partition: i32,
    end: i64,
    found: &mut Found,
) -> Result<(), KafkaError> {
    let version = connection.version::<FetchRequest>(FETCH_VERSION_MAX)?;
    let (mut offset, mut empty) = (0, 0);
    while offset < end {
        let request = FetchRequest {
            max_wait_ms: FETCH_WAIT_MS,
            min_bytes: 1,
            isolation_level: READ_COMMITTED,
            topics: vec![FetchTopic {
                topic: topic.clone(),
                partitions: vec![FetchPartition {
                    partition,
                    fetch_offset: offset,
                    partition_max_bytes: FETCH_BYTES_MAX,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let answer = connection.send_in(&request, version)?.await?;
        KafkaError::check(answer.error_code, || "fetch".into(), None)?;
        let before = offset;
        for data in answer.responses.iter().flat_map(|topic| &topic.partitions) {
            KafkaError::check(data.error_code, || "fetch".into(), None)?;
            let records = data.records.as_ref();
            let bytes = records.and_then(|records| records.pieces().first());
            let aborted = data.aborted_transactions.as_deref().unwrap_or_default();
            if let Some(next) = bytes.and_then(|bytes| found.take(bytes, offset, aborted)) {
                offset = next;
            }
        }
        empty = if offset == before { empty + 1 } else { 0 };
        if empty > EMPTY_FETCHES_MAX {
            let what = format!("reading {topic}-{partition} from {offset} to {end}");
            return Err(KafkaError::TooLate(what, 30));
        }
    }
    Ok(())
}

impl Found {
    /// Takes the committed records of what a fetch at `from` has brought, as Kafka's consumer does:
    /// a transaction that the answer lists is left out from its first offset to its marker. Says
    /// where the next fetch begins.
    fn take(&mut self, bytes: &[u8], from: i64, aborted: &[AbortedTransaction]) -> Option<i64> {
        let mut upcoming: Vec<(i64, i64)> = aborted
            .iter()
            .map(|a| (a.first_offset, a.producer_id))
            .collect();
        upcoming.sort_unstable_by(|a, b| b.cmp(a));
        let mut open = BTreeSet::new();
        let (mut rest, mut next) = (bytes, None);
        while let Ok(header) = BatchHeader::parse(rest) {
            let Some((batch, after)) = rest.split_at_checked(header.size_bytes()) else {
                break;
            };
            rest = after;
            next = Some(header.next_offset());
            while upcoming
                .last()
                .is_some_and(|(first, _)| *first < header.next_offset())
            {
                open.extend(upcoming.pop().map(|(_, producer)| producer));
            }
            if EndTransactionMarker::parse(&header, batch).is_some() {
                open.remove(&header.producer_id);
            } else if !header.attributes.is_control() && !open.contains(&header.producer_id) {
                self.see(&header, &batch[HEADER_BYTES..], from);
            }
        }
        next
    }

    fn see(&mut self, header: &BatchHeader, records: &[u8], from: i64) {
        for record in Records::new(records).map_while(Result::ok) {
            if header.base_offset + i64::from(record.offset_delta) < from {
                continue;
            }
            match Stamp::read(record.value.unwrap_or_default()) {
                Some(stamp) if self.records.insert(stamp) => {}
                Some(_) => self.doubled += 1,
                None => self.foreign += 1,
            }
        }
    }

    /// What is not as it was committed: for each producer, which of its transactions were, with so
    /// many records in each.
    pub(super) fn faults<'a>(
        &self,
        committed: impl Iterator<Item = &'a [bool]>,
        records: u32,
    ) -> Vec<String> {
        let mut expected = HashSet::new();
        for (producer, transactions) in committed.enumerate() {
            let numbered = transactions.iter().enumerate();
            for (transaction, _) in numbered.filter(|(_, is_committed)| **is_committed) {
                expected.extend((0..records).map(|record| Stamp {
                    producer: producer as u32,
                    transaction: transaction as u64,
                    record,
                }));
            }
        }
        let lost = expected.difference(&self.records).count() as u64;
        let surplus = self.records.difference(&expected).count() as u64;
        let counts = [
            (lost, "committed records do not come back"),
            (surplus, "records come back that were not committed"),
            (self.doubled, "records come back twice"),
            (self.foreign, "records come back that nobody sent"),
        ];
        let there = counts.into_iter().filter(|(count, _)| *count > 0);
        there
            .map(|(count, what)| format!("{count} {what}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use naru_record_batch::{BatchBuilder, Codec, TransactionResult, stamp};

    use super::*;

    fn batch(producer_id: i64, transaction: u64, base_offset: i64) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Codec::None)
            .producer(producer_id, 0, 0)
            .transactional();
        let mut value = [0; 16];
        let stamped = Stamp {
            producer: producer_id as u32,
            transaction,
            record: 0,
        };
        stamped.write(&mut value);
        builder.push_pair(0, None, Some(&value));
        let mut batch = builder.build().unwrap();
        stamp(&mut batch, base_offset, 0);
        batch
    }

    fn marker(producer_id: i64, result: TransactionResult, base_offset: i64) -> Vec<u8> {
        let marker = EndTransactionMarker {
            result,
            coordinator_epoch: 0,
        };
        let mut batch = marker.build(producer_id, 0, 0).bytes().to_vec();
        stamp(&mut batch, base_offset, 0);
        batch
    }

    #[test]
    fn what_was_aborted_is_left_out_and_what_follows_it_is_not() {
        let bytes = [
            batch(0, 0, 0),
            batch(1, 0, 1),
            marker(0, TransactionResult::Abort, 2),
            batch(0, 1, 3),
            marker(1, TransactionResult::Commit, 4),
            marker(0, TransactionResult::Commit, 5),
        ]
        .concat();
        let aborted = [AbortedTransaction {
            producer_id: 0,
            first_offset: 0,
        }];
        let mut found = Found::default();
        assert_eq!(found.take(&bytes, 0, &aborted), Some(6));
        let committed: [&[bool]; 2] = [&[false, true], &[true]];
        assert_eq!(found.faults(committed.into_iter(), 1), [""; 0]);
        let committed: [&[bool]; 2] = [&[false, false], &[true, true]];
        let faults = found.faults(committed.into_iter(), 1);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("1 committed") && faults[1].starts_with("1 records"));
    }
}
