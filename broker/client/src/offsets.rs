//! ListOffsets over all leaders: where partitions begin and end, and what is where in time.

use std::collections::BTreeMap;

use naru_wire::api::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use naru_wire::{ErrorCode, Message, Str};

use crate::{Cluster, Connection, KafkaError};

/// The first version that knows the largest timestamp (KIP-734, Kafka 3.0).
const MAX_TIMESTAMP_SINCE: i16 = 7;

/// A topic's name and a partition's number.
pub type Partition = (Str, i32);

/// Which offset of a partition is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    Earliest,
    Latest,
    /// Of the record with the largest timestamp (KIP-734).
    MaxTimestamp,
    /// Of the first record that is not older, in ms since 1970.
    At(i64),
}

/// What a leader says of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetFound {
    /// -1 if no record is that young.
    pub offset: i64,
    /// Of the record; -1 unless the offset was asked for by time.
    pub timestamp_ms: i64,
}

/// Up to where consumers read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    #[default]
    ReadUncommitted,
    ReadCommitted,
}

impl Isolation {
    /// As requests have it.
    pub fn level(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

impl OffsetSpec {
    fn timestamp(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::MaxTimestamp => -3,
            Self::At(timestamp_ms) => timestamp_ms,
        }
    }

    /// An older broker would look for a record of the timestamp -3, and find the first.
    fn must_be_understood(self, connection: &Connection) -> Result<(), KafkaError> {
        let version = connection.version::<ListOffsetsRequest>(i16::MAX)?;
        if self != Self::MaxTimestamp || version >= MAX_TIMESTAMP_SINCE {
            return Ok(());
        }
        Err(KafkaError::Version {
            address: connection.address().to_owned(),
            api: ListOffsetsRequest::KEY,
            theirs: Some((*ListOffsetsRequest::VERSIONS.start(), version)),
            ours: (MAX_TIMESTAMP_SINCE, *ListOffsetsRequest::VERSIONS.end()),
        })
    }
}

impl Cluster {
    /// The offset of each of these partitions. A leader that moves is asked for again.
    ///
    /// # Errors
    /// When a topic or partition is not there, or has no leader within the time.
    pub fn offsets(
        &mut self,
        partitions: &[Partition],
        spec: OffsetSpec,
        isolation: Isolation,
    ) -> Result<BTreeMap<Partition, OffsetFound>, KafkaError> {
        if partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut names: Vec<Str> = partitions.iter().map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        self.until_it_passes(|cluster| {
            let topics = cluster.topics(&names)?;
            let mut by_leader: BTreeMap<i32, BTreeMap<Str, Vec<i32>>> = BTreeMap::new();
            for (name, index) in partitions {
                let topic = topics.iter().find(|topic| topic.name == *name);
                let leader = topic.zip(usize::try_from(*index).ok());
                let leader = leader.and_then(|(topic, index)| topic.leaders.get(index).copied());
                let leader = leader.ok_or_else(|| KafkaError::Refused {
                    what: format!("partition {index} of topic {name}"),
                    code: ErrorCode::UnknownTopicOrPartition,
                    message: None,
                })?;
                let asked = by_leader.entry(leader).or_default();
                asked.entry(name.clone()).or_default().push(*index);
            }
            let mut found = BTreeMap::new();
            for (leader, asked) in by_leader {
                let connection = cluster.node(leader)?;
                spec.must_be_understood(connection)?;
                let request = request(asked, spec, isolation);
                for topic in cluster.call_node(leader, &request)?.topics {
                    for answer in topic.partitions {
                        let index = answer.partition_index;
                        let what = || format!("the offset in {}-{index}", topic.name);
                        KafkaError::check(answer.error_code, what, None)?;
                        let at = OffsetFound {
                            offset: answer.offset,
                            timestamp_ms: answer.timestamp,
                        };
                        found.insert((topic.name.detach(), index), at);
                    }
                }
            }
            Ok(found)
        })
    }
}

fn request(
    asked: BTreeMap<Str, Vec<i32>>,
    spec: OffsetSpec,
    isolation: Isolation,
) -> ListOffsetsRequest {
    let topics = asked.into_iter().map(|(name, indexes)| ListOffsetsTopic {
        name,
        partitions: indexes
            .into_iter()
            .map(|partition_index| ListOffsetsPartition {
                partition_index,
                timestamp: spec.timestamp(),
                ..Default::default()
            })
            .collect(),
    });
    ListOffsetsRequest {
        replica_id: -1,
        isolation_level: isolation.level(),
        topics: topics.collect(),
        ..Default::default()
    }
}
