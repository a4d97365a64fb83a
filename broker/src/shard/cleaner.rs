//! Compaction of a shard's partitions: which one is next, and its cleaning on the maintenance
//! thread. The shard itself only renames files.
//!
//! The dirtiest log comes first, those whose longest lag has passed before all others. One at
//! a time is cleaned by each shard. A cleaning that goes wrong leaves its log as it was; the
//! partition is then left alone until the next start, as in Kafka, and the log says so.

use std::collections::HashSet;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use naru_engine::compaction::{self, Choice, CleanError, Lag, Limits, Pace, Request};
use naru_engine::log::Cleaning;
use naru_runtime::{MaintenanceDisk, yield_now};

use super::Shard;
use crate::partition::{Partition, PartitionId};

/// Work after which others on the maintenance thread have their turn, in bytes.
const TURN_BYTES: u64 = 256 << 10;
/// Less is no pause, but a turn of the others.
const PAUSE_MIN: Duration = Duration::from_micros(1);

/// How many bytes a cleaning may move, and until when.
struct CleanerPace {
    disk: MaintenanceDisk,
    ends: Arc<AtomicBool>,
    bytes_per_second_max: f64,
    moved_bytes: std::cell::Cell<u64>,
}

impl CleanerPace {
    /// How long others have their turn after so many bytes more; `None`: not yet.
    fn pause_after(&self, bytes: u64) -> Option<Duration> {
        let moved_bytes = self.moved_bytes.get() + bytes;
        let is_turn_over = bytes == 0 || moved_bytes >= TURN_BYTES;
        self.moved_bytes.set(match is_turn_over {
            true => 0,
            false => moved_bytes,
        });
        let seconds = moved_bytes as f64 / self.bytes_per_second_max;
        is_turn_over.then(|| Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }
}

impl Pace for CleanerPace {
    fn moved(&self, bytes: u64) -> impl Future<Output = Result<(), CleanError>> {
        let pause = self.pause_after(bytes);
        async move {
            match pause {
                Some(pause) if pause >= PAUSE_MIN => self.disk.sleep(pause).await,
                Some(_) => yield_now().await,
                None => {}
            }
            match self.ends.load(Ordering::Acquire) {
                true => Err(CleanError::Stopped),
                false => Ok(()),
            }
        }
    }
}

/// What a cleaning came to.
#[derive(Debug, Default)]
struct Outcome {
    before_bytes: u64,
    after_bytes: u64,
    segments_count: usize,
}

impl Shard {
    /// Cleans whatever is due, for as long as the shard lives.
    pub(super) async fn clean_logs(self: Rc<Self>) {
        if !self.config.cleaner.enable {
            return;
        }
        let mut barred = HashSet::new();
        loop {
            let backoff = Duration::from_millis(self.config().cleaner.backoff_ms);
            self.io.sleep(backoff).await;
            let mut put_off = HashSet::new();
            while let Some(partition) = self.dirtiest(&barred, &put_off).await {
                let name = format!("{}-{}", partition.topic, partition.id.index);
                let before = partition.changes_count();
                let cleaned = self.clean(&partition).await;
                let has_changed = partition.changes_count() != before;
                match cleaned {
                    Ok(Outcome {
                        before_bytes,
                        after_bytes,
                        segments_count,
                    }) => tracing::info!(
                        "{name}: compacted {segments_count} segments of {before_bytes} bytes to \
                         {after_bytes}"
                    ),
                    Err(error) if error.is_passing() || has_changed => {
                        tracing::debug!("{name} is compacted later: {error}");
                        put_off.insert(partition.id);
                    }
                    Err(error) => {
                        tracing::error!("{name} is not compacted until the next start: {error}");
                        barred.insert(partition.id);
                    }
                }
            }
        }
    }

    /// The partition that is to be cleaned next.
    async fn dirtiest(
        self: &Rc<Self>,
        barred: &HashSet<PartitionId>,
        put_off: &HashSet<PartitionId>,
    ) -> Option<Rc<Partition>> {
        let mut dirtiest: Option<(Rc<Partition>, Choice)> = None;
        for partition in self.partitions.online() {
            let is_compacted = partition.config.borrow().cleanup_policy.compact;
            let is_left_alone = barred.contains(&partition.id) || put_off.contains(&partition.id);
            if !is_compacted || is_left_alone {
                continue;
            }
            let limits = self.cleaning_limits(&partition);
            partition.roll_if_older(limits.lag.max_ms, limits.now_ms);
            let Some(choice) = partition.choose_cleaning(&limits).await else {
                continue;
            };
            let rank = |choice: &Choice| (choice.is_overdue, choice.dirty_ratio);
            let is_dirtier = dirtiest.as_ref().is_none_or(|(_, best)| {
                rank(&choice).partial_cmp(&rank(best)) == Some(std::cmp::Ordering::Greater)
            });
            if is_dirtier {
                dirtiest = Some((partition, choice));
            }
        }
        dirtiest.map(|(partition, _)| partition)
    }

    fn cleaning_limits(&self, partition: &Partition) -> Limits {
        let config = partition.config.borrow();
        let ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        Limits {
            lag: Lag {
                min_ms: ms(config.compaction_lag_ms_min),
                max_ms: ms(config.compaction_lag_ms_max),
            },
            dirty_ratio_min: config.cleanable_dirty_ratio_min,
            stable_offset: i64::MAX,
            now_ms: self.now_ms(),
        }
    }

    async fn clean(self: &Rc<Self>, partition: &Rc<Partition>) -> Result<Outcome, CleanError> {
        let cleaning = partition.begin_cleaning().await?;
        let limits = self.cleaning_limits(partition);
        let choice = partition.choose_cleaning(&limits).await;
        let choice = choice.ok_or(CleanError::Stopped)?;
        let clean_to = choice.segments.last().map_or(0, |last| last.next_offset);
        let aborted = partition.aborted_in(&choice).await?;
        let request = Request {
            aborted,
            ..self.cleaning_request(partition, choice, limits.now_ms)
        };
        let mut plan = self
            .on_maintenance(&cleaning, async move |disk, pace| {
                compaction::plan(disk, request, pace).await
            })
            .await??;
        let mut outcome = Outcome::default();
        loop {
            let cleaned = self.on_maintenance(&cleaning, async move |disk, pace| {
                let cleaned = compaction::clean(disk, &mut plan, pace).await;
                cleaned.map(|cleaned| (plan, cleaned))
            });
            let (rest, cleaned) = cleaned.await??;
            plan = rest;
            let Some(cleaned) = cleaned else { break };
            outcome.before_bytes += cleaned.size_before_bytes();
            outcome.after_bytes += cleaned.size_bytes();
            outcome.segments_count += cleaned.segments.len();
            let replaced = partition.replace(&cleaning, &cleaned).await?;
            let delay = Duration::from_millis(partition.config.borrow().file_delete_delay_ms);
            self.remove_after(delay, replaced.files);
        }
        if plan.is_whole() {
            partition.cleaned_to(&cleaning, clean_to).await?;
        }
        Ok(outcome)
    }

    fn cleaning_request(&self, partition: &Partition, choice: Choice, now_ms: i64) -> Request {
        let config = partition.config.borrow();
        let shards = self.mesh.shards().max(1);
        let memory_bytes = usize::try_from(self.config().cleaner.dedupe_buffer_bytes);
        Request {
            dir: partition.dir().to_owned(),
            segments: choice.segments,
            aborted: Vec::new(),
            producers: partition.last_of_producers(),
            now_ms,
            delete_retention_ms: i64::try_from(config.delete_retention_ms).unwrap_or(i64::MAX),
            segment_bytes_max: u64::from(config.segment_bytes),
            memory_bytes: memory_bytes.unwrap_or(usize::MAX) / shards,
        }
    }

    /// Has a part of a cleaning done on the maintenance thread.
    async fn on_maintenance<T: Send + 'static>(
        self: &Rc<Self>,
        cleaning: &Cleaning,
        work: impl AsyncFnOnce(&MaintenanceDisk, &CleanerPace) -> T + Send + 'static,
    ) -> Result<T, CleanError> {
        let ends = cleaning.ends();
        let shards = self.mesh.shards() as f64;
        let bytes_per_second_max = self.config().cleaner.bytes_per_second_max / shards;
        let (callback, answer) = self.mesh.callback();
        let job = move |disk: MaintenanceDisk| async move {
            let pace = CleanerPace {
                disk: disk.clone(),
                ends,
                bytes_per_second_max,
                moved_bytes: Default::default(),
            };
            work(&disk, &pace).await
        };
        let submitted = self.maintenance.submit(job, callback);
        submitted.map_err(|_| CleanError::Stopped)?;
        answer.await.ok_or(CleanError::Stopped)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Mutex;

    use naru_runtime::MaintenanceHandle;
    use naru_runtime::sim::Simulation;

    use super::*;

    const MIB: u64 = 1 << 20;

    /// Runs `story` with a pace of 1 MiB/s on a simulated maintenance thread.
    fn paced<T: Send + 'static>(
        is_called_off: bool,
        story: impl AsyncFnOnce(CleanerPace) -> T + Send + 'static,
    ) -> T {
        let simulation = Simulation::new(3);
        let machine = simulation.machine(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
        let (io, maintenance) = (machine.thread(), machine.thread());
        let maintenance = MaintenanceHandle::simulated(&maintenance);
        simulation.run(async {
            let done = Arc::new(Mutex::new(None));
            let tells = Arc::clone(&done);
            let job = move |disk: MaintenanceDisk| async move {
                let pace = CleanerPace {
                    disk,
                    ends: Arc::new(is_called_off.into()),
                    bytes_per_second_max: MIB as f64,
                    moved_bytes: Default::default(),
                };
                story(pace).await
            };
            let told = move |result| *tells.lock().unwrap() = Some(result);
            maintenance.submit(job, told).unwrap();
            loop {
                let result = done.lock().unwrap().take();
                if let Some(result) = result {
                    return result;
                }
                io.sleep(Duration::from_millis(1)).await;
            }
        })
    }

    /// `log.cleaner.io.max.bytes.per.second`, reads and writes together: at no moment has more
    /// been moved than the pauses up to then allow, but for the turn that is not over.
    #[test]
    fn a_cleaning_moves_no_more_than_its_budget() {
        for piece_bytes in [61, 5_000, TURN_BYTES, 3 * MIB] {
            paced(false, async move |pace| {
                let (mut moved_bytes, mut paused) = (0, Duration::ZERO);
                while moved_bytes < 12 * MIB {
                    moved_bytes += piece_bytes;
                    paused += pace.pause_after(piece_bytes).unwrap_or_default();
                    let allowed_bytes = paused.as_secs_f64() * MIB as f64 + TURN_BYTES as f64;
                    assert!(
                        moved_bytes as f64 <= allowed_bytes,
                        "{moved_bytes} in {paused:?}"
                    );
                }
                let owed_s = moved_bytes as f64 / MIB as f64;
                assert!(
                    paused.as_secs_f64() <= owed_s + 0.001,
                    "{paused:?} for {owed_s} s"
                );
            });
        }
    }

    #[test]
    fn a_cleaning_that_is_called_off_ends_with_its_next_piece() {
        let moved = paced(true, async |pace| pace.moved(1).await);
        assert!(matches!(moved, Err(CleanError::Stopped)), "{moved:?}");
    }
}
