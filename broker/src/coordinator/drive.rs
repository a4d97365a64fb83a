//! What the coordinators want done: answers delivered, records appended, time told.

use std::rc::Rc;
use std::time::Duration;

use naru_record_batch::{BatchBuilder, BuildError, CheckedBatch, Codec};

use super::{Coordinators, Reply, Slot};
use crate::group::records::OffsetsRecord;
use crate::group::{Effect, GroupError, Producer};
use crate::partition::{Acks, Appended, Partition};

/// The longest that the clock is not looked at.
const TICK_MAX: Duration = Duration::from_secs(60);
/// The shortest between two looks, so that a crowd of deadlines costs little.
const TICK_MIN: Duration = Duration::from_millis(10);

impl Coordinators {
    /// Carries out what came of an event.
    pub fn carry_out(self: &Rc<Self>, slot: &Rc<Slot>, effects: Vec<Effect<Reply>>) {
        for effect in effects {
            match Reply::deliver(effect) {
                Some(Effect::Append { token, records }) => {
                    self.append(slot, token, None, &records);
                }
                Some(Effect::AppendInTransaction {
                    token,
                    producer,
                    records,
                }) => self.append(slot, token, Some(producer), &records),
                _ => {}
            }
        }
        let due_ms = slot.groups.borrow().next_deadline_ms();
        if due_ms.is_some_and(|due_ms| due_ms < self.awaited_ms.get()) {
            self.changed.notify_all();
        }
    }

    /// Appends records; the answers that wait for them follow when they are flushed.
    fn append(
        self: &Rc<Self>,
        slot: &Rc<Slot>,
        token: u64,
        producer: Option<Producer>,
        records: &[OffsetsRecord],
    ) {
        let partition = Rc::clone(&slot.partition);
        // At once and in order: what is appended later is later in the log.
        let appended = append(&partition, producer, records, self.io.wall_ms());
        if let Ok(appended) = &appended {
            slot.groups.borrow_mut().placed(token, appended.base_offset);
        }
        let (coordinators, slot) = (Rc::clone(self), Rc::clone(slot));
        self.io.spawn(async move {
            let outcome = match appended {
                Ok(appended) => partition
                    .acknowledged(appended.next_offset, Acks::All)
                    .await
                    .map_err(|error| error.to_string()),
                Err(error) => Err(error),
            };
            let outcome = outcome.map_err(|error| {
                tracing::error!("{}-{}: {error}", partition.topic, partition.id.index);
                GroupError::CoordinatorNotAvailable
            });
            let effects = slot
                .groups
                .borrow_mut()
                .appended(coordinators.now(), token, outcome);
            coordinators.carry_out(&slot, effects);
        });
    }

    /// Tells the coordinators the time, whenever something is due.
    pub async fn keep_time(self: Rc<Self>) {
        loop {
            let due_ms = self.next_deadline_ms().unwrap_or(i64::MAX);
            self.awaited_ms.set(due_ms);
            let left_ms = due_ms.saturating_sub(self.now().steady_ms).max(0);
            let wait = Duration::from_millis(left_ms.unsigned_abs()).clamp(TICK_MIN, TICK_MAX);
            let _ = self.io.timeout(wait, self.changed.wait()).await;
            let now = self.now();
            for slot in self.all() {
                let is_due = {
                    let groups = slot.groups.borrow();
                    groups
                        .next_deadline_ms()
                        .is_some_and(|due_ms| due_ms <= now.steady_ms)
                };
                if is_due {
                    let effects = slot.groups.borrow_mut().tick(now);
                    self.carry_out(&slot, effects);
                }
            }
        }
    }
}

/// Appends records as one batch.
fn append(
    partition: &Partition,
    producer: Option<Producer>,
    records: &[OffsetsRecord],
    now_ms: i64,
) -> Result<Appended, String> {
    let batch = batch_of(producer, records, now_ms).map_err(|error| error.to_string())?;
    let appended = partition.append(&batch, now_ms);
    appended.map_err(|error| error.to_string())
}

fn batch_of(
    producer: Option<Producer>,
    records: &[OffsetsRecord],
    now_ms: i64,
) -> Result<CheckedBatch, BuildError> {
    let mut builder = BatchBuilder::new(Codec::None);
    if let Some(Producer { id, epoch }) = producer {
        // Brokers have no sequence: as Kafka's coordinators, 0 in every batch.
        builder = builder.producer(id, epoch, 0).transactional();
    }
    for record in records {
        builder.push_pair(now_ms, Some(&record.key), record.value.as_deref());
    }
    builder.build_checked()
}
