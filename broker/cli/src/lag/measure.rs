//! The lag of one group in each partition: what it committed against where the partition ends, and
//! the age of the next record that it will read, by what any broker of Kafka answers.

use std::collections::BTreeMap;
use std::time::Duration;

use naru_client::{
    Cluster, FetchOptions, Isolation, KafkaError, OffsetFound, OffsetSpec, Partition,
};
use naru_wire::Str;
use serde::Serialize;

use crate::units::now_ms;

/// What is fetched of a partition to see one timestamp; a batch that is larger comes all the same.
const GLANCE_BYTES: i32 = 4 << 10;

/// How often partitions are asked again that had no room in the answer, or only markers.
const GLANCES_MAX: usize = 32;

/// Names are those of Naru's own lag API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionLag {
    pub topic: String,
    pub partition: i32,
    pub committed_offset: i64,
    pub end_offset: i64,
    pub lag_records: i64,
    /// The age of the next record to read; 0 if there is none.
    pub lag_ms: i64,
    /// What was deleted before the group had read it.
    pub lost_records: i64,
}

/// The lag in each partition of what a group has committed, those of deleted topics left out.
///
/// # Errors
/// When a partition's leader cannot be asked.
pub fn measure(
    cluster: &mut Cluster,
    committed: &BTreeMap<Partition, i64>,
) -> Result<Vec<PartitionLag>, KafkaError> {
    let there = existing(cluster, committed)?;
    let mut ask = |spec| cluster.offsets(&there, spec, Isolation::default());
    let (starts, ends) = (ask(OffsetSpec::Earliest)?, ask(OffsetSpec::Latest)?);
    let offset = |of: &BTreeMap<Partition, OffsetFound>, place: &Partition| {
        of.get(place).map_or(0, |found| found.offset)
    };
    let mut next = BTreeMap::new();
    for place in &there {
        let (start, end) = (offset(&starts, place), offset(&ends, place));
        let position = committed.get(place).copied().unwrap_or_default().max(start);
        if position < end {
            next.insert(place.clone(), position);
        }
    }
    let timestamps = timestamps(cluster, next)?;
    let now_ms = now_ms();
    let lags = there.into_iter().map(|place| {
        let (start, end) = (offset(&starts, &place), offset(&ends, &place));
        let committed_offset = committed.get(&place).copied().unwrap_or_default();
        let age_ms = timestamps.get(&place).map_or(0, |then_ms| now_ms - then_ms);
        PartitionLag {
            topic: place.0.to_string(),
            partition: place.1,
            committed_offset,
            end_offset: end,
            lag_records: (end - committed_offset.max(start)).max(0),
            lag_ms: age_ms.max(0),
            lost_records: (start - committed_offset).max(0),
        }
    });
    Ok(lags.collect())
}

/// A group may have committed offsets of topics that are gone.
fn existing(
    cluster: &mut Cluster,
    committed: &BTreeMap<Partition, i64>,
) -> Result<Vec<Partition>, KafkaError> {
    let mut names: Vec<Str> = committed.keys().map(|(name, _)| name.clone()).collect();
    names.dedup();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let found = cluster.metadata(Some(&names))?.topics;
    let has = |(name, index): &Partition| {
        let topic = found.iter().find(|topic| topic.name.as_ref() == Some(name));
        topic.is_some_and(|topic| topic.partitions.iter().any(|p| p.partition_index == *index))
    };
    Ok(committed
        .keys()
        .filter(|place| has(place))
        .cloned()
        .collect())
}

/// The timestamp of the first record at or after each of these offsets.
fn timestamps(
    cluster: &mut Cluster,
    mut wanted: BTreeMap<Partition, i64>,
) -> Result<BTreeMap<Partition, i64>, KafkaError> {
    let mut names: Vec<Str> = wanted.keys().map(|(name, _)| name.clone()).collect();
    names.dedup();
    let mut found = BTreeMap::new();
    if names.is_empty() {
        return Ok(found);
    }
    let topics = cluster.topics(&names)?;
    let leader_of = |(name, index): &Partition| {
        let topic = topics.iter().find(|topic| topic.name == *name);
        let index = usize::try_from(*index).ok();
        topic
            .zip(index)
            .and_then(|(topic, index)| topic.leaders.get(index).copied())
    };
    for _ in 0..GLANCES_MAX {
        let mut by_leader: BTreeMap<i32, Vec<(Partition, i64)>> = BTreeMap::new();
        for (place, offset) in &wanted {
            if let Some(leader) = leader_of(place) {
                by_leader
                    .entry(leader)
                    .or_default()
                    .push((place.clone(), *offset));
            }
        }
        if by_leader.is_empty() {
            break;
        }
        for (leader, positions) in by_leader {
            let options = FetchOptions {
                partition_bytes_max: GLANCE_BYTES,
                ..FetchOptions::new(Isolation::default(), Duration::ZERO)
            };
            for fetched in cluster.fetch(leader, &positions, options)? {
                match fetched.records.first() {
                    Some(record) => {
                        wanted.remove(&fetched.partition);
                        found.insert(fetched.partition, record.timestamp_ms);
                    }
                    // Markers have no time that a consumer would see.
                    None if fetched.error_code.is_none() => {
                        if fetched.next_offset >= fetched.end_offset {
                            wanted.remove(&fetched.partition);
                        } else {
                            wanted.insert(fetched.partition, fetched.next_offset);
                        }
                    }
                    None => {
                        wanted.remove(&fetched.partition);
                    }
                }
            }
        }
    }
    Ok(found)
}
