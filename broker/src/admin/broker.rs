//! What the admin thread knows of the broker, and how it asks the shards.
//!
//! Invariant: at most one question is with the shards at a time, so that the shards' work for this
//! thread does not grow with those who ask. A question that takes long is given up by who asked,
//! not by the shards: its turn ends when all have answered.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use naru_engine::log::Fence;
use tokio::sync::Semaphore;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::answer::Problem;
use super::health::{self, Loading, Progress};
use super::scrape::{Gathered, Shared};
use crate::cluster::{ClusterImage, ControlHandle, Topic};
use crate::config::BrokerConfig;
use crate::memory::MemoryBudget;
use crate::partition::{PartitionId, PartitionReport, Slot};
use crate::shard::{RemoteShard, Shard, on_every_shard};

/// How long a caller waits for the shards, for the questions before its own included.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Partitions that a shard reports of before it looks at its other work.
pub const PARTITIONS_PER_TURN: usize = 128;

pub type Reports = BTreeMap<PartitionId, Option<PartitionReport>>;

/// The parts of the broker that the admin thread is given when it starts.
pub struct BrokerParts {
    pub config: Arc<BrokerConfig>,
    pub control: ControlHandle,
    pub memory: MemoryBudget,
    pub shards: Vec<RemoteShard<Shard>>,
    pub fence: Fence,
    pub progress: Arc<Progress>,
}

pub struct Broker {
    pub config: Arc<BrokerConfig>,
    pub control: ControlHandle,
    pub memory: MemoryBudget,
    shards: Rc<[RemoteShard<Shard>]>,
    pub fence: Fence,
    pub progress: Arc<Progress>,
    /// What the shards said for the scrape that is under way.
    pub gathered: Shared<Result<Rc<Gathered>, Problem>>,
    /// Whose question the shards have.
    turn: Arc<Semaphore>,
}

impl Broker {
    pub fn new(parts: BrokerParts) -> Self {
        Self {
            config: parts.config,
            control: parts.control,
            memory: parts.memory,
            shards: parts.shards.into(),
            fence: parts.fence,
            progress: parts.progress,
            gathered: Shared::default(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Whether clients can be sent to this broker, of which so much is read back still.
    pub fn is_ready(&self, loading: Loading) -> bool {
        health::reason_not_ready(self.progress.phase(), &self.fence, loading).is_none()
    }

    /// The newest state of the cluster.
    pub fn image(&self) -> Arc<ClusterImage> {
        self.control.images().newest()
    }

    /// What the shards say of these partitions; `None` of those that they have and do not serve.
    /// What this broker does not have is not in the answer.
    pub async fn reports(&self, ids: Vec<PartitionId>) -> Result<Reports, Problem> {
        let ids: Arc<[PartitionId]> = ids.into();
        let found = self.ask(async move |shard| {
            let mut found = Vec::new();
            for some in ids.chunks(PARTITIONS_PER_TURN) {
                let slots = some
                    .iter()
                    .filter_map(|id| Some((*id, shard.partitions.get(*id)?)));
                found.extend(slots.map(|(id, slot)| match slot {
                    Slot::Online(partition) => (id, Some(partition.report())),
                    Slot::Offline => (id, None),
                }));
                shard.io.yield_now().await;
            }
            found
        });
        Ok(found.await?.into_iter().flatten().collect())
    }

    /// The same, of partitions of one topic, by their numbers.
    pub async fn partitions(
        &self,
        topic: &Topic,
        indexes: Range<i32>,
    ) -> Result<BTreeMap<i32, Option<PartitionReport>>, Problem> {
        let topic_id = topic.id;
        let ids = indexes.map(|index| PartitionId { topic_id, index });
        let reports = self.reports(ids.collect()).await?;
        let reports = reports.into_iter();
        Ok(reports.map(|(id, report)| (id.index, report)).collect())
    }

    /// The segments of a partition, oldest first, each as its first offset and its bytes.
    pub async fn segments(&self, id: PartitionId) -> Result<Vec<(i64, u64)>, Problem> {
        let found = self.ask(async move |shard| match shard.partitions.get(id) {
            Some(Slot::Online(partition)) => partition.segments(),
            Some(Slot::Offline) | None => Vec::new(),
        });
        Ok(found.await?.into_iter().flatten().collect())
    }

    /// Runs `job` on every shard, one job for each; their results in the order of the shards.
    pub async fn ask<T, F>(
        &self,
        job: impl FnOnce(Rc<Shard>) -> F + Clone + Send + 'static,
    ) -> Result<Vec<T>, Problem>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let (shards, turn) = (Rc::clone(&self.shards), Arc::clone(&self.turn));
        let asked = async {
            let turn = turn.acquire_owned().await.ok()?;
            let answered = spawn_local(async move {
                let answers = on_every_shard(&shards, job).await;
                drop(turn);
                answers
            });
            answered.await.ok()
        };
        match timeout(ANSWER_MAX, asked).await {
            Ok(Some(answers)) if answers.len() == self.shards.len() => Ok(answers),
            Ok(_) => Err(Problem::unavailable("a shard has ended")),
            Err(_) => {
                let detail = format!("a shard did not answer within {ANSWER_MAX:?}");
                Err(Problem::unavailable(detail))
            }
        }
    }
}
