//! One change of a group: what it depends on, and the records that come of it.

use super::super::Now;
use super::super::records::consumer::{ConsumerRecord, GroupValue, TargetEpochValue};
use super::config::ConsumerConfig;
use super::group::ConsumerGroup;
use super::topics::{Topics, metadata_hash};

/// What every change depends on.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    pub now: Now,
    pub config: &'a ConsumerConfig,
    pub topics: &'a dyn Topics,
    /// The version of the topics in which there was last a new one.
    pub new_topics_version: i64,
}

/// The records of a change, in the order in which they are applied.
pub type Records = Vec<ConsumerRecord>;

impl ConsumerGroup {
    /// Makes a change, and keeps it for the log.
    pub(super) fn change(&mut self, record: ConsumerRecord, records: &mut Records) {
        if let ConsumerRecord::Current(id, Some(value)) = &record {
            assert!(
                !self.conflicts(id, value),
                "no partition has two owners: {id} is to have {value:?}"
            );
        }
        if let ConsumerRecord::Group(Some(value)) = &record {
            assert!(value.epoch >= self.epoch, "a group's epoch only grows");
        }
        self.apply(&record);
        records.push(record);
    }

    /// The group begins a new epoch if `is_needed`, or if its topics are not what they were when it
    /// last looked.
    pub(super) fn bump_epoch(
        &mut self,
        around: Surroundings<'_>,
        is_needed: bool,
        records: &mut Records,
    ) {
        let version = around.topics.version();
        if !is_needed && self.topics_seen == Some(version) {
            return;
        }
        self.topics_seen = Some(version);
        let metadata_hash = metadata_hash(&self.all_subscribed_names(), around.topics);
        if !is_needed && metadata_hash == self.metadata_hash {
            return;
        }
        let value = GroupValue {
            epoch: self.epoch.saturating_add(1),
            metadata_hash,
        };
        self.change(ConsumerRecord::Group(Some(value)), records);
        if self.has_partition_metadata {
            self.change(ConsumerRecord::PartitionMetadata(None), records);
        }
    }

    pub(super) fn set_assignment_epoch(&mut self, timestamp_ms: i64, records: &mut Records) {
        let value = TargetEpochValue {
            epoch: self.epoch,
            timestamp_ms,
        };
        self.change(ConsumerRecord::TargetEpoch(Some(value)), records);
    }
}
