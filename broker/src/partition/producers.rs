//! The state of a partition's producers: of idempotent ones (KIP-98), which sequence each may
//! send next, and where its last batches went, for retries; of transactional ones, which
//! transactions are open, and which batches may begin one (KIP-890).
//!
//! Pure: no I/O and no clock. Snapshots go into the log's checkpoint, and beside each segment.

mod error;
mod last;
mod marker;
mod snapshot;
mod transactions;
mod verification;

pub use error::ProducerError;
pub use marker::{Marker, MarkerRefusal};
pub use snapshot::SnapshotError;
pub use verification::{Verification, VerificationGuard, VerificationRequest};

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use naru_engine::log::AbortedTransaction;
use naru_record_batch::{BatchHeader, EndTransactionMarker, TransactionResult};

use transactions::Transactions;
use verification::Verifications;

/// Batches remembered for each producer: what a client may have in flight
/// (`max.in.flight.requests.per.connection` of at most 5 with idempotence).
const BATCHES_MAX: usize = 5;

/// The coordinator epoch of a producer that no marker was written for.
const NO_COORDINATOR_EPOCH: i32 = -1;

#[derive(Clone, Debug, Default)]
pub struct Producers {
    known: HashMap<i64, Producer>,
    transactions: Transactions,
    verifications: Verifications,
}

#[derive(Clone, Debug, PartialEq)]
struct Producer {
    epoch: i16,
    /// When its last batch or marker was appended, by the broker's clock, in ms since 1970: the
    /// timestamps of its records may be any.
    last_append_ms: i64,
    /// Oldest first.
    batches: VecDeque<Batch>,
    /// The sequence that has to come next where no batch is remembered: all were taken back, or
    /// a marker began a new epoch. Without one, any may come.
    resumes_at: Option<i32>,
    /// Of the coordinator that wrote its last marker.
    coordinator_epoch: i32,
    /// Where its open transaction began.
    open_from: Option<i64>,
    /// The last offset of its data, if any is known.
    last_data_offset: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Batch {
    first_sequence: i32,
    last_sequence: i32,
    first_offset: i64,
    last_offset: i64,
    timestamp_ms: i64,
}

/// What is to become of a batch whose sequence is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    New,
    /// It is here already, at these offsets.
    Duplicate {
        first_offset: i64,
        last_offset: i64,
        timestamp_ms: i64,
    },
}

/// A producer as DescribeProducers shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveProducer {
    pub producer_id: i64,
    pub epoch: i16,
    /// -1 where none is remembered.
    pub last_sequence: i32,
    pub last_append_ms: i64,
    /// -1 before its first marker.
    pub coordinator_epoch: i32,
    pub open_from: Option<i64>,
}

impl Producer {
    fn new(epoch: i16) -> Self {
        Self {
            epoch,
            last_append_ms: 0,
            batches: VecDeque::new(),
            resumes_at: None,
            coordinator_epoch: NO_COORDINATOR_EPOCH,
            open_from: None,
            last_data_offset: None,
        }
    }

    /// The batch that has exactly these sequences.
    fn duplicate_of(&self, header: &BatchHeader) -> Option<Verdict> {
        let sequences = (header.base_sequence, header.last_sequence());
        let mut batches = self.batches.iter();
        let batch = batches.find(|b| (b.first_sequence, b.last_sequence) == sequences)?;
        Some(Verdict::Duplicate {
            first_offset: batch.first_offset,
            last_offset: batch.last_offset,
            timestamp_ms: batch.timestamp_ms,
        })
    }

    /// The sequence that has to come next; `None` if any may.
    fn expected_sequence(&self, epoch: i16) -> Option<i32> {
        if epoch > self.epoch {
            return Some(0);
        }
        let last = self.batches.back();
        last.map_or(self.resumes_at, |b| Some(next_sequence(b.last_sequence)))
    }
}

impl Producers {
    /// Judges a batch before it is appended. A producer that is not known may begin with
    /// any sequence: its state may have expired.
    ///
    /// Coordinators write offsets in the name of producers, without sequences: of such a batch
    /// only the epoch is judged, and the transaction.
    pub fn check(
        &self,
        header: &BatchHeader,
        verification: Verification,
    ) -> Result<Verdict, ProducerError> {
        let id = header.producer_id;
        let producer = self.known.get(&id);
        if let Some(producer) = producer {
            check_epoch(id, header.producer_epoch, producer.epoch)?;
            let is_same_epoch = producer.epoch == header.producer_epoch;
            if let Some(duplicate) = producer.duplicate_of(header).filter(|_| is_same_epoch) {
                return Ok(duplicate);
            }
        }
        let has_open = producer.is_some_and(|p| p.open_from.is_some());
        let is_transactional = header.attributes.is_transactional();
        if is_transactional && !self.is_open(id, header.producer_epoch) {
            let pending = self.verifications.passed(id, verification);
            pending.ok_or(ProducerError::NotVerified { producer_id: id })?;
        }
        if header.base_sequence >= 0 {
            self.check_sequence(producer, header)?;
        }
        if has_open && !is_transactional {
            return Err(ProducerError::OutsideTransaction { producer_id: id });
        }
        Ok(Verdict::New)
    }

    fn check_sequence(
        &self,
        producer: Option<&Producer>,
        header: &BatchHeader,
    ) -> Result<(), ProducerError> {
        let id = header.producer_id;
        let sequence = header.base_sequence;
        let out_of_order = |expected| ProducerError::OutOfOrderSequence {
            producer_id: id,
            sequence,
            expected,
        };
        let is_empty = producer.is_none_or(|p| p.batches.is_empty());
        if let Some(expected) = self.verifications.sequence_max(id, is_empty)
            && sequence > expected
        {
            // An earlier batch of the transaction was not taken yet: this one must not be the
            // first (KIP-890).
            return Err(out_of_order(expected));
        }
        let expected = producer.and_then(|p| p.expected_sequence(header.producer_epoch));
        match expected {
            Some(expected) if sequence != expected => Err(out_of_order(expected)),
            _ => Ok(()),
        }
    }

    /// Whether a transaction of this epoch of the producer is open.
    fn is_open(&self, producer_id: i64, epoch: i16) -> bool {
        let producer = self.known.get(&producer_id);
        producer.is_some_and(|p| p.open_from.is_some() && p.epoch == epoch)
    }

    /// Begins to verify that a transaction of the producer is under way in this partition: to be
    /// asked before its coordinator is. `None` where there is nothing to verify, as a batch of
    /// it was taken already.
    pub fn begin_verification(
        &mut self,
        request: VerificationRequest,
        now_ms: i64,
    ) -> Option<VerificationGuard> {
        if self.is_open(request.producer_id, request.producer_epoch) {
            return None;
        }
        Some(self.verifications.begin(request, now_ms))
    }

    /// Notes a batch that was appended at `first_offset`, at `now_ms` by the broker's clock.
    pub fn record(
        &mut self,
        header: &BatchHeader,
        first_offset: i64,
        timestamp_ms: i64,
        now_ms: i64,
    ) {
        let id = header.producer_id;
        let last_offset = first_offset + i64::from(header.last_offset_delta);
        let producer = self.known.entry(id);
        let producer = producer.or_insert_with(|| Producer::new(header.producer_epoch));
        if producer.epoch != header.producer_epoch {
            producer.epoch = header.producer_epoch;
            producer.batches.clear();
            producer.resumes_at = None;
        }
        producer.last_append_ms = now_ms;
        producer.last_data_offset = Some(last_offset);
        if header.base_sequence >= 0 {
            if producer.batches.len() == BATCHES_MAX {
                producer.batches.pop_front();
            }
            producer.resumes_at = None;
            producer.batches.push_back(Batch {
                first_sequence: header.base_sequence,
                last_sequence: header.last_sequence(),
                first_offset,
                last_offset,
                timestamp_ms,
            });
        }
        // A batch that compaction has emptied is of a transaction that is long decided.
        if header.attributes.is_transactional() && header.records_count > 0 {
            self.verifications.end(id);
            if producer.open_from.is_none() {
                producer.open_from = Some(first_offset);
                self.transactions.began(id, first_offset);
            }
        }
    }

    /// Judges a marker before it is appended.
    ///
    /// With `transaction.version` 2 each transaction has an epoch of its own, and its marker the
    /// next one: one that is not larger is late (KIP-1228), unless nothing is open and the
    /// coordinator repeats itself (KAFKA-19999).
    pub fn check_marker(&self, marker: &Marker) -> Result<(), MarkerRefusal> {
        let Some(producer) = self.known.get(&marker.producer_id) else {
            return Ok(());
        };
        let (epoch, current) = (marker.producer_epoch, producer.epoch);
        let is_late = match marker.transaction_version {
            ..2 => epoch < current,
            _ => epoch < current || (epoch == current && producer.open_from.is_some()),
        };
        if is_late {
            return Err(MarkerRefusal::InvalidProducerEpoch {
                producer_id: marker.producer_id,
                epoch,
                current,
            });
        }
        if marker.coordinator_epoch < producer.coordinator_epoch {
            return Err(MarkerRefusal::CoordinatorFenced {
                producer_id: marker.producer_id,
                epoch: marker.coordinator_epoch,
                current: producer.coordinator_epoch,
            });
        }
        Ok(())
    }

    /// Notes a marker that was appended at `offset`: the transaction that it ended if it has
    /// aborted one. A marker without data before it ends nothing.
    pub fn record_marker(
        &mut self,
        marker: &Marker,
        offset: i64,
        now_ms: i64,
    ) -> Option<AbortedTransaction> {
        let id = marker.producer_id;
        self.verifications.end(id);
        let before = self.known.get(&id).cloned();
        let producer = self.known.entry(id);
        let producer = producer.or_insert_with(|| Producer::new(marker.producer_epoch));
        let is_new_epoch = producer.epoch != marker.producer_epoch;
        if is_new_epoch || before.is_none() {
            producer.epoch = marker.producer_epoch;
            producer.batches.clear();
            producer.resumes_at = Some(0);
        }
        producer.coordinator_epoch = marker.coordinator_epoch;
        producer.last_append_ms = now_ms;
        let first_offset = producer.open_from.take();
        self.transactions.decided(id, offset, first_offset, before);
        let first_offset = first_offset?;
        let last_stable_offset = self.transactions.first_open().unwrap_or(offset + 1);
        (marker.result == TransactionResult::Abort).then_some(AbortedTransaction {
            producer_id: id,
            first_offset,
            last_offset: offset,
            last_stable_offset,
        })
    }

    /// All below `offset` is committed: what was decided there is decided for consumers.
    pub fn committed_up_to(&mut self, offset: i64) {
        self.transactions.committed_up_to(offset);
    }

    /// The first offset of a transaction that is not decided for consumers: it is open, or its
    /// marker is not committed.
    pub fn first_unstable(&self) -> Option<i64> {
        self.transactions.first_unstable()
    }

    /// Forgets the batches from `offset` on, which are not in the log any more; transactions
    /// whose marker is among them are open again.
    pub fn forget_from(&mut self, offset: i64) {
        for (id, before) in self.transactions.take_back(offset) {
            match before {
                Some(before) => self.known.insert(id, before),
                None => self.known.remove(&id),
            };
        }
        for producer in self.known.values_mut() {
            if producer.open_from.is_some_and(|first| first >= offset) {
                producer.open_from = None;
            }
            if producer.last_data_offset.is_none_or(|last| last < offset) {
                continue;
            }
            let taken_back = producer.batches.iter().find(|b| b.first_offset >= offset);
            let first_sequence = taken_back.map(|b| b.first_sequence);
            producer.batches.retain(|batch| batch.first_offset < offset);
            producer.last_data_offset = producer.batches.back().map(|b| b.last_offset);
            if producer.batches.is_empty() && first_sequence.is_some() {
                producer.resumes_at = first_sequence;
            }
        }
    }

    /// Notes a batch that recovery found in the log. When it was appended is not kept: its
    /// producer counts as heard of now.
    pub fn replay(&mut self, header: &BatchHeader, now_ms: i64) {
        if header.producer_id >= 0 && !header.attributes.is_control() {
            self.record(header, header.base_offset, header.max_timestamp_ms, now_ms);
        }
    }

    /// Notes a marker that recovery found in the log; see [`Self::record_marker`].
    pub fn replay_marker(
        &mut self,
        header: &BatchHeader,
        marker: EndTransactionMarker,
        now_ms: i64,
    ) -> Option<AbortedTransaction> {
        let marker = Marker {
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            coordinator_epoch: marker.coordinator_epoch,
            result: marker.result,
            // It was judged when it was appended.
            transaction_version: 0,
        };
        self.record_marker(&marker, header.base_offset, now_ms)
    }

    /// Forgets those that have been silent for `expiration_ms` (`producer.id.expiration.ms`) and
    /// have no transaction open.
    pub fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        let is_over = |since_ms: i64| now_ms.saturating_sub(since_ms) >= expiration_ms;
        self.known
            .retain(|_, p| p.open_from.is_some() || !is_over(p.last_append_ms));
        self.verifications.expire(is_over);
    }

    /// Those that are known, in no order.
    pub fn active(&self) -> impl ExactSizeIterator<Item = ActiveProducer> {
        self.known.iter().map(|(&producer_id, producer)| {
            let last = producer.batches.back();
            ActiveProducer {
                producer_id,
                epoch: producer.epoch,
                last_sequence: last.map_or(-1, |batch| batch.last_sequence),
                last_append_ms: producer.last_append_ms,
                coordinator_epoch: producer.coordinator_epoch,
                open_from: producer.open_from,
            }
        })
    }

    /// A snapshot, which belongs to one end of the log.
    pub fn to_bytes(&self) -> Bytes {
        snapshot::encode(&self.known, &self.transactions)
    }

    /// Reads a snapshot of any version.
    pub fn from_bytes(bytes: &[u8], now_ms: i64) -> Result<Self, SnapshotError> {
        let (known, transactions) = snapshot::decode(bytes, now_ms)?;
        Ok(Self {
            known,
            transactions,
            verifications: Verifications::default(),
        })
    }
}

fn check_epoch(producer_id: i64, epoch: i16, current: i16) -> Result<(), ProducerError> {
    if epoch >= current {
        return Ok(());
    }
    Err(ProducerError::InvalidProducerEpoch {
        producer_id,
        epoch,
        current,
    })
}

fn next_sequence(last: i32) -> i32 {
    last.checked_add(1).unwrap_or(0)
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use naru_record_batch::{Attributes, MAGIC};

    use super::*;

    fn header(epoch: i16, first_sequence: i32, count: i32) -> BatchHeader {
        BatchHeader {
            base_offset: 0,
            batch_length: 49,
            partition_leader_epoch: 0,
            magic: MAGIC,
            crc: 0,
            attributes: Attributes(0),
            last_offset_delta: count - 1,
            base_timestamp_ms: 0,
            max_timestamp_ms: 0,
            producer_id: 7,
            producer_epoch: epoch,
            base_sequence: first_sequence,
            records_count: count,
        }
    }

    fn check(producers: &Producers, h: &BatchHeader) -> Result<Verdict, ProducerError> {
        producers.check(h, Verification::None)
    }

    fn after(batches: &[BatchHeader]) -> Producers {
        let mut producers = Producers::default();
        let mut offset = 100;
        for batch in batches {
            producers.record(batch, offset, 0, 0);
            offset += i64::from(batch.records_count);
        }
        producers
    }

    #[test]
    fn an_unknown_producer_may_begin_anywhere() {
        assert_eq!(
            check(&Producers::default(), &header(3, 42, 1)),
            Ok(Verdict::New)
        );
    }

    #[test]
    fn the_next_sequence_is_new_and_a_gap_is_not() {
        let producers = after(&[header(0, 0, 3)]);
        assert_eq!(check(&producers, &header(0, 3, 2)), Ok(Verdict::New));
        assert_eq!(
            check(&producers, &header(0, 4, 2)),
            Err(ProducerError::OutOfOrderSequence {
                producer_id: 7,
                sequence: 4,
                expected: 3
            })
        );
    }

    #[test]
    fn each_of_the_last_five_batches_is_known_and_the_sixth_is_not() {
        let batches: Vec<_> = (0..6).map(|i| header(0, i * 2, 2)).collect();
        let producers = after(&batches);
        for (i, batch) in batches.iter().enumerate().skip(1) {
            let first_offset = 100 + 2 * i as i64;
            assert_eq!(
                check(&producers, batch),
                Ok(Verdict::Duplicate {
                    first_offset,
                    last_offset: first_offset + 1,
                    timestamp_ms: 0
                })
            );
        }
        assert!(check(&producers, &batches[0]).is_err());
        assert!(
            check(&producers, &header(0, 10, 1)).is_err(),
            "a part of one"
        );
    }

    #[test]
    fn a_new_epoch_begins_at_zero_and_the_old_one_is_over() {
        let producers = after(&[header(1, 0, 3)]);
        assert!(check(&producers, &header(2, 3, 1)).is_err());
        assert_eq!(check(&producers, &header(2, 0, 1)), Ok(Verdict::New));
        assert_eq!(
            check(&producers, &header(0, 3, 1)),
            Err(ProducerError::InvalidProducerEpoch {
                producer_id: 7,
                epoch: 0,
                current: 1
            })
        );
    }

    #[test]
    fn a_batch_that_was_taken_back_is_new_again() {
        let mut producers = after(&[header(0, 0, 3), header(0, 3, 2)]);
        producers.forget_from(103);
        assert_eq!(check(&producers, &header(0, 3, 2)), Ok(Verdict::New));
        let first = check(&producers, &header(0, 0, 3));
        assert!(matches!(
            first,
            Ok(Verdict::Duplicate {
                first_offset: 100,
                ..
            })
        ));
    }

    /// A full disk takes back all five that are remembered, and the sixth is under way already: it
    /// must not be stored before them.
    #[test]
    fn a_gap_is_seen_though_every_batch_was_taken_back() {
        let batches: Vec<_> = (0..6).map(|i| header(0, i * 2, 2)).collect();
        let mut producers = after(&batches);
        producers.forget_from(102);
        assert!(check(&producers, &header(0, 12, 1)).is_err());
        assert_eq!(check(&producers, &header(0, 2, 2)), Ok(Verdict::New));
        producers.forget_from(0);
        assert!(check(&producers, &header(0, 12, 1)).is_err());
    }

    #[test]
    fn sequences_wrap_to_zero() {
        let producers = after(&[header(0, i32::MAX, 1)]);
        assert_eq!(check(&producers, &header(0, 0, 1)), Ok(Verdict::New));
        let producers = after(&[header(0, i32::MAX - 1, 4)]);
        assert_eq!(check(&producers, &header(0, 2, 1)), Ok(Verdict::New));
    }

    #[test]
    fn a_snapshot_brings_back_every_verdict() {
        let batches: Vec<_> = (0..6).map(|i| header(0, i * 2, 2)).collect();
        let producers = after(&batches);
        let again = Producers::from_bytes(&producers.to_bytes(), 9);
        assert!(again.is_ok_and(|again| again.known == producers.known));
    }

    #[test]
    fn a_silent_producer_is_forgotten() {
        let mut producers = after(&[header(0, 0, 1)]);
        producers.expire(1_000, 1_000);
        assert_eq!(check(&producers, &header(0, 9, 1)), Ok(Verdict::New));
    }

    /// A record's timestamp is the producer's to choose: one of long ago had its producer forgotten
    /// at once, and a retry was stored twice.
    #[test]
    fn the_timestamps_of_records_forget_nobody() {
        let mut producers = Producers::default();
        producers.record(&header(0, 0, 1), 100, -1, 5_000);
        producers.expire(5_999, 1_000);
        assert!(check(&producers, &header(0, 9, 1)).is_err());
        producers.expire(6_000, 1_000);
        assert_eq!(check(&producers, &header(0, 9, 1)), Ok(Verdict::New));
    }
}
