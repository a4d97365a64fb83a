//! A fetch from its request to its answer: planned, read, and, where that is less than its
//! `min.bytes`, waited for once and read again. Whatever is there then is the answer: no fetch
//! reads the same bytes over and over.

use std::time::Duration;

use naru_wire::ErrorCode;
use naru_wire::api::fetch::{FetchRequest, FetchResponse};

use super::answer::answer;
use super::read::{ByOwner, Found, Wanted, by_owner};
use super::reserved::{Round, read_round};
use super::wait::Wait;
use crate::cluster::{ClusterImage, TopicRef};
use crate::handlers::dispatch::Context;
use crate::net::Reply;
use crate::partition::{FetchPlan, FetchTarget, Isolation, PartitionId, SessionRequest, Wants};
use crate::shard::Shard;

/// Fetch versions from here on name topics by their id (KIP-516).
const TOPIC_IDS_SINCE: i16 = 13;

/// The most that one answer carries beyond its first batch, in bytes: a client asks for up
/// to 50 MB at once by default, and is served as fast in smaller pieces.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// The longest that a fetch waits, whatever its `max_wait_ms` says: an empty answer is an
/// answer, and a client that has gone without a word costs its watches no longer.
const WAIT_MAX: Duration = Duration::from_secs(5 * 60);

/// The first version with fetch sessions (KIP-227).
const SESSIONS_SINCE: i16 = 7;

pub async fn handle(context: &Context, request: FetchRequest) -> Reply {
    let shard = &context.shard;
    let plan = match plan(context, &request) {
        Ok(plan) => plan,
        Err(error_code) => {
            return context.encode(&FetchResponse {
                error_code,
                ..Default::default()
            });
        }
    };
    let image = shard.image();
    let by_id = context.version() >= TOPIC_IDS_SINCE;
    let isolation = Isolation::from_level(request.isolation_level);
    let wanted = plan
        .targets()
        .map(|target| resolve(shard, &image, target, by_id, isolation));
    let wanted: Vec<_> = wanted.collect();
    let owners = by_owner(&wanted, shard.mesh.shards());
    let bytes_max = (request.max_bytes.max(0) as usize)
        .min(shard.config.limits.fetch_bytes_max as usize)
        .min(ANSWER_BYTES_MAX);
    let bytes_min = (request.min_bytes.max(0) as usize).min(bytes_max);
    let wait_max = Duration::from_millis(request.max_wait_ms.max(0) as u64).min(WAIT_MAX);

    let mut round = read_round(shard, &owners, wanted.len(), bytes_max).await;
    let is_wait_of_use = !owners.is_empty() && !shard.connections.is_draining();
    if is_wait_of_use && !wait_max.is_zero() && !is_due(&round, bytes_min) {
        drop(round);
        wait(context, &owners, bytes_min as u64, wait_max).await;
        round = read_round(shard, &owners, wanted.len(), bytes_max).await;
    }
    let Round { found, memory, .. } = round;
    let found: Vec<Found> = found
        .into_iter()
        .zip(wanted)
        .map(|(found, wanted)| match (found, wanted) {
            (Some(found), _) => found,
            (None, Err(code)) => Found::error(code),
            (None, Ok(_)) => Found::error(ErrorCode::UnknownServerError),
        })
        .collect();
    let fetched_bytes: usize = found.iter().map(Found::records_bytes).sum();
    shard.metrics.fetched_bytes.add(fetched_bytes as u64);
    let reply = context.encode(&answer(context, plan, found));
    reply.holding(memory)
}

/// Whether a read is the answer as it is. As in Kafka, an error of a read is, but a partition
/// that the cluster does not have is not read: it does not end the wait for the others.
fn is_due(round: &Round, bytes_min: usize) -> bool {
    let mut found = round.found.iter().flatten();
    round.is_enough(bytes_min) || found.any(|found| found.error_code != ErrorCode::None)
}

async fn wait(context: &Context, owners: &ByOwner, bytes_min: u64, wait_max: Duration) {
    let shard = &context.shard;
    let wait = Wait::begin(shard, owners, bytes_min);
    let due = context.peer.hangup.unless_gone(wait.due());
    // What there is when the time is over, or nobody waits any more, is the answer.
    let _ = shard.io.timeout(wait_max, due).await;
}

/// What is to be fetched: what the request says, over what its session knows.
fn plan(context: &Context, request: &FetchRequest) -> Result<FetchPlan, ErrorCode> {
    let targets = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| {
            let wants = Wants {
                fetch_offset: partition.fetch_offset,
                bytes_max: partition.partition_max_bytes,
                current_leader_epoch: partition.current_leader_epoch,
            };
            FetchTarget::new(
                topic.topic.clone(),
                topic.topic_id,
                partition.partition,
                wants,
            )
        })
    });
    let targets = targets.collect();
    if context.version() < SESSIONS_SINCE {
        return Ok(FetchPlan::alone(targets));
    }
    let forgotten = request.forgotten_topics_data.iter().flat_map(|topic| {
        let partitions = topic.partitions.iter();
        partitions.map(|index| (topic.topic.clone(), topic.topic_id, *index))
    });
    let request = SessionRequest {
        session_id: request.session_id,
        epoch: request.session_epoch,
        targets,
        forgotten: forgotten.collect(),
        uses_topic_ids: context.version() >= TOPIC_IDS_SINCE,
    };
    let mut sessions = context.shard.fetch_sessions.borrow_mut();
    sessions.begin(context.shard.io.now(), request, || {
        context.shard.io.random_u64() as i32
    })
}

fn resolve(
    shard: &Shard,
    image: &ClusterImage,
    target: &FetchTarget,
    by_id: bool,
    isolation: Isolation,
) -> Result<Wanted, ErrorCode> {
    let topic = if by_id {
        let topic = image.topic(TopicRef::Id(target.topic_id));
        topic.ok_or(ErrorCode::UnknownTopicId)?
    } else {
        let topic = image.topic(TopicRef::Name(&target.topic));
        topic.ok_or(ErrorCode::UnknownTopicOrPartition)?
    };
    if topic.partition(target.index).is_none() {
        return Err(ErrorCode::UnknownTopicOrPartition);
    }
    let wants = target.wants();
    Ok(Wanted {
        id: PartitionId {
            topic_id: topic.id,
            index: target.index,
        },
        fetch_offset: wants.fetch_offset,
        bytes_max: wants.bytes_max.max(0) as usize,
        batch_bytes_max: shard.topic_config(&topic).message_bytes_max as usize,
        current_leader_epoch: wants.current_leader_epoch,
        isolation,
    })
}
