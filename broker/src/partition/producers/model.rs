//! The verdicts against a model that forgets nothing: the list of all batches that were
//! ever accepted. Snapshots are taken and read back on the way.
use naru_record_batch::{Attributes, MAGIC};
use proptest::prelude::*;

use super::*;

/// Sequences count modulo this.
const SEQUENCES: i64 = 1 << 31;

/// A batch as a producer may send it, told by what it sent before.
#[derive(Clone, Copy, Debug)]
enum Sent {
    /// Where the last accepted one ended, plus so many: 0 is right, others are gaps or overlaps.
    After(i64),
    /// The accepted batch so many back, with its length changed by so much.
    Again(usize, i32),
}

#[derive(Clone, Copy, Debug)]
struct Step {
    producer_id: i64,
    /// Added to the epoch that was accepted last.
    epoch_by: i16,
    sent: Sent,
    count: i32,
    is_restart: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let sent = prop_oneof![
        4 => Just(Sent::After(0)),
        1 => (-4i64..4).prop_map(Sent::After),
        3 => (0usize..8).prop_map(|back| Sent::Again(back, 0)),
        1 => (0usize..8, -1i32..2).prop_map(|(back, by)| Sent::Again(back, by)),
    ];
    let epoch_by = prop_oneof![8 => Just(0i16), 1 => -1i16..3];
    (0i64..3, epoch_by, sent, 1i32..5, prop::bool::weighted(0.1)).prop_map(
        |(producer_id, epoch_by, sent, count, is_restart)| Step {
            producer_id,
            epoch_by,
            sent,
            count,
            is_restart,
        },
    )
}

#[derive(Clone, Copy, Debug)]
struct Accepted {
    producer_id: i64,
    epoch: i16,
    first: i32,
    count: i32,
    first_offset: i64,
}

impl Accepted {
    fn end(&self) -> i64 {
        (i64::from(self.first) + i64::from(self.count)) % SEQUENCES
    }
}

/// What a batch should be told: its first offset if it is a duplicate, or an error's code.
fn expected(all: &[Accepted], batch: &Accepted) -> Result<Option<i64>, i16> {
    let mut own = all
        .iter()
        .rev()
        .filter(|a| a.producer_id == batch.producer_id);
    let Some(last) = own.clone().next() else {
        return Ok(None);
    };
    if batch.epoch < last.epoch {
        return Err(47);
    }
    if batch.epoch > last.epoch {
        return if batch.first == 0 { Ok(None) } else { Err(45) };
    }
    let same = own
        .by_ref()
        .take_while(|a| a.epoch == last.epoch)
        .take(5)
        .find(|a| (a.first, a.count) == (batch.first, batch.count));
    match same {
        Some(same) => Ok(Some(same.first_offset)),
        None if i64::from(batch.first) == last.end() => Ok(None),
        None => Err(45),
    }
}

fn header(batch: &Accepted) -> BatchHeader {
    BatchHeader {
        base_offset: batch.first_offset,
        batch_length: 49,
        partition_leader_epoch: 0,
        magic: MAGIC,
        crc: 0,
        attributes: Attributes(0),
        last_offset_delta: batch.count - 1,
        base_timestamp_ms: 0,
        max_timestamp_ms: 0,
        producer_id: batch.producer_id,
        producer_epoch: batch.epoch,
        base_sequence: batch.first,
        records_count: batch.count,
    }
}

fn sent_batch(all: &[Accepted], step: &Step, next_offset: i64) -> Accepted {
    let own: Vec<&Accepted> = (all.iter().rev())
        .filter(|a| a.producer_id == step.producer_id)
        .collect();
    let last = own.first();
    // Producers that are new here begin close to the largest sequence.
    let end = last.map_or(SEQUENCES - 6, |last| last.end());
    let epoch = last.map_or(3, |last| last.epoch) + step.epoch_by;
    let (first, count) = match step.sent {
        Sent::After(_) if step.epoch_by > 0 => (0, step.count),
        Sent::After(by) => ((end + by).rem_euclid(SEQUENCES) as i32, step.count),
        Sent::Again(back, by) => match own.get(back) {
            Some(again) => (again.first, (again.count + by).max(1)),
            None => (end as i32, step.count),
        },
    };
    Accepted {
        producer_id: step.producer_id,
        epoch,
        first,
        count,
        first_offset: next_offset,
    }
}

proptest! {
    #[test]
    fn verdicts_are_those_of_a_list_of_all_that_was_accepted(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut producers = Producers::default();
        let mut all: Vec<Accepted> = Vec::new();
        let mut next_offset = 100;
        for step in steps {
            if step.is_restart {
                producers = Producers::from_bytes(&producers.to_bytes(), 0).unwrap();
            }
            let batch = sent_batch(&all, &step, next_offset);
            let header = header(&batch);
            let verdict = producers.check(&header, Verification::None);
            let told = match verdict {
                Ok(Verdict::New) => Ok(None),
                Ok(Verdict::Duplicate { first_offset, .. }) => Ok(Some(first_offset)),
                Err(ProducerError::OutOfOrderSequence { .. }) => Err(45),
                Err(ProducerError::InvalidProducerEpoch { .. }) => Err(47),
                Err(error) => panic!("nobody has a transaction: {error}"),
            };
            prop_assert_eq!(told, expected(&all, &batch), "{:?} after {:?}", batch, all);
            if told == Ok(None) {
                producers.record(&header, batch.first_offset, 0, 0);
                next_offset += i64::from(batch.count);
                all.push(batch);
            }
        }
        // What recovery reads from the log comes to the same as what was noted on the way.
        let mut replayed = Producers::default();
        for batch in &all {
            replayed.replay(&header(batch), 0);
        }
        prop_assert_eq!(replayed.known, producers.known);
    }

    #[test]
    fn a_damaged_snapshot_is_refused_or_read_but_never_a_panic(
        producers in 0i64..20,
        at in any::<prop::sample::Index>(),
        flip in 1u8..,
        length in any::<prop::sample::Index>(),
    ) {
        let mut state = Producers::default();
        for producer_id in 0..producers {
            let batch = Accepted { producer_id, epoch: 0, first: 0, count: 2, first_offset: 0 };
            state.record(&header(&batch), 0, 0, 0);
        }
        let mut bytes = state.to_bytes().to_vec();
        let place = at.index(bytes.len());
        bytes[place] ^= flip;
        let _ = Producers::from_bytes(&bytes, 0);
        bytes.truncate(length.index(bytes.len()));
        let _ = Producers::from_bytes(&bytes, 0);
    }

    #[test]
    fn bytes_of_any_kind_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Producers::from_bytes(&bytes, 0);
    }
}
