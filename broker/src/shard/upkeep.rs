//! What a shard does by the clock: retention, idle connections, memory, open files.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use naru_engine::log::LogError;
use naru_runtime::sync::Semaphore;

use super::Shard;
use crate::partition::Partition;

const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Logs of a shard that are closed at the same time when the broker stops.
const LOGS_CLOSED_AT_ONCE_MAX: usize = 64;

/// Logs without an append for this long give their memory back.
const REST_EVERY: Duration = Duration::from_secs(30);

/// Something that is done every so often, whenever somebody looks.
struct Due {
    every: Duration,
    next: Instant,
}

impl Due {
    fn every(every: Duration, now: Instant) -> Self {
        let next = now + every;
        Self { every, next }
    }

    /// Whether it is time; then the next time is one interval away.
    fn take(&mut self, now: Instant) -> bool {
        let is_due = now >= self.next;
        if is_due {
            self.next = now + self.every;
        }
        is_due
    }
}

impl Shard {
    /// Closes connections that are idle, or that stall while memory is short.
    pub async fn sweep_connections(self: Rc<Self>) {
        let idle_max = match self.config.network.idle_ms_max.get() {
            Some(ms) => Duration::from_millis(ms),
            None => Duration::MAX,
        };
        let stall_max = Duration::from_millis(self.config.naru.request_stall_ms);
        loop {
            self.io.sleep(SWEEP_EVERY).await;
            let shortage = self.memory.shortage();
            let swept = self
                .connections
                .sweep(self.io.now(), idle_max, stall_max, shortage);
            if swept.stalled > 0 {
                tracing::warn!(
                    "memory is short (naru.memory): {} stalled connections were closed",
                    swept.stalled
                );
            }
        }
    }

    /// Drops what retention no longer keeps.
    pub async fn keep_logs(self: Rc<Self>) {
        let every = Duration::from_millis(self.config.log.retention_check_interval_ms);
        let mut retention = Due::every(every, self.io.now());
        let log = &self.config.log;
        let check = Duration::from_millis(u64::from(log.producer_id_expiration_check_ms));
        let mut expiration = Due::every(check, self.io.now());
        loop {
            self.io.sleep(every.min(check).min(REST_EVERY)).await;
            let is_retention_due = retention.take(self.io.now());
            let is_expiration_due = expiration.take(self.io.now());
            for partition in self.partitions.online() {
                partition.rest();
                if is_expiration_due {
                    let silent_ms = i64::from(self.config().log.producer_id_expiration_ms);
                    partition.expire_producers(self.now_ms(), silent_ms);
                }
                if !is_retention_due {
                    continue;
                }
                match self.apply_retention(&partition).await {
                    // The broker is about to stop, or the topic was deleted meanwhile.
                    Ok(()) | Err(LogError::Closed { .. }) => {}
                    Err(error) => {
                        tracing::error!("{}-{}: {error}", partition.topic, partition.id.index);
                    }
                }
            }
        }
    }

    /// Closes files of logs while more are open than the shard may have: connections need
    /// descriptors, too. Each log has its turn, so that none is opened again and again while others
    /// keep theirs.
    pub async fn bound_files(self: Rc<Self>) {
        let mut next = 0;
        loop {
            self.io.sleep(SWEEP_EVERY).await;
            let has_too_many = || self.logs.tails.open_files_count() > self.open_files_max;
            if !has_too_many() {
                continue;
            }
            let partitions = self.partitions.online();
            for partition in partitions.iter().cycle().skip(next).take(partitions.len()) {
                if !has_too_many() {
                    break;
                }
                partition.close_file();
                next = (next + 1) % partitions.len();
            }
        }
    }

    async fn apply_retention(self: &Rc<Self>, partition: &Partition) -> Result<(), LogError> {
        let dropped = partition.drop_expired(self.now_ms()).await?;
        if dropped.is_empty() {
            return Ok(());
        }
        tracing::info!(
            "{}-{}: {} files expired, the log starts at offset {}",
            partition.topic,
            partition.id.index,
            dropped.len(),
            partition.start_offset()
        );
        self.remove_dropped(partition, dropped);
        Ok(())
    }

    /// Has the files of segments that a partition dropped removed, once those who began to read
    /// them have had their time (`file.delete.delay.ms`).
    pub fn remove_dropped(self: &Rc<Self>, partition: &Partition, files: Vec<PathBuf>) {
        if !files.is_empty() {
            let delay = Duration::from_millis(partition.config.borrow().file_delete_delay_ms);
            self.remove_after(delay, files);
        }
    }

    /// Flushes and closes every log, many at a time: each waits for the device a few times.
    pub async fn close_logs(&self) {
        let room = Semaphore::new(LOGS_CLOSED_AT_ONCE_MAX);
        let mut closing = Vec::new();
        for partition in self.partitions.online() {
            let permit = room.acquire(1).await;
            closing.push(self.io.spawn_task(async move {
                if let Err(error) = partition.close().await {
                    tracing::error!("{}-{}: {error}", partition.topic, partition.id.index);
                }
                drop(permit);
            }));
        }
        for closed in closing {
            closed.await;
        }
    }
}
