//! Which shard owns a partition.
//!
//! A function of the topic id, the index and the number of shards, so that every shard
//! knows every owner without asking. The partitions of a topic go round the shards. Data
//! on disk belongs to no shard: with another `naru.shards` the same directories simply
//! get other owners.

use uuid::Uuid;

/// A shard's number, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(usize);

impl ShardId {
    pub const fn new(index: usize) -> Self {
        Self(index)
    }

    pub fn index(self) -> usize {
        self.0
    }
}

pub fn owner(topic_id: Uuid, partition: i32, shards: usize) -> ShardId {
    // Topic ids are random (UUID version 4); their low half spreads the topics.
    let start = topic_id.as_u64_pair().1;
    let place = start.wrapping_add(partition as u64) % shards as u64;
    ShardId::new(place as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partitions_of_a_topic_go_round_the_shards() {
        let topic = Uuid::from_u128(0x1234_5678_9abc_4def_8123_4567_89ab_cdef);
        for shards in 1..=8 {
            let mut counts = vec![0; shards];
            for partition in 0..(shards as i32 * 10) {
                counts[owner(topic, partition, shards).index()] += 1;
            }
            assert!(counts.iter().all(|&count| count == 10));
        }
    }
}
