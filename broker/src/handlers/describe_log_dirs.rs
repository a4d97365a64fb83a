//! DescribeLogDirs (v1–v5): what the log directory holds, and its space (KIP-113, KIP-827,
//! KIP-1066).
//!
//! There is one directory, and no copy of a partition on its way to another: the lag is always 0.
//! A partition that is not served because its own data is damaged is left out; when the directory
//! has failed as a whole, its error is all that is told, as Kafka does.

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use naru_runtime::Space;
use naru_wire::api::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeLogDirsResult, DescribeLogDirsTopic,
};
use naru_wire::{ErrorCode, Str};
use uuid::Uuid;

use super::dispatch::{Context, Turns};
use crate::cluster::TopicRef;
use crate::partition::{PartitionId, ShardId};
use crate::shard::Shard;

/// Partitions that a shard measures before it looks at its other work.
const PARTITIONS_PER_TURN: usize = 256;

/// A partition's size in bytes.
type Size = (PartitionId, u64);

/// Partitions by their topics; `None` asks for all.
type Wanted = Option<Arc<HashMap<Uuid, Vec<i32>>>>;

pub async fn handle(context: &Context, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let shard = &context.shard;
    let mut result = DescribeLogDirsResult {
        log_dir: Str::from(log_dir(shard).to_string_lossy().into_owned()),
        ..Default::default()
    };
    if shard.logs.fence.check().is_err() {
        result.error_code = ErrorCode::KafkaStorageError;
    } else {
        if let Some(space) = space(shard).await {
            result.total_bytes = clamped(space.total_bytes);
            result.usable_bytes = clamped(space.usable_bytes);
        }
        result.topics = topics(context, &request).await;
    }
    DescribeLogDirsResponse {
        results: vec![result],
        ..Default::default()
    }
}

/// The absolute path of the data directory: the one log directory that there is.
pub fn log_dir(shard: &Shard) -> PathBuf {
    let path = &shard.config.data_dir;
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The room of the data directory. The maintenance thread asks the file system, which may take
/// its time; while it has too much to do, the room is not told.
async fn space(shard: &Rc<Shard>) -> Option<Space> {
    let data_dir = shard.config.data_dir.clone();
    let (callback, answer) = shard.mesh.callback();
    let job = move |disk: naru_runtime::MaintenanceDisk| async move { disk.space(&data_dir).await };
    match shard.maintenance.submit(job, callback) {
        Ok(()) => answer.await?.ok(),
        Err(_) => None,
    }
}

fn clamped(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The partitions that are asked for, of all shards; those that are not here are left out.
async fn topics(context: &Context, request: &DescribeLogDirsRequest) -> Vec<DescribeLogDirsTopic> {
    let shard = &context.shard;
    let image = shard.image();
    let mut turns = Turns::of(context);
    let wanted: Wanted = match &request.topics {
        None => None,
        Some(topics) => {
            let mut wanted: HashMap<Uuid, Vec<i32>> = HashMap::new();
            for topic in topics {
                turns.take(1 + topic.partitions.len()).await;
                if let Some(known) = image.topic(TopicRef::Name(&topic.topic)) {
                    wanted
                        .entry(known.id)
                        .or_default()
                        .extend(&topic.partitions);
                }
            }
            for partitions in wanted.values_mut() {
                partitions.sort_unstable();
            }
            Some(Arc::new(wanted))
        }
    };
    let calls: Vec<_> = (0..shard.mesh.shards())
        .map(|index| {
            let wanted = wanted.clone();
            shard.mesh.call(shard, ShardId::new(index), move |there| {
                measure(Rc::clone(there), wanted)
            })
        })
        .collect();
    let mut sizes = Vec::new();
    for call in calls {
        sizes.extend(call.await);
    }
    sizes.sort_unstable_by_key(|(id, _)| *id);
    let mut described: Vec<DescribeLogDirsTopic> = Vec::new();
    let mut last = None;
    for (id, bytes) in sizes {
        turns.take(1).await;
        if last != Some(id.topic_id) {
            // One that was deleted meanwhile has no name any more.
            let Some(topic) = image.topic(TopicRef::Id(id.topic_id)) else {
                continue;
            };
            last = Some(id.topic_id);
            described.push(DescribeLogDirsTopic {
                name: Str::from(&*topic.name),
                ..Default::default()
            });
        }
        if let Some(topic) = described.last_mut() {
            topic.partitions.push(DescribeLogDirsPartition {
                partition_index: id.index,
                partition_size: clamped(bytes),
                ..Default::default()
            });
        }
    }
    described
}

/// The sizes of a shard's own partitions.
async fn measure(shard: Rc<Shard>, wanted: Wanted) -> Vec<Size> {
    let is_wanted = |id: PartitionId| match &wanted {
        None => true,
        Some(wanted) => wanted
            .get(&id.topic_id)
            .is_some_and(|partitions| partitions.binary_search(&id.index).is_ok()),
    };
    let mut sizes = Vec::new();
    for (at, partition) in shard.partitions.online().into_iter().enumerate() {
        if is_wanted(partition.id) {
            sizes.push((partition.id, partition.size_bytes()));
        }
        if at % PARTITIONS_PER_TURN == PARTITIONS_PER_TURN - 1 {
            shard.io.yield_now().await;
        }
    }
    sizes
}
