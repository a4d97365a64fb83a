//! One round over the partitions of a fetch: what each has now, within the limits.
//!
//! All owners are asked at the same time; each keeps to the request's limit by itself,
//! and the merge drops what would pass it together. Kafka's rule holds: the first batch
//! of the first partition that has one is returned even if it is larger than any limit
//! (KIP-74), so that no consumer is stuck at a large batch.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use naru_engine::log::{AbortedTransaction, ReadError};
use naru_wire::ErrorCode;

use crate::partition::{Denial, Isolation, PartitionId, ShardId, owner};
use crate::shard::Shard;

/// Partitions of one fetch that are looked at before other work of the shard has its turn.
pub const PARTITIONS_PER_TURN: usize = 64;

/// A partition as a client wants it read.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub id: PartitionId,
    pub fetch_offset: i64,
    pub bytes_max: usize,
    /// The largest batch that the topic takes now, in bytes.
    pub batch_bytes_max: usize,
    pub current_leader_epoch: i32,
    pub isolation: Isolation,
}

/// What a partition had.
#[derive(Clone, Debug)]
pub struct Found {
    pub error_code: ErrorCode,
    pub high_watermark: i64,
    pub last_stable_offset: i64,
    pub log_start_offset: i64,
    pub leader_epoch: i32,
    pub records: Vec<Bytes>,
    /// Of the records; `None` for who reads uncommitted ones.
    pub aborted: Option<Vec<AbortedTransaction>>,
}

impl Found {
    pub fn error(error_code: ErrorCode) -> Self {
        Self {
            error_code,
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            leader_epoch: -1,
            records: Vec::new(),
            aborted: None,
        }
    }

    /// Keeps nothing of what was read.
    fn clear(&mut self) {
        self.records.clear();
        if let Some(aborted) = &mut self.aborted {
            aborted.clear();
        }
    }

    /// The end of what its reader may read.
    pub fn readable_end(&self, isolation: Isolation) -> i64 {
        match isolation {
            Isolation::ReadUncommitted => self.high_watermark,
            Isolation::ReadCommitted => self.last_stable_offset,
        }
    }

    pub fn records_bytes(&self) -> usize {
        self.records.iter().map(Bytes::len).sum()
    }
}

/// Wanted partitions, with their places in the request.
pub type Group = Arc<[(usize, Wanted)]>;

/// The wanted partitions of each owner: made once, for all that a fetch asks of them.
pub type ByOwner = Vec<(ShardId, Group)>;

pub fn by_owner(wanted: &[Result<Wanted, ErrorCode>], shards: usize) -> ByOwner {
    let mut owners: Vec<(ShardId, Vec<(usize, Wanted)>)> = Vec::with_capacity(1);
    for (place, wanted) in wanted.iter().enumerate() {
        let Ok(wanted) = *wanted else { continue };
        let target = owner(wanted.id.topic_id, wanted.id.index, shards);
        match owners.iter_mut().find(|(shard, _)| *shard == target) {
            Some((_, group)) => group.push((place, wanted)),
            None => owners.push((target, vec![(place, wanted)])),
        }
    }
    let owners = owners.into_iter();
    owners
        .map(|(target, group)| (target, Group::from(group)))
        .collect()
}

/// Reads all of `wanted`; the answers are at the same places. Those that are `None`
/// there have none here. `at_least_one` is Kafka's rule for the first batch.
pub async fn read_all(
    shard: &Rc<Shard>,
    owners: &ByOwner,
    places: usize,
    bytes_max: usize,
    at_least_one: bool,
) -> Vec<Option<Found>> {
    let calls: Vec<_> = owners
        .iter()
        .map(|(target, group)| {
            let group = Arc::clone(group);
            shard.mesh.call(shard, *target, move |there| {
                read_owned(Rc::clone(there), group, bytes_max, at_least_one)
            })
        })
        .collect();
    let mut found: Vec<Option<Found>> = (0..places).map(|_| None).collect();
    for call in calls {
        for (place, answer) in call.await {
            found[place] = Some(answer);
        }
    }
    let mut room = bytes_max;
    let mut is_first = true;
    for answer in found.iter_mut().flatten() {
        let bytes = answer.records_bytes();
        if bytes > room && !is_first {
            answer.clear();
        } else if bytes > 0 {
            room = room.saturating_sub(bytes);
            is_first = false;
        }
    }
    found
}

async fn read_owned(
    shard: Rc<Shard>,
    group: Group,
    bytes_max: usize,
    at_least_one: bool,
) -> Vec<(usize, Found)> {
    let mut answers = Vec::with_capacity(group.len());
    let mut room = bytes_max;
    let mut is_first = at_least_one;
    for (at, (place, wanted)) in group.iter().enumerate() {
        if at > 0 && at % PARTITIONS_PER_TURN == 0 {
            shard.io.yield_now().await;
        }
        let answer = read_one(&shard, wanted, room, is_first).await;
        let bytes = answer.records_bytes();
        if bytes > 0 {
            room = room.saturating_sub(bytes);
            is_first = false;
        }
        answers.push((*place, answer));
    }
    answers
}

async fn read_one(shard: &Shard, wanted: &Wanted, room: usize, is_first: bool) -> Found {
    let partition = match shard.leader(wanted.id, wanted.current_leader_epoch) {
        Ok(partition) => partition,
        Err(Denial {
            error_code,
            leader_epoch,
        }) => {
            return Found {
                leader_epoch,
                ..Found::error(error_code)
            };
        }
    };
    let mut found = Found {
        leader_epoch: partition.standing().leader_epoch,
        ..Found::error(ErrorCode::None)
    };
    let mut end = None;
    if wanted.isolation == Isolation::ReadCommitted {
        found.aborted = Some(Vec::new());
    }
    if room > 0 || is_first {
        let bytes_max = wanted.bytes_max.min(room);
        let from = wanted.fetch_offset;
        let read = partition.read(from, bytes_max, is_first, wanted.isolation);
        match read.await {
            Ok(read) => {
                found.records = read.records;
                found.aborted = read.aborted;
                end = Some(read.end);
            }
            Err(ReadError::OffsetOutOfRange { .. }) => {
                found.error_code = ErrorCode::OffsetOutOfRange;
                found.aborted = None;
            }
            Err(error) => {
                tracing::error!(
                    topic = %partition.topic,
                    partition = partition.id.index,
                    "cannot read at offset {}: {error}",
                    wanted.fetch_offset
                );
                found.error_code = ErrorCode::KafkaStorageError;
                found.aborted = None;
            }
        }
    }
    let end = end.unwrap_or_else(|| partition.ends());
    found.high_watermark = end.high_watermark;
    found.last_stable_offset = end.last_stable_offset;
    found.log_start_offset = partition.start_offset();
    found
}
