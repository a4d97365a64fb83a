//! What is known of a group's records on their way into the log.
//!
//! Nobody is told what is not durable: an answer waits for the append of its own records, or,
//! without any, for the last one under way. An append that fails leaves the log behind what the
//! members were about to be told. Then whatever is written next begins with the whole group, so
//! that the log has caught up before anybody is answered.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::super::GroupError;
use super::super::coordinator::{Coordinator, Effect, Waiting};
use super::super::messages::{JoinResponse, SyncResponse};
use super::super::records::OffsetsRecord;
use super::super::records::consumer::{ConsumerRecord, GroupValue, TargetEpochValue};
use super::group::ConsumerGroup;

#[derive(Debug, Default)]
pub struct LogState {
    /// The last append that is under way.
    pub(in crate::group) in_flight: Option<u64>,
    /// An append failed: the log may lack any record.
    is_behind: bool,
    /// Tombstones that the log may lack, by their keys.
    lost: BTreeMap<Bytes, OffsetsRecord>,
}

impl LogState {
    pub(in crate::group) fn failed(&mut self, tombstones: Vec<OffsetsRecord>) {
        self.is_behind = true;
        let lost = tombstones.into_iter();
        self.lost
            .extend(lost.map(|record| (record.key.clone(), record)));
    }
}

impl ConsumerGroup {
    /// All records that make the group what it is.
    pub(super) fn image(&self) -> Vec<ConsumerRecord> {
        let mut records = vec![ConsumerRecord::Group(Some(GroupValue {
            epoch: self.epoch,
            metadata_hash: self.metadata_hash,
        }))];
        for (id, member) in &self.members {
            records.push(ConsumerRecord::Member(id.clone(), member.metadata.clone()));
        }
        for (regex, value) in &self.regexes {
            records.push(ConsumerRecord::Regex(regex.clone(), Some(value.clone())));
        }
        for (id, partitions) in &self.target {
            records.push(ConsumerRecord::Target(id.clone(), Some(partitions.clone())));
        }
        records.push(ConsumerRecord::TargetEpoch(Some(TargetEpochValue {
            epoch: self.assignment_epoch,
            timestamp_ms: self.assigned_ms,
        })));
        for (id, member) in &self.members {
            let current = Some(member.current.clone());
            records.push(ConsumerRecord::Current(id.clone(), current));
        }
        records
    }

    /// Tombstones that the log may lack.
    pub(super) fn lost_tombstones(&self) -> Vec<OffsetsRecord> {
        self.log.lost.values().cloned().collect()
    }

    /// Tombstones for all of it, in Kafka's order.
    pub fn tombstones(&self) -> Vec<ConsumerRecord> {
        let mut records = Vec::new();
        let ids = || self.members.keys().cloned();
        records.extend(ids().map(|id| ConsumerRecord::Current(id, None)));
        records.extend(ids().map(|id| ConsumerRecord::Target(id, None)));
        records.push(ConsumerRecord::TargetEpoch(None));
        records.extend(ids().map(|id| ConsumerRecord::Member(id, None)));
        let regexes = self.regexes.keys().cloned();
        records.extend(regexes.map(|regex| ConsumerRecord::Regex(regex, None)));
        records.push(ConsumerRecord::PartitionMetadata(None));
        records.push(ConsumerRecord::Group(None));
        records
    }
}

impl<R> Coordinator<R> {
    /// Has records of a group appended, and then the answer given. `first` are records of another
    /// kind that go before them.
    pub(super) fn write(
        &mut self,
        group_id: &str,
        first: Vec<OffsetsRecord>,
        records: &[ConsumerRecord],
        answer: Option<Effect<R>>,
    ) {
        let mut encoded = first;
        let group = self.groups.get_mut(group_id);
        let Some(group) = group.and_then(|group| group.consumer.as_deref_mut()) else {
            return;
        };
        let is_behind = std::mem::take(&mut group.log.is_behind);
        if is_behind {
            encoded.extend(std::mem::take(&mut group.log.lost).into_values());
            let image = group.image().into_iter();
            encoded.extend(image.map(|record| record.encode(group_id)));
        }
        let tombstones_before = encoded.len();
        encoded.extend(records.iter().map(|record| record.encode(group_id)));
        if encoded.is_empty() {
            let waiting = group.log.in_flight;
            let waiting = waiting.and_then(|token| self.waiting.get_mut(&token));
            match (waiting, answer) {
                (Some(Waiting::Consumer { answers, .. }), answer) => answers.extend(answer),
                (_, answer) => self.effects.extend(answer),
            }
            return;
        }
        // Those of the whole group are needed again, too, should this fail.
        let (earlier, own) = encoded.split_at(tombstones_before);
        let buried = earlier
            .iter()
            .chain(own)
            .filter(|record| record.value.is_none());
        let waiting = Waiting::Consumer {
            group_id: group_id.to_owned(),
            answers: answer.into_iter().collect(),
            tombstones: buried.cloned().collect(),
        };
        let token = self.append(encoded, waiting);
        let group = self.groups.get_mut(group_id);
        if let Some(group) = group.and_then(|group| group.consumer.as_deref_mut()) {
            group.log.in_flight = Some(token);
        }
    }

    /// The records of a group are in the log, or could not be put there.
    pub(in crate::group) fn consumer_appended(
        &mut self,
        token: u64,
        group_id: &str,
        answers: Vec<Effect<R>>,
        tombstones: Vec<OffsetsRecord>,
        outcome: Result<(), GroupError>,
    ) {
        let group = self.groups.get_mut(group_id);
        if let Some(group) = group.and_then(|group| group.consumer.as_deref_mut()) {
            if group.log.in_flight == Some(token) {
                group.log.in_flight = None;
            }
            if outcome.is_err() {
                group.log.failed(tombstones);
            }
        }
        let answers = answers.into_iter();
        self.effects.extend(answers.map(|answer| match outcome {
            Ok(()) => answer,
            Err(error) => refused(answer, error),
        }));
    }
}

/// The same answer, but that it could not be done.
fn refused<R>(answer: Effect<R>, error: GroupError) -> Effect<R> {
    match answer {
        Effect::ConsumerHeartbeat(reply, _) => Effect::ConsumerHeartbeat(reply, Err(error)),
        Effect::Joined(reply, response) => {
            Effect::Joined(reply, JoinResponse::error(error, response.member_id))
        }
        Effect::Synced(reply, _) => Effect::Synced(reply, SyncResponse::error(error)),
        other => other,
    }
}
