//! What must hold of the batches of a partition, whatever clients know.

use std::collections::BTreeMap;

use naru_record_batch::TransactionResult;

use super::batches::{self, Batch};
use super::history::{History, Outcome, Place};
use super::scene::Scene;
use crate::client::Client;
use crate::reader::{Isolation, Nothing};

const VAIN_TRIES_MAX: u32 = 600;

/// All of a partition, and where it starts, once nothing in it is open.
pub async fn read(scene: &Scene, place: Place) -> (i64, Vec<Batch>) {
    let mut client = Client::new(&scene.world.io);
    let trimmed = scene.history.borrow().trimmed(place);
    let (mut start, mut batches) = (None, Vec::new());
    let mut offset = trimmed;
    let mut vain_tries = 0;
    loop {
        let fetched = batches::fetch(&mut client, place, offset, Isolation::Uncommitted).await;
        match fetched {
            Ok(fetched) => {
                start = start.or(Some(fetched.start));
                let ends = (fetched.last_stable_offset, fetched.high_watermark);
                let next = fetched.next_offset();
                batches.extend(fetched.batches);
                offset = next.unwrap_or(offset);
                if offset == ends.1 && ends.0 == ends.1 {
                    return (trimmed, batches);
                }
            }
            Err(Nothing::Lost) => {}
            Err(Nothing::Refused(code)) => panic!("{place:?} refuses {offset}: {code:?}"),
        }
        vain_tries += 1;
        assert!(
            vain_tries < VAIN_TRIES_MAX,
            "{place:?} is stuck at {offset}: a transaction is open"
        );
        scene.world.pause(10).await;
    }
}

#[derive(Default)]
struct Producer {
    epoch: i16,
    next_sequence: Option<i32>,
    /// The number of the open transaction.
    open: Option<u64>,
}

/// Each producer's epochs do not go back, its sequences have no gap, and each of its transactions
/// is one client's, and ends as that client knows.
pub fn check(history: &History, place: Place, start: i64, batches: &[Batch]) {
    let mut producers: BTreeMap<i64, Producer> = BTreeMap::new();
    for batch in batches {
        let header = &batch.header;
        let at = format!("{place:?} at {}", header.base_offset);
        let producer = producers.entry(header.producer_id).or_default();
        assert!(
            header.producer_epoch >= producer.epoch,
            "{at}: epoch {} after {}",
            header.producer_epoch,
            producer.epoch
        );
        if header.producer_epoch > producer.epoch {
            assert!(
                batch.marker.is_some() || producer.open.is_none(),
                "{at}: epoch {} begins within a transaction of {}",
                header.producer_epoch,
                producer.epoch
            );
            producer.epoch = header.producer_epoch;
            producer.next_sequence = None;
        }
        let Some(result) = batch.marker else {
            assert!(header.attributes.is_transactional(), "{at}: no transaction");
            // What the start of the log has cut off began somewhere else.
            let due = producer.next_sequence.unwrap_or(0);
            let is_cut = producer.next_sequence.is_none() && start > 0;
            assert!(
                is_cut || header.base_sequence == due,
                "{at}: sequence {} where {due} was due",
                header.base_sequence
            );
            producer.next_sequence = Some(header.last_sequence() + 1);
            for (_, mark) in &batch.records {
                let open = *producer.open.get_or_insert(mark.producer);
                assert_eq!(open, mark.producer, "{at}: two transactions in one");
            }
            continue;
        };
        let Some(number) = producer.open.take() else {
            continue;
        };
        let outcome = history.transactions[number as usize].outcome;
        let is_known = match outcome {
            Outcome::Never => result == TransactionResult::Abort,
            Outcome::Committed => result == TransactionResult::Commit,
            Outcome::Unknown => true,
        };
        assert!(
            is_known,
            "{at}: {result:?} of transaction {number}, which is {outcome:?}"
        );
    }
    for (id, producer) in producers {
        assert_eq!(producer.open, None, "{place:?}: producer {id} is open");
    }
}
