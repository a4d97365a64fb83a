//! How far groups have come, and how fast they go: what lag is made of on this side.

use std::collections::BTreeMap;
use std::ops::Bound;

use uuid::Uuid;

use crate::group::consumer_protocol::assigned;
use crate::group::coordinator::Coordinator;
use crate::group::state::Group;
use crate::lag::Rates;

/// A group at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupProgress {
    /// Kafka's name.
    pub state: &'static str,
    pub member_ids: Vec<String>,
    /// What is committed, or assigned to a member, by topic and partition.
    pub offsets: BTreeMap<(String, i32), OffsetProgress>,
}

/// One partition of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetProgress {
    pub member_id: Option<String>,
    pub committed_offset: Option<i64>,
    /// Nil if the client went by the name.
    pub topic_id: Uuid,
    pub consumed: Rates,
}

impl<R> Coordinator<R> {
    pub fn progress(&self, group_id: &str) -> Option<GroupProgress> {
        let group = self.groups.get(group_id)?;
        let mut offsets: BTreeMap<(String, i32), OffsetProgress> = BTreeMap::new();
        for (topic, partition, committed, consumed) in group.offsets.moving() {
            let progress = OffsetProgress {
                member_id: None,
                committed_offset: Some(committed.offset),
                topic_id: committed.topic_id,
                consumed,
            };
            offsets.insert((topic.to_owned(), partition), progress);
        }
        for (partition, member_id) in self.readers(group) {
            offsets.entry(partition).or_default().member_id = Some(member_id);
        }
        Some(GroupProgress {
            state: group.state_name(),
            member_ids: group.member_ids(),
            offsets,
        })
    }

    /// Which partitions the members of a group read, and who does; of topics that there are.
    fn readers(&self, group: &Group<R>) -> Vec<((String, i32), String)> {
        if let Some(consumer) = &group.consumer {
            let owners = consumer.owners();
            let named = owners.filter_map(|(topic, partition, member_id)| {
                let topic = self.topics.with_id(topic)?;
                Some(((topic.name.to_string(), partition), member_id.clone()))
            });
            return named.collect();
        }
        let members = group.members.values().filter(|_| group.is_of_consumers());
        let readers = members.flat_map(|member| {
            let assigned = assigned(&member.assignment).into_iter();
            assigned.flat_map(move |(topic, partitions)| {
                let partitions = partitions.into_iter();
                partitions.map(move |index| ((topic.clone(), index), member.id.clone()))
            })
        });
        readers.collect()
    }

    /// The groups that have committed anything, and for how many partitions.
    pub fn committed_partitions(&self) -> Vec<(String, usize)> {
        let groups = self.groups.iter();
        let counted = groups.map(|(group_id, group)| (group_id, group.offsets.moving().count()));
        let committed = counted.filter(|(_, partitions)| *partitions > 0);
        committed
            .map(|(group_id, partitions)| (group_id.clone(), partitions))
            .collect()
    }

    /// Samples the offsets of at most `groups_max` groups after `after`; says where to go on.
    pub fn sample(
        &mut self,
        steady_ms: i64,
        after: Option<String>,
        groups_max: usize,
    ) -> Option<String> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut last = None;
        let mut count = 0;
        for (group_id, group) in self.groups.range_mut((from, Bound::Unbounded)) {
            group.offsets.sample(steady_ms);
            count += 1;
            if count == groups_max {
                last = Some(group_id.clone());
                break;
            }
        }
        last
    }
}
