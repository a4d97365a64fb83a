//! The state of a partition's idempotent producers (KIP-98): which sequence each may send
//! next, and where its last batches went, for retries.
//!
//! Pure: no I/O and no clock. Snapshots go into the log's checkpoint, and beside each segment.

mod snapshot;

pub use snapshot::SnapshotError;

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use naru_record_batch::BatchHeader;

/// Batches remembered for each producer: what a client may have in flight
/// (`max.in.flight.requests.per.connection` of at most 5 with idempotence).
const BATCHES_MAX: usize = 5;

#[derive(Clone, Debug, Default)]
pub struct Producers(HashMap<i64, Producer>);

#[derive(Clone, Debug, PartialEq)]
struct Producer {
    epoch: i16,
    /// When its last batch was appended, by the broker's clock, in ms since 1970: the timestamps
    /// of its records may be any.
    last_append_ms: i64,
    /// Oldest first.
    batches: VecDeque<Batch>,
    /// The sequence that has to come next where no batch is remembered: all were taken back. Not
    /// kept across a restart.
    resumes_at: Option<i32>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    #[error(
        "producer {producer_id} sent sequence {sequence}, where {expected} was expected: batches \
         are missing or too old to be known"
    )]
    OutOfOrderSequence {
        producer_id: i64,
        sequence: i32,
        expected: i32,
    },
    #[error("producer {producer_id} has epoch {epoch}, but epoch {current} was seen already")]
    InvalidProducerEpoch {
        producer_id: i64,
        epoch: i16,
        current: i16,
    },
}

impl Producers {
    /// Judges a batch before it is appended. A producer that is not known may begin with
    /// any sequence: its state may have expired.
    pub fn check(
        &self,
        producer_id: i64,
        epoch: i16,
        first_sequence: i32,
        last_sequence: i32,
    ) -> Result<Verdict, SequenceError> {
        let Some(producer) = self.0.get(&producer_id) else {
            return Ok(Verdict::New);
        };
        if epoch < producer.epoch {
            return Err(SequenceError::InvalidProducerEpoch {
                producer_id,
                epoch,
                current: producer.epoch,
            });
        }
        let expected = if epoch > producer.epoch {
            0
        } else {
            let same =
                |b: &&Batch| b.first_sequence == first_sequence && b.last_sequence == last_sequence;
            if let Some(batch) = producer.batches.iter().find(same) {
                return Ok(Verdict::Duplicate {
                    first_offset: batch.first_offset,
                    last_offset: batch.last_offset,
                    timestamp_ms: batch.timestamp_ms,
                });
            }
            match producer.batches.back() {
                Some(last) => next_sequence(last.last_sequence),
                None => match producer.resumes_at {
                    Some(sequence) => sequence,
                    None => return Ok(Verdict::New),
                },
            }
        };
        if first_sequence == expected {
            return Ok(Verdict::New);
        }
        Err(SequenceError::OutOfOrderSequence {
            producer_id,
            sequence: first_sequence,
            expected,
        })
    }

    /// Notes a batch that was appended at `first_offset`, at `now_ms` by the broker's clock.
    pub fn record(
        &mut self,
        header: &BatchHeader,
        first_offset: i64,
        timestamp_ms: i64,
        now_ms: i64,
    ) {
        let producer = self.0.entry(header.producer_id).or_insert(Producer {
            epoch: header.producer_epoch,
            last_append_ms: now_ms,
            batches: VecDeque::new(),
            resumes_at: None,
        });
        if producer.epoch != header.producer_epoch {
            producer.epoch = header.producer_epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == BATCHES_MAX {
            producer.batches.pop_front();
        }
        producer.last_append_ms = now_ms;
        producer.resumes_at = None;
        producer.batches.push_back(Batch {
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            first_offset,
            last_offset: first_offset + i64::from(header.last_offset_delta),
            timestamp_ms,
        });
    }

    /// Forgets the batches from `offset` on, which are not in the log any more.
    pub fn forget_from(&mut self, offset: i64) {
        for producer in self.0.values_mut() {
            let mut taken_back = producer.batches.iter().filter(|b| b.first_offset >= offset);
            let Some(first_sequence) = taken_back.next().map(|b| b.first_sequence) else {
                continue;
            };
            producer.batches.retain(|batch| batch.first_offset < offset);
            if producer.batches.is_empty() {
                producer.resumes_at = Some(first_sequence);
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

    /// Forgets those that have been silent for `expiration_ms` (`producer.id.expiration.ms`).
    pub fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.0
            .retain(|_, p| now_ms.saturating_sub(p.last_append_ms) < expiration_ms);
    }

    /// A snapshot, which belongs to one end of the log.
    pub fn to_bytes(&self) -> Bytes {
        snapshot::encode(&self.0)
    }

    /// Reads a snapshot of any version.
    pub fn from_bytes(bytes: &[u8], now_ms: i64) -> Result<Self, SnapshotError> {
        snapshot::decode(bytes, now_ms).map(Self)
    }
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

    fn check(producers: &Producers, h: &BatchHeader) -> Result<Verdict, SequenceError> {
        producers.check(
            h.producer_id,
            h.producer_epoch,
            h.base_sequence,
            h.last_sequence(),
        )
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
            Err(SequenceError::OutOfOrderSequence {
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
            Err(SequenceError::InvalidProducerEpoch {
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
        assert!(again.is_ok_and(|again| again.0 == producers.0));
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
