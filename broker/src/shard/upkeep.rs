//! What a shard does by the clock: retention, recovery points, idle connections, memory.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Shard;

const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Logs without an append for this long give their memory back.
const REST_EVERY: Duration = Duration::from_secs(30);

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
            let is_short = self.memory.is_short();
            let closed = self.connections.sweep(idle_max, stall_max, is_short);
            if closed > 0 && is_short {
                tracing::warn!(
                    "memory is short (naru.memory): {closed} stalled connections were closed"
                );
            }
        }
    }

    /// Drops what retention no longer keeps, and moves recovery points.
    pub async fn keep_logs(self: Rc<Self>) {
        let every = Duration::from_millis(self.config.log.retention_check_interval_ms);
        let mut retention_due = Instant::now() + every;
        loop {
            self.io.sleep(every.min(REST_EVERY)).await;
            let is_retention_due = Instant::now() >= retention_due;
            if is_retention_due {
                retention_due = Instant::now() + every;
            }
            for partition in self.partitions.online() {
                partition.rest();
                let expiration_ms = i64::from(self.config.log.producer_id_expiration_ms);
                let mut kept = partition.maintain(self.now_ms(), expiration_ms).await;
                if is_retention_due && kept.is_ok() {
                    kept = self.apply_retention(&partition).await;
                }
                if let Err(error) = kept {
                    tracing::error!("{}-{}: {error}", partition.topic, partition.id.index);
                }
            }
        }
    }

    async fn apply_retention(
        self: &Rc<Self>,
        partition: &crate::partition::Partition,
    ) -> Result<(), naru_engine::log::LogError> {
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
        let delay = Duration::from_millis(partition.config.borrow().file_delete_delay_ms);
        self.remove_after(delay, dropped);
        Ok(())
    }

    /// Flushes and closes every log.
    pub async fn close_logs(&self) {
        for partition in self.partitions.online() {
            if let Err(error) = partition.close().await {
                tracing::error!("{}-{}: {error}", partition.topic, partition.id.index);
            }
        }
    }
}
