//! The transactions that partitions have open, by DescribeProducers at their leaders (KIP-664).

use std::collections::BTreeMap;

use naru_client::{KafkaError, Partition};
use naru_wire::Str;
use naru_wire::api::describe_producers::{DescribeProducersRequest, ProducerState, TopicRequest};

use crate::failure::Failure;
use crate::session::Session;

/// The producers that have a transaction open, with the partition and its leader.
pub fn open_transactions(
    session: &mut Session,
    partitions: &[Partition],
) -> Result<Vec<(i32, Partition, ProducerState)>, Failure> {
    let mut names: Vec<Str> = partitions.iter().map(|(name, _)| name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    let topics = session.cluster.topics(&names)?;
    let mut by_leader: BTreeMap<i32, BTreeMap<Str, Vec<i32>>> = BTreeMap::new();
    for topic in &topics {
        for (index, leader) in (0..).zip(&topic.leaders) {
            if partitions.contains(&(topic.name.clone(), index)) {
                let asked = by_leader.entry(*leader).or_default();
                asked.entry(topic.name.clone()).or_default().push(index);
            }
        }
    }
    let mut open = Vec::new();
    for (leader, topics) in by_leader {
        let topics = topics.into_iter();
        let request = DescribeProducersRequest {
            topics: topics
                .map(|(name, partition_indexes)| TopicRequest {
                    name,
                    partition_indexes,
                })
                .collect(),
        };
        for topic in session.cluster.call_node(leader, &request)?.topics {
            for answer in topic.partitions {
                let place = (topic.name.detach(), answer.partition_index);
                let what = || format!("the producers of {}-{}", place.0, place.1);
                KafkaError::check(answer.error_code, what, answer.error_message.as_ref())?;
                let producers = answer.active_producers.into_iter();
                let begun = producers.filter(|producer| producer.current_txn_start_offset >= 0);
                open.extend(begun.map(|producer| (leader, place.clone(), producer)));
            }
        }
    }
    Ok(open)
}
