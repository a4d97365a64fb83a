//! What one shard says of itself for a scrape, and what several say together.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use naru_runtime::{Distribution, ThreadTimes};
use uuid::Uuid;

use crate::admin::broker::PARTITIONS_PER_TURN;
use crate::cluster::ClusterImage;
use crate::config::BrokerConfig;
use crate::metrics::Counted;
use crate::partition::{PartitionReport, Role};
use crate::shard::Shard;

/// How much is told of partitions, so that a scrape has a bound whatever there is.
pub enum Detail {
    /// Each partition.
    Partitions,
    /// Sums for each of these topics; the others are left out.
    Topics(BTreeSet<Uuid>),
}

impl Detail {
    pub fn of(image: &ClusterImage, config: &BrokerConfig) -> Self {
        let max = config.naru.metrics_partitions_max as usize;
        let partitions: usize = image.topics().map(|topic| topic.partitions.len()).sum();
        if partitions <= max {
            return Self::Partitions;
        }
        Self::Topics(image.topics().take(max).map(|topic| topic.id).collect())
    }
}

/// What all shards said for one scrape.
pub struct Gathered {
    pub shards: Vec<OfShard>,
    pub detail: Arc<Detail>,
}

/// What a shard, or several, have of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TopicSums {
    pub size_bytes: u64,
    pub committed_offsets: i64,
}

/// One shard at one moment.
pub struct OfShard {
    pub counted: Counted,
    pub times: ThreadTimes,
    pub flushes: Distribution,
    pub queued_jobs: usize,
    pub tails_bytes: usize,
    pub connections: usize,
    pub accepted: u64,
    pub received_bytes: u64,
    pub sent_bytes: u64,
    /// How many groups are in which state.
    pub groups: BTreeMap<&'static str, usize>,
    /// How many partitions it leads, follows, and has and does not serve.
    pub roles: [usize; 3],
    pub segments: usize,
    pub size_bytes: u64,
    pub recovery_debt_bytes: u64,
    pub partitions: Vec<PartitionReport>,
    pub topics: BTreeMap<Uuid, TopicSums>,
}

/// Runs on the shard, with its other work in between.
pub async fn gather(shard: Rc<Shard>, detail: Arc<Detail>) -> OfShard {
    let connections = &shard.connections;
    let mut gathered = OfShard {
        counted: shard.metrics.copy(),
        times: shard.io.thread_times(),
        flushes: shard.io.flushes(),
        queued_jobs: shard.mesh.queued_jobs(),
        tails_bytes: shard.logs.tails.used_bytes(),
        connections: connections.len(),
        accepted: connections.accepted.get(),
        received_bytes: connections.received_bytes.get(),
        sent_bytes: connections.sent_bytes.get(),
        groups: BTreeMap::new(),
        roles: [0, 0, shard.partitions.offline_count()],
        segments: 0,
        size_bytes: 0,
        recovery_debt_bytes: 0,
        partitions: Vec::new(),
        topics: BTreeMap::new(),
    };
    for some in shard.partitions.online().chunks(PARTITIONS_PER_TURN) {
        for partition in some {
            gathered.take(partition.report(), &detail);
        }
        shard.io.yield_now().await;
    }
    for slot in shard.coordinators.all() {
        for group in slot.groups.borrow().list() {
            *gathered.groups.entry(group.state).or_default() += 1;
        }
        shard.io.yield_now().await;
    }
    gathered
}

impl OfShard {
    fn take(&mut self, report: PartitionReport, detail: &Detail) {
        let role = match report.standing.role {
            Role::Leader => 0,
            Role::Follower => 1,
            Role::Offline => 2,
        };
        self.roles[role] += 1;
        self.segments += report.segments;
        self.size_bytes += report.size_bytes;
        self.recovery_debt_bytes += report.recovery_debt_bytes;
        match detail {
            Detail::Partitions => self.partitions.push(report),
            Detail::Topics(told) if told.contains(&report.id.topic_id) => {
                let sums = self.topics.entry(report.id.topic_id).or_default();
                sums.size_bytes += report.size_bytes;
                sums.committed_offsets += report.high_watermark;
            }
            Detail::Topics(_) => {}
        }
    }
}
