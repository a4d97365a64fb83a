//! Offsets that are committed with a transaction (TxnOffsetCommit; KIP-98, KIP-447).
//!
//! They are written at once, in transactional batches, and count when the transaction's marker is
//! in the log.

use std::collections::{BTreeMap, BTreeSet};

use super::store::StoredOffset;
use crate::group::coordinator::{Coordinator, Effect, Waiting};
use crate::group::messages::TxnCommitRequest;
use crate::group::state::Group;
use crate::group::{GroupError, Now};

/// Who writes in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    pub id: i64,
    pub epoch: i16,
}

/// What a marker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionOutcome {
    Committed,
    Aborted,
}

/// Where open transactions have offsets: a marker names the producer only. May name more than
/// there is, for a tombstone takes it out of the group alone.
#[derive(Default)]
pub(in crate::group) struct OpenTransactions(
    /// By producer id, then by group: topics and partitions.
    BTreeMap<i64, BTreeMap<String, BTreeSet<(String, i32)>>>,
);

impl OpenTransactions {
    fn add(&mut self, producer_id: i64, group_id: &str, topic: &str, partition: i32) {
        let groups = self.0.entry(producer_id).or_default();
        let places = groups.entry(group_id.to_owned()).or_default();
        places.insert((topic.to_owned(), partition));
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<R> Coordinator<R> {
    /// The caller has had the transaction coordinator verify that the partition of this group
    /// takes part in the producer's transaction.
    pub fn commit_in_transaction(
        &mut self,
        now: Now,
        request: TxnCommitRequest,
        reply: R,
    ) -> Vec<Effect<R>> {
        match self.may_commit_in_transaction(now, &request) {
            Err(error) => {
                let outcomes = vec![Err(error); request.offsets.len()];
                self.effects.push(Effect::Committed(reply, outcomes));
            }
            Ok(()) => {
                let producer = Some(request.producer);
                self.write_commit(now, request.group_id, request.offsets, producer, reply);
            }
        }
        self.take_effects()
    }

    /// A request may leave the fields of its member out, and be of no member (KIP-447). Unlike a
    /// plain commit it is taken during a rebalance, and is no sign of life.
    fn may_commit_in_transaction(
        &mut self,
        now: Now,
        request: &TxnCommitRequest,
    ) -> Result<(), GroupError> {
        if request.group_id.is_empty() {
            return Err(GroupError::InvalidGroupId);
        }
        let Some(group) = self.groups.get_mut(&request.group_id) else {
            if request.generation >= 0 {
                return Err(if request.knows_group_id_not_found {
                    GroupError::GroupIdNotFound
                } else {
                    GroupError::IllegalGeneration
                });
            }
            let group = Group::new(now.wall_ms);
            self.groups.insert(request.group_id.clone(), group);
            return Ok(());
        };
        let is_of_a_member = request.generation >= 0
            || !request.member_id.is_empty()
            || request.instance_id.is_some();
        if !is_of_a_member || request.generation < 0 && group.is_without_members() {
            return Ok(());
        }
        if let Some(consumer) = &group.consumer {
            let member = (request.member_id.as_str(), request.generation);
            let outcome = consumer.may_commit(&*self.topics, true, member, &request.offsets);
            return match outcome {
                // From before members' epochs were known to TxnOffsetCommit (KIP-1319).
                Err(GroupError::StaleMemberEpoch) if !request.knows_group_id_not_found => {
                    Err(GroupError::IllegalGeneration)
                }
                outcome => outcome,
            };
        }
        group.member_of(&request.member_id, request.instance_id.as_deref())?;
        if request.generation != group.generation {
            return Err(GroupError::IllegalGeneration);
        }
        Ok(())
    }

    /// Keeps an offset of an open transaction, if its group is there.
    pub(in crate::group) fn hold(
        &mut self,
        producer_id: i64,
        group_id: &str,
        topic: &str,
        partition: i32,
        offset: StoredOffset,
    ) {
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        group.offsets.hold(topic, partition, producer_id, offset);
        let open = &mut self.open_transactions;
        open.add(producer_id, group_id, topic, partition);
    }

    /// The transaction of a producer has ended by a marker at `marker_offset`, which is flushed.
    /// Whatever of it is before the marker in the log is flushed, too, also what was not said to
    /// be yet.
    pub fn transaction_completed(
        &mut self,
        producer_id: i64,
        outcome: TransactionOutcome,
        marker_offset: i64,
    ) {
        self.hold_what_is_under_way(producer_id, marker_offset);
        for group_id in self.end_transaction(producer_id, outcome, marker_offset) {
            self.forget_if_useless(&group_id);
        }
    }

    /// Ends a transaction as its marker says; returns the groups that it had offsets of.
    pub(in crate::group) fn end_transaction(
        &mut self,
        producer_id: i64,
        outcome: TransactionOutcome,
        marker_offset: i64,
    ) -> Vec<String> {
        let Some(groups) = self.open_transactions.0.remove(&producer_id) else {
            return Vec::new();
        };
        let is_committed = outcome == TransactionOutcome::Committed;
        for (group_id, places) in &groups {
            let Some(group) = self.groups.get_mut(group_id) else {
                continue;
            };
            let mut later = Vec::new();
            for (topic, partition) in places {
                let offsets = &mut group.offsets;
                let stays = offsets.end_transaction(
                    topic,
                    *partition,
                    producer_id,
                    marker_offset,
                    is_committed,
                );
                if stays {
                    later.push((topic, partition));
                }
            }
            for (topic, partition) in later {
                let open = &mut self.open_transactions;
                open.add(producer_id, group_id, topic, *partition);
            }
        }
        groups.into_keys().collect()
    }

    fn hold_what_is_under_way(&mut self, producer_id: i64, marker_offset: i64) {
        let mut held = Vec::new();
        for waiting in self.waiting.values_mut() {
            if let Waiting::Commit(commit) = waiting
                && commit
                    .producer
                    .is_some_and(|producer| producer.id == producer_id)
                && commit.record_offset.is_some_and(|at| at < marker_offset)
            {
                let group_id = commit.group_id.clone();
                held.extend(
                    commit
                        .take_records()
                        .map(|record| (group_id.clone(), record)),
                );
            }
        }
        for (group_id, (topic, partition, offset)) in held {
            self.hold(producer_id, &group_id, &topic, partition, offset);
        }
    }
}
