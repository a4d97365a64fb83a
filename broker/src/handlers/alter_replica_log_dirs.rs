//! AlterReplicaLogDirs (v1–v2, KIP-113): there is one log directory, where every replica is, so
//! that the answer is that it is there, or why it cannot be.
//!
//! The checks and their order are Kafka's. As there, a partition that is named more than once is
//! answered once: the last directory counts.

use std::collections::BTreeMap;

use naru_wire::api::alter_replica_log_dirs::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse,
};
use naru_wire::{ErrorCode, Str};

use super::describe_log_dirs::log_dir;
use super::dispatch::{Context, Turns};
use crate::cluster::{ClusterImage, TopicRef};
use crate::partition::{NO_EPOCH, PartitionId, owner};

/// While a replica moves, its copy's directory is named `topic-index.<32 digits>-future`. Names
/// of files end here (KAFKA-4893), in bytes.
const FUTURE_DIR_NAME_LEN_MAX: usize = 255;
const FUTURE_DIR_SUFFIX_LEN: usize = ".".len() + 32 + "-future".len();

pub async fn handle(
    context: &Context,
    request: AlterReplicaLogDirsRequest,
) -> AlterReplicaLogDirsResponse {
    let shard = &context.shard;
    let present = log_dir(shard);
    let mut turns = Turns::of(context);
    let mut wanted: BTreeMap<(Str, i32), bool> = BTreeMap::new();
    for dir in request.dirs {
        let is_present = present.to_str() == Some(&*dir.path);
        for topic in dir.topics {
            turns.take(1 + topic.partitions.len()).await;
            for index in topic.partitions {
                wanted.insert((topic.name.clone(), index), is_present);
            }
        }
    }
    let image = shard.image();
    let is_offline = shard.logs.fence.check().is_err();
    let mut response = AlterReplicaLogDirsResponse::default();
    for ((name, index), is_present) in wanted {
        turns.take(1).await;
        let error_code = if !is_present {
            ErrorCode::LogDirNotFound
        } else if is_offline {
            ErrorCode::KafkaStorageError
        } else {
            stay(context, &image, &name, index).await
        };
        if response
            .results
            .last()
            .is_none_or(|last| last.topic_name != name)
        {
            response.results.push(AlterReplicaLogDirTopicResult {
                topic_name: name,
                ..Default::default()
            });
        }
        if let Some(topic) = response.results.last_mut() {
            topic.partitions.push(AlterReplicaLogDirPartitionResult {
                partition_index: index,
                error_code,
            });
        }
    }
    response
}

/// Whether the replica is where it should go.
async fn stay(context: &Context, image: &ClusterImage, name: &str, index: i32) -> ErrorCode {
    let future_dir_name_len = format!("{name}-{index}").len() + FUTURE_DIR_SUFFIX_LEN;
    if future_dir_name_len > FUTURE_DIR_NAME_LEN_MAX {
        return ErrorCode::InvalidTopicException;
    }
    let topic = image.topic(TopicRef::Name(name));
    let Some(topic) = topic.filter(|topic| topic.partition(index).is_some()) else {
        return ErrorCode::UnknownTopicOrPartition;
    };
    let shard = &context.shard;
    let id = PartitionId {
        topic_id: topic.id,
        index,
    };
    let target = owner(topic.id, index, shard.mesh.shards());
    let call = shard.mesh.call(shard, target, move |there| {
        std::future::ready(there.leader(id, NO_EPOCH).map(|_| ()))
    });
    match call.await.map_err(|denial| denial.error_code) {
        Ok(()) => ErrorCode::None,
        // Kafka's name for it in this API.
        Err(ErrorCode::NotLeaderOrFollower) => ErrorCode::ReplicaNotAvailable,
        Err(code) => code,
    }
}
