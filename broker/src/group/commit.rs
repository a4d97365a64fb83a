//! Offsets: committed by members and by consumers that assign their own partitions, read
//! by anyone.

use super::coordinator::{Coordinator, Effect, Waiting};
use super::messages::{CommitRequest, CommittedOffset, FetchedOffset, OffsetToCommit};
use super::records::OffsetsRecord;
use super::state::{Group, State};
use super::{GroupError, Now, records};

impl<R> Coordinator<R> {
    pub fn commit(&mut self, now: Now, request: CommitRequest, reply: R) -> Vec<Effect<R>> {
        match self.may_commit(now, &request) {
            Err(error) => {
                let outcomes = vec![Err(error); request.offsets.len()];
                self.effects.push(Effect::Committed(reply, outcomes));
            }
            Ok(()) => self.do_commit(now, request, reply),
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
                return Err(GroupError::IllegalGeneration);
            }
            let group = Group::new(now.wall_ms);
            self.groups.insert(request.group_id.clone(), group);
            return Ok(());
        };
        if is_simple && group.state == State::Empty {
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

    fn do_commit(&mut self, now: Now, request: CommitRequest, reply: R) {
        let bytes_max = self.config.offset_metadata_bytes_max;
        let mut outcomes = Vec::with_capacity(request.offsets.len());
        let mut offsets = Vec::with_capacity(request.offsets.len());
        for (place, offset) in request.offsets.into_iter().enumerate() {
            if offset.metadata.len() > bytes_max {
                outcomes.push(Err(GroupError::OffsetMetadataTooLarge));
            } else {
                outcomes.push(Ok(()));
                offsets.push((place, offset));
            }
        }
        if offsets.is_empty() {
            self.effects.push(Effect::Committed(reply, outcomes));
            return;
        }
        let group_id = request.group_id;
        let records = offsets
            .iter()
            .map(|(_, offset)| records::offset_record(&group_id, offset, now.wall_ms))
            .collect();
        if let Some(group) = self.groups.get_mut(&group_id) {
            group.pending_commits += 1;
        }
        self.append(
            records,
            Waiting::Commit {
                group_id,
                reply,
                offsets,
                outcomes,
                timestamp_ms: now.wall_ms,
            },
        );
    }

    pub(super) fn commit_appended(
        &mut self,
        group_id: &str,
        offsets: Vec<(usize, OffsetToCommit)>,
        mut outcomes: Vec<Result<(), GroupError>>,
        timestamp_ms: i64,
        outcome: Result<(), GroupError>,
    ) -> Vec<Result<(), GroupError>> {
        let group = self.groups.get_mut(group_id);
        if let Err(error) = outcome {
            for (place, _) in &offsets {
                if let Some(slot) = outcomes.get_mut(*place) {
                    *slot = Err(error);
                }
            }
        }
        if let Some(group) = group {
            group.pending_commits = group.pending_commits.saturating_sub(1);
            if outcome.is_ok() {
                for (_, offset) in offsets {
                    let committed = CommittedOffset::new(&offset, timestamp_ms);
                    group
                        .offsets
                        .insert((offset.topic, offset.partition), committed);
                }
            }
        }
        outcomes
    }

    /// What was committed for these partitions, or for all that have an offset. A group
    /// that does not exist has committed nothing.
    pub fn fetch_offsets(
        &self,
        group_id: &str,
        partitions: Option<&[(String, Vec<i32>)]>,
    ) -> Vec<FetchedOffset> {
        let group = self.groups.get(group_id);
        let Some(wanted) = partitions else {
            let all = group.into_iter().flat_map(|group| &group.offsets);
            return all
                .map(|((topic, partition), committed)| FetchedOffset {
                    topic: topic.clone(),
                    partition: *partition,
                    committed: Some(committed.clone()),
                })
                .collect();
        };
        let wanted = wanted.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(move |partition| (topic, *partition))
        });
        wanted
            .map(|(topic, partition)| FetchedOffset {
                topic: topic.clone(),
                partition,
                committed: group
                    .and_then(|group| group.offsets.get(&(topic.clone(), partition)))
                    .cloned(),
            })
            .collect()
    }

    /// A topic is gone, and what was committed for it.
    pub fn forget_topic(&mut self, topic: &str) -> Vec<Effect<R>> {
        let mut tombstones: Vec<OffsetsRecord> = Vec::new();
        for (group_id, group) in &mut self.groups {
            group.offsets.retain(|(of, partition), _| {
                let stays = of != topic;
                if !stays {
                    tombstones.push(records::offset_tombstone(group_id, of, *partition));
                }
                stays
            });
        }
        // Commits under way are in the log already; nothing of them is kept either.
        for waiting in self.waiting.values_mut() {
            if let Waiting::Commit {
                group_id, offsets, ..
            } = waiting
            {
                offsets.retain(|(_, offset)| {
                    let stays = offset.topic != topic;
                    if !stays {
                        tombstones.push(records::offset_tombstone(
                            group_id,
                            topic,
                            offset.partition,
                        ));
                    }
                    stays
                });
            }
        }
        if !tombstones.is_empty() {
            self.append(tombstones, Waiting::Nothing);
        }
        self.take_effects()
    }
}
