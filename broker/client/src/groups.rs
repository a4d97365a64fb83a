//! Consumer groups, of both protocols: which there are, and what they have committed.

use std::collections::BTreeMap;

use naru_wire::api::consumer_group_describe::{
    ConsumerGroupDescribeGroup, ConsumerGroupDescribeRequest,
};
use naru_wire::api::describe_groups::{DescribeGroupsRequest, DescribedGroup};
use naru_wire::api::list_groups::{ListGroupsRequest, ListedGroup};
use naru_wire::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use naru_wire::api::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup};
use naru_wire::{ErrorCode, Str};

use crate::cluster::{Cluster, CoordinatorKind};
use crate::{KafkaError, OFFSET_COMMIT_VERSION_MAX, Partition};

/// The last version that names topics. Unlike a member, who asks has no list of them.
const OFFSET_FETCH_BY_NAME: i16 = 9;

/// A group, as its coordinator shows it.
#[derive(Clone, Debug)]
pub enum GroupDescription {
    Classic(DescribedGroup),
    /// KIP-848
    Consumer(ConsumerGroupDescribeGroup),
}

impl Cluster {
    /// The groups of all brokers, by name, each with the broker that coordinates it.
    ///
    /// # Errors
    /// When a broker cannot be asked.
    pub fn list_groups(&mut self) -> Result<Vec<(i32, ListedGroup)>, KafkaError> {
        let mut groups = Vec::new();
        for broker in self.brokers()? {
            let listed = self.until_it_passes(|cluster| {
                let listed = cluster.call_node(broker.node_id, &ListGroupsRequest::default())?;
                KafkaError::check(listed.error_code, || "list groups".into(), None)?;
                Ok(listed)
            })?;
            groups.extend(
                listed
                    .groups
                    .into_iter()
                    .map(|group| (broker.node_id, group)),
            );
        }
        groups.sort_by(|(_, a), (_, b)| a.group_id.cmp(&b.group_id));
        Ok(groups)
    }

    /// A group with its members. One that is not there is GROUP_ID_NOT_FOUND, whatever the broker's
    /// version.
    ///
    /// # Errors
    /// When there is no such group.
    pub fn describe_group(&mut self, group: &str) -> Result<GroupDescription, KafkaError> {
        if let Some(described) = self.describe_consumer_group(group)? {
            return Ok(GroupDescription::Consumer(described));
        }
        let request = DescribeGroupsRequest {
            groups: vec![group.into()],
            ..Default::default()
        };
        let refused = |code, message: Option<&Str>| {
            KafkaError::check(code, || format!("group {group}"), message)
        };
        let kind = CoordinatorKind::Group;
        let found = self.call_coordinator(kind, group, &request, i16::MAX, |answer| {
            answer
                .groups
                .first()
                .map_or(ErrorCode::None, |group| group.error_code)
        })?;
        let found = found.groups.into_iter().next();
        match found {
            // Before version 6, this is how a group looks that is not there.
            Some(found) if found.group_state == "Dead" => {
                refused(ErrorCode::GroupIdNotFound, None)?;
                Ok(GroupDescription::Classic(found))
            }
            Some(found) => Ok(GroupDescription::Classic(found)),
            None => {
                refused(ErrorCode::GroupIdNotFound, None)?;
                Ok(GroupDescription::Classic(DescribedGroup::default()))
            }
        }
    }

    /// `None` for a group of the classic protocol, and where there is no other.
    fn describe_consumer_group(
        &mut self,
        group: &str,
    ) -> Result<Option<ConsumerGroupDescribeGroup>, KafkaError> {
        if !self.versions()?.has::<ConsumerGroupDescribeRequest>() {
            return Ok(None);
        }
        let request = ConsumerGroupDescribeRequest {
            group_ids: vec![group.into()],
            ..Default::default()
        };
        let kind = CoordinatorKind::Group;
        let found = self.call_coordinator(kind, group, &request, i16::MAX, |answer| {
            answer
                .groups
                .first()
                .map_or(ErrorCode::None, |group| group.error_code)
        });
        match found {
            Ok(found) => Ok(found.groups.into_iter().next()),
            Err(KafkaError::Refused {
                code: ErrorCode::GroupIdNotFound | ErrorCode::UnsupportedVersion,
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All offsets that a group has committed.
    ///
    /// # Errors
    /// When the coordinator refuses, or cannot be reached.
    pub fn committed_offsets(
        &mut self,
        group: &str,
    ) -> Result<BTreeMap<Partition, i64>, KafkaError> {
        let request = OffsetFetchRequest {
            group_id: group.into(),
            topics: None,
            groups: vec![OffsetFetchRequestGroup {
                group_id: group.into(),
                topics: None,
                ..Default::default()
            }],
            ..Default::default()
        };
        let kind = CoordinatorKind::Group;
        let fetched =
            self.call_coordinator(kind, group, &request, OFFSET_FETCH_BY_NAME, |answer| {
                let of_group = answer.groups.first();
                of_group.map_or(answer.error_code, |group| group.error_code)
            })?;
        // Up to version 7 there is one group at the top, later there are as many as were asked for.
        let old = fetched.topics.into_iter().flat_map(|topic| {
            let partitions = topic.partitions.into_iter();
            let name = topic.name;
            partitions.map(move |p| (name.clone(), p.partition_index, p.committed_offset))
        });
        let new = fetched.groups.into_iter().flat_map(|group| group.topics);
        let new = new.flat_map(|topic| {
            let partitions = topic.partitions.into_iter();
            let name = topic.name;
            partitions.map(move |p| (name.clone(), p.partition_index, p.committed_offset))
        });
        let offsets = old.chain(new).filter(|(_, _, offset)| *offset >= 0);
        Ok(offsets
            .map(|(name, index, offset)| ((name.detach(), index), offset))
            .collect())
    }

    /// Commits offsets from outside of a group, which has no members.
    ///
    /// # Errors
    /// When the group has members, or a partition is refused.
    pub fn commit_offsets(
        &mut self,
        group: &str,
        offsets: &BTreeMap<Partition, i64>,
    ) -> Result<(), KafkaError> {
        let mut topics: BTreeMap<Str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
        for ((name, index), offset) in offsets {
            let committed = topics.entry(name.clone()).or_default();
            committed.push(OffsetCommitRequestPartition {
                partition_index: *index,
                committed_offset: *offset,
                ..Default::default()
            });
        }
        let topics = topics.into_iter();
        let topics = topics.map(|(name, partitions)| OffsetCommitRequestTopic {
            name,
            partitions,
            ..Default::default()
        });
        let request = OffsetCommitRequest {
            group_id: group.into(),
            topics: topics.collect(),
            ..Default::default()
        };
        let kind = CoordinatorKind::Group;
        let version_max = OFFSET_COMMIT_VERSION_MAX;
        self.call_coordinator(kind, group, &request, version_max, |answer| {
            let mut codes = answer.topics.iter().flat_map(|topic| &topic.partitions);
            let refused = codes.find(|partition| !partition.error_code.is_none());
            refused.map_or(ErrorCode::None, |partition| partition.error_code)
        })?;
        Ok(())
    }
}
