//! The start of a shard: directories become partitions again.
//!
//! All of them are recovered first, then what was found is made durable, by one flush for all, and
//! only then is any of it opened: a flush for each partition would be most of a start after a crash
//! (ADR 0029).

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use naru_engine::log::Log;
use naru_engine::recovery::{Recovered, RecoveryError, Replay, recover_unsynced};
use naru_runtime::sync::Semaphore;
use naru_runtime::{Disk, MaintenanceDisk};

use super::Shard;
use super::directories::{Claim, Survey, claim};
use super::topics::log_config;
use crate::cluster::{ClusterImage, Topic};
use crate::partition::{
    CheckpointError, Checkpointed, PartitionId, PartitionState, Producers, ShardId, Slot,
    SnapshotError,
};

/// Partitions that are recovered at the same time.
const RECOVERIES_MAX: usize = 16;

/// Recovered logs that are opened at the same time.
const OPENINGS_MAX: usize = 64;

/// The shard that looks after directories of no topic.
const TIDY_SHARD: ShardId = ShardId::new(0);

/// A partition whose log is not opened yet.
struct Found {
    topic: Arc<Topic>,
    id: PartitionId,
    dir: PathBuf,
    log: Recovered,
    state: PartitionState,
}

impl Shard {
    /// Recovers the partitions of `image` that are this shard's and have a directory. Called
    /// once, before anything is served. One of the shards also sets aside what belongs to no
    /// topic, and has what is left over of deleted ones removed.
    pub(super) async fn recover_all(self: &Rc<Self>, image: &Arc<ClusterImage>) {
        let data_dir = &self.config.data_dir;
        let survey = match Survey::of(&self.io, data_dir).await {
            Ok(survey) => survey,
            Err(error) => {
                let reason = format!("{} cannot be listed: {error}", data_dir.display());
                return self.all_offline(image, &reason);
            }
        };
        if self.id == TIDY_SHARD {
            let leftovers = survey.tidy(&self.io, data_dir, image).await;
            if !leftovers.is_empty() {
                self.remove_directories(leftovers);
            }
        }
        let gate = Semaphore::new(RECOVERIES_MAX);
        let mut tasks = Vec::new();
        for topic in image.topics() {
            for index in 0..topic.partitions.len() as i32 {
                let Some(id) = self.owned(topic, index) else {
                    continue;
                };
                if !survey.has_partition(&topic.name, index) {
                    continue;
                }
                let (shard, gate) = (Rc::clone(self), Rc::clone(&gate));
                let (image, topic) = (Arc::clone(image), Arc::clone(topic));
                tasks.push(self.io.spawn_task(async move {
                    let _permit = gate.acquire(1).await;
                    shard.find_one(&image, &topic, id).await
                }));
            }
        }
        let mut found = Vec::with_capacity(tasks.len());
        for task in tasks {
            found.extend(task.await);
        }
        self.open_all(found).await;
    }

    /// Makes durable what was found, and opens it.
    async fn open_all(self: &Rc<Self>, found: Vec<Found>) {
        let mut synced = Ok(());
        if found.iter().any(|found| found.log.is_unsynced) {
            synced = self.sync_data_dir().await;
        }
        let gate = Semaphore::new(OPENINGS_MAX);
        let mut tasks = Vec::with_capacity(found.len());
        for mut found in found {
            if found.log.is_unsynced
                && let Err(reason) = &synced
            {
                self.put_offline(&found.topic, found.id, reason);
                continue;
            }
            found.log.is_unsynced = false;
            let (shard, gate) = (Rc::clone(self), Rc::clone(&gate));
            tasks.push(self.io.spawn_task(async move {
                let _permit = gate.acquire(1).await;
                shard.open_one(found).await;
            }));
        }
        for task in tasks {
            task.await;
        }
    }

    fn put_offline(&self, topic: &Topic, id: PartitionId, reason: &str) {
        tracing::error!("{}-{} is offline: {reason}", topic.name, id.index);
        self.partitions.insert(id, Slot::Offline);
    }

    /// Serves none of the partitions: what they hold is not known.
    fn all_offline(&self, image: &ClusterImage, reason: &str) {
        tracing::error!("all partitions are offline: {reason}");
        for topic in image.topics() {
            for index in 0..topic.partitions.len() as i32 {
                if let Some(id) = self.owned(topic, index) {
                    self.partitions.insert(id, Slot::Offline);
                }
            }
        }
    }

    /// Leaves a partition without a place in the table if it has no directory of its own: it is
    /// opened as a new one.
    async fn find_one(
        self: &Rc<Self>,
        image: &ClusterImage,
        topic: &Arc<Topic>,
        id: PartitionId,
    ) -> Option<Found> {
        let data_dir = &self.config.data_dir;
        let recovered = match claim(&self.io, data_dir, image, topic, id.index).await {
            Ok(Claim::Ours(dir)) => {
                let recovered = self.recover_on_maintenance(dir.clone()).await;
                recovered.map(|(log, state)| (dir, log, state))
            }
            Ok(Claim::New { leftovers }) => {
                if !leftovers.is_empty() {
                    self.remove_directories(leftovers);
                }
                return None;
            }
            Err(error) => Err(error.to_string()),
        };
        match recovered {
            Ok((dir, log, state)) => Some(Found {
                topic: Arc::clone(topic),
                id,
                dir,
                log,
                state,
            }),
            Err(reason) => {
                self.put_offline(topic, id, &reason);
                None
            }
        }
    }

    async fn open_one(&self, found: Found) {
        let Found {
            topic,
            id,
            dir,
            log,
            state,
        } = found;
        if log.cut_bytes > 0 {
            tracing::warn!(
                "{}: {} bytes of a torn tail were cut, the log ends at offset {}",
                dir.display(),
                log.cut_bytes,
                log.next_offset
            );
        }
        let config = log_config(&topic, &self.topic_config(&topic));
        match Log::open(self.io.clone(), dir, log, config, self.logs.clone()).await {
            Ok(log) => self.enter(&topic, id, log, state),
            Err(error) => self.put_offline(&topic, id, &error.to_string()),
        }
    }

    /// Why nothing that was found can be said to be durable, if so.
    async fn sync_data_dir(&self) -> Result<(), String> {
        let data_dir = self.config.data_dir.clone();
        let job = move |disk| async move {
            let synced = MaintenanceDisk::sync_file_system(&disk, &data_dir).await;
            synced.map_err(|error| format!("{} cannot be flushed: {error}", data_dir.display()))
        };
        self.on_maintenance_thread(job).await
    }

    async fn on_maintenance_thread<T, F>(
        &self,
        job: impl FnOnce(MaintenanceDisk) -> F + Send + 'static,
    ) -> Result<T, String>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, String>> + 'static,
    {
        let (callback, answer) = self.mesh.callback();
        self.maintenance
            .submit(job, callback)
            .map_err(|error| error.to_string())?;
        answer
            .await
            .unwrap_or_else(|| Err("the maintenance thread has ended".to_owned()))
    }

    async fn recover_on_maintenance(
        &self,
        dir: PathBuf,
    ) -> Result<(Recovered, PartitionState), String> {
        let now_ms = self.now_ms();
        let job = move |disk| async move {
            let recovered: Result<(Recovered, PartitionState), RecoveryOrState> = async {
                let mut state = Ok(PartitionState::default());
                let recovered = recover_unsynced(&disk, &dir, now_ms, &mut |replay| match replay {
                    Replay::UserState(bytes) => state = kept_state(bytes, now_ms),
                    Replay::Batch(header) => {
                        if let Ok(state) = &mut state {
                            state.producers.replay(header, now_ms);
                        }
                    }
                    Replay::Marker(replayed) => {
                        if let Ok(state) = &mut state {
                            let (header, marker) = (replayed.header, replayed.marker);
                            let producers = &mut state.producers;
                            let aborted = producers.replay_marker(header, marker, now_ms);
                            if let Some(transaction) = aborted {
                                replayed.aborted(transaction);
                            }
                        }
                    }
                })
                .await?;
                Ok((recovered, state?))
            }
            .await;
            recovered.map_err(|error| error.to_string())
        };
        self.on_maintenance_thread(job).await
    }
}

#[derive(Debug, thiserror::Error)]
enum RecoveryOrState {
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    #[error(transparent)]
    Producers(#[from] SnapshotError),
    #[error(transparent)]
    State(#[from] CheckpointError),
}

/// What the partition kept in its log's checkpoint.
fn kept_state(bytes: &[u8], now_ms: i64) -> Result<PartitionState, RecoveryOrState> {
    let found = Checkpointed::decode(bytes)?;
    Ok(PartitionState {
        producers: Producers::from_bytes(found.producers, now_ms)?,
        high_watermark: found.high_watermark.unwrap_or_default(),
    })
}
