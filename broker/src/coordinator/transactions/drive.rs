//! What the coordinators want done: answers given, records appended, markers written.

use std::rc::Rc;

use naru_record_batch::{BatchBuilder, Codec};

use super::{TransactionCoordinators, TransactionReply, TransactionSlot};
use crate::partition::{AckError, Acks, AppendError, Partition};
use crate::transaction::records::TransactionRecord;
use crate::transaction::{Effect, TransactionError};

impl TransactionCoordinators {
    /// Carries out what came of an event, and what comes of that.
    pub fn carry_out(
        self: &Rc<Self>,
        slot: &Rc<TransactionSlot>,
        effects: Vec<Effect<TransactionReply>>,
    ) {
        let mut effects = effects;
        while !effects.is_empty() {
            let mut more = Vec::new();
            for effect in effects {
                match effect {
                    Effect::Answer(reply, answer) => drop(reply.send(answer)),
                    Effect::Write(markers) => self.write_markers(slot, markers),
                    Effect::Append {
                        token,
                        records,
                        durable,
                    } => more.extend(self.append(slot, token, &records, durable)),
                }
            }
            effects = more;
        }
    }

    /// Appends records, at once and in order: what is appended later is later in the log. What
    /// came of it, if that is known now.
    fn append(
        self: &Rc<Self>,
        slot: &Rc<TransactionSlot>,
        token: u64,
        records: &[TransactionRecord],
        durable: bool,
    ) -> Vec<Effect<TransactionReply>> {
        let partition = &slot.partition;
        let appended = append(partition, records, self.io.wall_ms());
        let outcome = match appended {
            Ok(next_offset) if durable => {
                // From here on the flush is asked for, whatever else is appended meanwhile.
                let flushed = partition.acknowledged(next_offset, Acks::All);
                let (coordinators, slot) = (Rc::clone(self), Rc::clone(slot));
                self.io.spawn(async move {
                    let outcome = flushed.await.map_err(|error| {
                        report(&slot.partition, &error.to_string());
                        not_acknowledged(&error)
                    });
                    coordinators.end_append(&slot, token, outcome);
                });
                return Vec::new();
            }
            Ok(_) => Ok(()),
            Err(error) => {
                report(partition, &error.to_string());
                Err(TransactionError::NotCoordinator)
            }
        };
        let mut transactions = slot.transactions.borrow_mut();
        transactions.appended(self.now(), token, outcome)
    }

    fn end_append(
        self: &Rc<Self>,
        slot: &Rc<TransactionSlot>,
        token: u64,
        outcome: Result<(), TransactionError>,
    ) {
        let now = self.now();
        let effects = slot.transactions.borrow_mut().appended(now, token, outcome);
        self.carry_out(slot, effects);
    }
}

fn report(partition: &Partition, error: &str) {
    tracing::error!("{}-{}: {error}", partition.topic, partition.id.index);
}

/// As in Kafka, a coordinator that cannot write to its log is none, and one that waits for its
/// replicas may be one again.
fn not_acknowledged(error: &AckError) -> TransactionError {
    match error {
        AckError::TimedOut => TransactionError::CoordinatorNotAvailable,
        AckError::NotLeader | AckError::Log(_) => TransactionError::NotCoordinator,
    }
}

/// Appends records as one batch; returns the offset after it.
fn append(
    partition: &Partition,
    records: &[TransactionRecord],
    now_ms: i64,
) -> Result<i64, AppendRecordsError> {
    let mut builder = BatchBuilder::new(Codec::None);
    for record in records {
        builder.push_pair(now_ms, Some(&record.key), record.value.as_deref());
    }
    let batch = builder.build_checked()?;
    Ok(partition.append(&batch, now_ms)?.next_offset)
}

#[derive(Debug, thiserror::Error)]
enum AppendRecordsError {
    #[error(transparent)]
    Build(#[from] naru_record_batch::BuildError),
    #[error(transparent)]
    Append(#[from] AppendError),
}
