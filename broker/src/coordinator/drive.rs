//! What the coordinators want done: answers delivered, records appended, time told.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use naru_record_batch::{BatchBuilder, BuildError, CheckedBatch, Codec};

use super::{Coordinators, Reply, Slot};
use crate::group::records::OffsetsRecord;
use crate::group::{Effect, GroupError, Producer, TopicPattern};
use crate::partition::{AckError, Acks, AppendError, Partition, ProducerError, Verification};

/// The longest that the clock is not looked at.
const TICK_MAX: Duration = Duration::from_secs(60);
/// The shortest between two looks, so that a crowd of deadlines costs little.
const TICK_MIN: Duration = Duration::from_millis(10);

/// Names that are matched before the shard looks at its other work.
const NAMES_PER_TURN: usize = 256;

impl Coordinators {
    /// Carries out what came of an event.
    pub fn carry_out(self: &Rc<Self>, slot: &Rc<Slot>, effects: Vec<Effect<Reply>>) {
        self.carry_out_verified(slot, effects, Verification::None);
    }

    /// As [`Self::carry_out`]; `verification` is what speaks for a batch among the effects that may
    /// begin a transaction.
    pub fn carry_out_verified(
        self: &Rc<Self>,
        slot: &Rc<Slot>,
        effects: Vec<Effect<Reply>>,
        verification: Verification,
    ) {
        for effect in effects {
            match Reply::deliver(effect) {
                Some(Effect::Append { token, records }) => {
                    let batch = batch_of(None, &records, self.io.wall_ms());
                    self.append(slot, token, batch, Verification::None);
                }
                Some(Effect::AppendInTransaction {
                    token,
                    producer,
                    records,
                }) => {
                    let batch = batch_of(Some(producer), &records, self.io.wall_ms());
                    self.append(slot, token, batch, verification);
                }
                Some(Effect::ResolveRegexes { group_id, regexes }) => {
                    self.resolve(slot, group_id, regexes);
                }
                _ => {}
            }
        }
        let due_ms = slot.groups.borrow().next_deadline_ms();
        if due_ms.is_some_and(|due_ms| due_ms < self.awaited_ms.get()) {
            self.changed.notify_all();
        }
    }

    /// Appends a batch; the answers that wait for it follow when it is flushed.
    fn append(
        self: &Rc<Self>,
        slot: &Rc<Slot>,
        token: u64,
        batch: Result<CheckedBatch, BuildError>,
        verification: Verification,
    ) {
        let partition = Rc::clone(&slot.partition);
        // At once and in order: what is appended later is later in the log.
        let appended = batch.map_err(Failure::from).and_then(|batch| {
            let now_ms = self.io.wall_ms();
            let appended = if batch.header().attributes.is_transactional() {
                partition.append_verified(&batch, verification, now_ms)
            } else {
                partition.append(&batch, now_ms)
            };
            appended.map_err(Failure::from)
        });
        if let Ok(appended) = &appended {
            slot.groups.borrow_mut().placed(token, appended.base_offset);
        }
        let (coordinators, slot) = (Rc::clone(self), Rc::clone(slot));
        self.io.spawn(async move {
            let outcome = match appended {
                Ok(appended) => partition
                    .acknowledged(appended.next_offset, Acks::All)
                    .await
                    .map_err(Failure::from),
                Err(failure) => Err(failure),
            };
            let outcome = outcome.map_err(|failure| told(&partition, &failure));
            let effects = slot
                .groups
                .borrow_mut()
                .appended(coordinators.now(), token, outcome);
            coordinators.carry_out(&slot, effects);
        });
    }

    /// Searches for the topics that match, a few at a time: there may be many of both.
    fn resolve(self: &Rc<Self>, slot: &Rc<Slot>, group_id: String, regexes: Vec<String>) {
        let topics = self.topics();
        let (coordinators, slot) = (Rc::clone(self), Rc::clone(slot));
        self.io.spawn(async move {
            let version = topics.version();
            let mut found = BTreeMap::new();
            for regex in regexes {
                // It was checked when it came; what another broker took may be refused here.
                let Ok(pattern) = TopicPattern::new(&regex) else {
                    found.insert(regex, BTreeSet::new());
                    continue;
                };
                let mut matched = BTreeSet::new();
                for (count, name) in (1..).zip(topics.names()) {
                    if pattern.matches(&name) {
                        matched.insert(name.to_string());
                    }
                    if count % NAMES_PER_TURN == 0 {
                        coordinators.io.yield_now().await;
                    }
                }
                found.insert(regex, matched);
                coordinators.io.yield_now().await;
            }
            let now = coordinators.now();
            let effects = slot
                .groups
                .borrow_mut()
                .resolved(now, &group_id, found, version);
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

/// Why a batch is not in the log, or not known to be there to stay.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Unacknowledged(#[from] AckError),
}

/// What a client is told of a failure; whoever runs the broker is, unless it is the client's.
fn told(partition: &Partition, failure: &Failure) -> GroupError {
    match failure {
        Failure::Append(AppendError::Producer(ProducerError::InvalidProducerEpoch { .. })) => {
            GroupError::InvalidProducerEpoch
        }
        Failure::Append(AppendError::Producer(_)) => GroupError::InvalidTxnState,
        _ => {
            tracing::error!("{}-{}: {failure}", partition.topic, partition.id.index);
            GroupError::CoordinatorNotAvailable
        }
    }
}

fn batch_of(
    producer: Option<Producer>,
    records: &[OffsetsRecord],
    now_ms: i64,
) -> Result<CheckedBatch, BuildError> {
    let mut builder = BatchBuilder::new(Codec::None);
    if let Some(Producer { id, epoch }) = producer {
        // Coordinators write without sequences.
        builder = builder.producer(id, epoch, -1).transactional();
    }
    for record in records {
        builder.push_pair(now_ms, Some(&record.key), record.value.as_deref());
    }
    builder.build_checked()
}
