//! Commits: of members and of consumers that assign their own partitions; and the way of any
//! commit through the log.

use super::store::StoredOffset;
use super::transactional::Producer;
use crate::group::coordinator::{Coordinator, Effect, Waiting};
use crate::group::messages::{CommitRequest, CommittedOffset, OffsetToCommit};
use crate::group::state::{Group, State};
use crate::group::{GroupError, Now, records};

/// A commit that is being appended.
pub(in crate::group) struct Committing<R> {
    /// Empty when the group was deleted meanwhile: nothing is kept then.
    pub group_id: String,
    pub reply: R,
    /// Those that are written: their places in the request, and in the batch.
    pub offsets: Vec<OffsetUnderWay>,
    pub outcomes: Vec<Result<(), GroupError>>,
    pub timestamp_ms: i64,
    /// Whose transaction it is of, if it is of one.
    pub producer: Option<Producer>,
    /// The offset of the first record, once the batch is in the log.
    pub record_offset: Option<i64>,
}

pub(in crate::group) struct OffsetUnderWay {
    place: usize,
    /// What its record's offset is above the first one's.
    delta: i64,
    pub offset: OffsetToCommit,
}

impl<R> Committing<R> {
    /// Takes out what is in the log: topic, partition and offset.
    pub fn take_records(&mut self) -> impl Iterator<Item = (String, i32, StoredOffset)> + use<R> {
        let Some(first) = self.record_offset else {
            unreachable!("a batch is appended before it is acknowledged");
        };
        let timestamp_ms = self.timestamp_ms;
        let offsets = std::mem::take(&mut self.offsets);
        offsets.into_iter().map(move |under_way| {
            let stored = StoredOffset {
                committed: CommittedOffset::new(&under_way.offset, timestamp_ms),
                record_offset: first + under_way.delta,
            };
            (under_way.offset.topic, under_way.offset.partition, stored)
        })
    }
}

impl<R> Coordinator<R> {
    pub fn commit(&mut self, now: Now, request: CommitRequest, reply: R) -> Vec<Effect<R>> {
        match self.may_commit(now, &request) {
            Err(error) => {
                let outcomes = vec![Err(error); request.offsets.len()];
                self.effects.push(Effect::Committed(reply, outcomes));
            }
            Ok(()) => self.write_commit(now, request.group_id, request.offsets, None, reply),
        }
        self.take_effects()
    }

    fn may_commit(&mut self, now: Now, request: &CommitRequest) -> Result<(), GroupError> {
        if request.group_id.is_empty() {
            return Err(GroupError::InvalidGroupId);
        }
        let is_simple = request.generation < 0;
        let Some(group) = self.groups.get_mut(&request.group_id) else {
            if !is_simple {
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
        if let Some(consumer) = &group.consumer {
            let member = (request.member_id.as_str(), request.generation);
            let knows_epochs = request.knows_group_id_not_found;
            return consumer.may_commit(&*self.topics, knows_epochs, member, &request.offsets);
        }
        if is_simple && group.is_without_members() {
            return Ok(());
        }
        let (state, generation) = (group.state, group.generation);
        let member = group.member_of(&request.member_id, request.instance_id.as_deref())?;
        if request.generation != generation {
            return Err(GroupError::IllegalGeneration);
        }
        if state == State::CompletingRebalance {
            return Err(GroupError::RebalanceInProgress);
        }
        member.alive(now);
        Ok(())
    }

    /// Has the offsets of a request that is in order written.
    pub(super) fn write_commit(
        &mut self,
        now: Now,
        group_id: String,
        asked: Vec<OffsetToCommit>,
        producer: Option<Producer>,
        reply: R,
    ) {
        let bytes_max = self.config.offset_metadata_bytes_max;
        let mut outcomes = Vec::with_capacity(asked.len());
        let mut offsets: Vec<OffsetUnderWay> = Vec::with_capacity(asked.len());
        for (place, offset) in asked.into_iter().enumerate() {
            if offset.metadata.len() > bytes_max {
                outcomes.push(Err(GroupError::OffsetMetadataTooLarge));
            } else {
                outcomes.push(Ok(()));
                let delta = offsets.len() as i64;
                offsets.push(OffsetUnderWay {
                    place,
                    delta,
                    offset,
                });
            }
        }
        if offsets.is_empty() {
            self.effects.push(Effect::Committed(reply, outcomes));
            // It may have been made for this commit.
            self.forget_if_useless(&group_id);
            return;
        }
        let records = offsets
            .iter()
            .map(|one| records::offset_record(&group_id, &one.offset, now.wall_ms))
            .collect();
        if let Some(group) = self.groups.get_mut(&group_id) {
            group.pending_commits += 1;
        }
        let waiting = Waiting::Commit(Committing {
            group_id,
            reply,
            offsets,
            outcomes,
            timestamp_ms: now.wall_ms,
            producer,
            record_offset: None,
        });
        match producer {
            None => drop(self.append(records, waiting)),
            Some(producer) => self.append_in_transaction(records, producer, waiting),
        }
    }

    /// A commit is in the log, or could not be put there.
    pub(in crate::group) fn commit_appended(
        &mut self,
        mut commit: Committing<R>,
        outcome: Result<(), GroupError>,
    ) {
        let group_id = std::mem::take(&mut commit.group_id);
        if let Some(group) = self.groups.get_mut(&group_id) {
            group.pending_commits = group.pending_commits.saturating_sub(1);
        }
        match outcome {
            Err(error) => {
                for under_way in &commit.offsets {
                    if let Some(slot) = commit.outcomes.get_mut(under_way.place) {
                        *slot = Err(error);
                    }
                }
            }
            Ok(()) => {
                for (topic, partition, stored) in commit.take_records() {
                    if let Some(producer) = commit.producer {
                        self.hold(producer.id, &group_id, &topic, partition, stored);
                    } else if let Some(group) = self.groups.get_mut(&group_id) {
                        group.offsets.commit(&topic, partition, stored);
                    }
                }
            }
        }
        self.effects
            .push(Effect::Committed(commit.reply, commit.outcomes));
        self.forget_if_useless(&group_id);
    }
}
