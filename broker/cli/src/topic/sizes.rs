//! What partitions take on disk, by DescribeLogDirs.

use std::collections::BTreeMap;

use naru_client::{KafkaError, Partition};
use naru_wire::api::describe_log_dirs::{DescribableLogDirTopic, DescribeLogDirsRequest};

use crate::session::Session;

/// The bytes of partitions, each as its leader has it.
///
/// # Errors
/// When a broker cannot be asked.
pub fn of_leaders(
    session: &mut Session,
    leaders: &BTreeMap<Partition, i32>,
) -> Result<BTreeMap<Partition, i64>, KafkaError> {
    let mut by_leader: BTreeMap<i32, BTreeMap<_, Vec<i32>>> = BTreeMap::new();
    for ((name, index), leader) in leaders {
        let asked = by_leader.entry(*leader).or_default();
        asked.entry(name.clone()).or_default().push(*index);
    }
    let mut sizes = BTreeMap::new();
    for (leader, topics) in by_leader {
        let topics = topics.into_iter();
        let request = DescribeLogDirsRequest {
            topics: Some(
                topics
                    .map(|(topic, partitions)| DescribableLogDirTopic { topic, partitions })
                    .collect(),
            ),
        };
        for dir in session.cluster.call_node(leader, &request)?.results {
            for topic in dir.topics {
                for partition in topic.partitions.iter().filter(|p| !p.is_future_key) {
                    let place = (topic.name.detach(), partition.partition_index);
                    sizes.insert(place, partition.partition_size);
                }
            }
        }
    }
    Ok(sizes)
}
