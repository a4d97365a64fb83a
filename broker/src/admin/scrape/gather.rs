//! What one shard says of itself for a scrape, and what several say together.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use naru_runtime::{Distribution, ThreadTimes};
use uuid::Uuid;

use crate::admin::broker::PARTITIONS_PER_TURN;
use crate::admin::health::Loading;
use crate::cluster::ClusterImage;
use crate::config::BrokerConfig;
use crate::lag::GroupLag;
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
    /// By group.
    pub lags: Vec<GroupLag>,
    pub groups_left_out: usize,
}

/// The groups of a shard that have committed anything, and for how many partitions.
pub type Committed = Vec<(String, usize)>;

/// Of which groups the lag is told.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// By the shard that coordinates them.
    pub groups: Vec<Vec<String>>,
    pub left_out: usize,
}

impl Told {
    /// By name, each whose partitions fit with those before it: to tell the lag of a partition its
    /// owner looks into its log.
    pub fn of<'a>(shards: impl IntoIterator<Item = &'a Committed>, partitions_max: usize) -> Self {
        let mut told = Self::default();
        let mut all: Vec<(&String, usize, usize)> = Vec::new();
        for (shard, groups) in shards.into_iter().enumerate() {
            told.groups.push(Vec::new());
            all.extend(
                groups
                    .iter()
                    .map(|(id, partitions)| (id, *partitions, shard)),
            );
        }
        all.sort_unstable();
        let mut left = partitions_max;
        for (group_id, partitions, shard) in all {
            match left.checked_sub(partitions) {
                Some(rest) => {
                    left = rest;
                    told.groups[shard].push(group_id.clone());
                }
                None => told.left_out += 1,
            }
        }
        told
    }
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
    pub loading: Loading,
    pub tails_bytes: usize,
    pub connections: usize,
    pub accepted: u64,
    pub received_bytes: u64,
    pub sent_bytes: u64,
    /// How many groups are in which state.
    pub groups: BTreeMap<&'static str, usize>,
    pub committed: Committed,
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
        loading: Loading::of(&shard),
        tails_bytes: shard.logs.tails.used_bytes(),
        connections: connections.len(),
        accepted: connections.accepted.get(),
        received_bytes: connections.received_bytes.get(),
        sent_bytes: connections.sent_bytes.get(),
        groups: BTreeMap::new(),
        committed: Vec::new(),
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
        let committed = slot.groups.borrow().committed_partitions();
        gathered.committed.extend(committed);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(shards: &[&[(&str, usize)]], partitions_max: usize) -> (Vec<Vec<String>>, usize) {
        let shards = shards.iter().map(|groups| {
            let groups = groups.iter().map(|(id, count)| ((*id).to_owned(), *count));
            groups.collect()
        });
        let committed: Vec<Committed> = shards.collect();
        let told = Told::of(&committed, partitions_max);
        (told.groups, told.left_out)
    }

    #[test]
    fn groups_are_told_of_by_name_while_their_partitions_fit() {
        let shards: &[&[(&str, usize)]] = &[&[("a", 2), ("c", 2)], &[("b", 5), ("d", 1)]];
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let all = vec![own(&["a", "c"]), own(&["b", "d"])];
        assert_eq!(told(shards, 10), (all, 0));
        // One that is too large does not hide those after it.
        let some = vec![own(&["a", "c"]), own(&["d"])];
        assert_eq!(told(shards, 6), (some, 1));
        assert_eq!(told(shards, 0), (vec![own(&[]), own(&[])], 4));
    }
}
