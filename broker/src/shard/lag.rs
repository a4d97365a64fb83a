//! How far groups are behind: the rates that a shard samples of its partitions and of its groups'
//! offsets, and the report that is put together when somebody asks.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::Shard;
use crate::cluster::{ClusterImage, TopicRef};
use crate::group::OffsetProgress;
use crate::lag::model::{self, Log, Next, Observed, Retention, UnreadSegment};
use crate::lag::{GroupLag, PartitionLag, Rates, SAMPLE_EVERY, Windows};
use crate::partition::{Partition, PartitionId, ShardId, Slot, Unread, owner};

/// What is sampled before the shard's other work has its turn: some tens of microseconds.
const PARTITIONS_PER_TURN: usize = 512;
const GROUPS_PER_TURN: usize = 256;

/// Partitions that are looked into for a report before the shard's other work has its turn.
const OBSERVED_PER_TURN: usize = 64;

/// The rates at which records come into the partitions of a shard.
#[derive(Default)]
pub struct ProduceRates(RefCell<BTreeMap<PartitionId, Rates>>);

impl ProduceRates {
    fn sample(&self, partition: &Partition, steady_ms: i64) {
        let mut rates = self.0.borrow_mut();
        let rates = rates.entry(partition.id).or_default();
        rates.sample(partition.committed(), steady_ms);
    }

    fn keep(&self, is_there: impl Fn(PartitionId) -> bool) {
        self.0.borrow_mut().retain(|id, _| is_there(*id));
    }

    /// Records per second.
    pub fn of(&self, id: PartitionId) -> Windows<Option<f64>> {
        let rates = self.0.borrow();
        rates.get(&id).copied().unwrap_or_default().per_s()
    }
}

/// A partition and where a group stands in it.
type Asked = (PartitionId, i64);

impl Shard {
    /// Samples, for as long as the shard lives.
    pub(super) async fn keep_rates(self: Rc<Self>) {
        loop {
            self.sample_partitions().await;
            self.sample_groups().await;
            self.io.sleep(SAMPLE_EVERY).await;
        }
    }

    async fn sample_partitions(&self) {
        let steady_ms = self.coordinators.now().steady_ms;
        for (at, partition) in self.partitions.online().into_iter().enumerate() {
            self.produce_rates.sample(&partition, steady_ms);
            if at % PARTITIONS_PER_TURN == PARTITIONS_PER_TURN - 1 {
                self.io.yield_now().await;
            }
        }
        self.produce_rates.keep(|id| self.partitions.contains(id));
    }

    async fn sample_groups(&self) {
        let steady_ms = self.coordinators.now().steady_ms;
        for slot in self.coordinators.all() {
            let mut after = None;
            loop {
                after = slot
                    .groups
                    .borrow_mut()
                    .sample(steady_ms, after, GROUPS_PER_TURN);
                if after.is_none() {
                    break;
                }
                self.io.yield_now().await;
            }
        }
    }

    /// The lag of those of the groups that this shard coordinates; what their partitions'
    /// owners know is asked for.
    pub async fn lag(self: &Rc<Self>, group_ids: &[String]) -> Vec<GroupLag> {
        let mut reports = Vec::new();
        for group_id in group_ids {
            let Some(slot) = self.coordinator_of(group_id) else {
                continue;
            };
            let progress = slot.groups.borrow().progress(group_id);
            let Some(progress) = progress else {
                continue;
            };
            let partitions = self.lag_of_partitions(progress.offsets).await;
            let (state, members) = (progress.state, &progress.member_ids);
            reports.push(model::group_lag(group_id, state, members, partitions));
        }
        reports
    }

    async fn lag_of_partitions(
        self: &Rc<Self>,
        offsets: BTreeMap<(String, i32), OffsetProgress>,
    ) -> Vec<PartitionLag> {
        let image = self.image();
        let mut observed = Vec::with_capacity(offsets.len());
        let mut by_owner: BTreeMap<ShardId, (Vec<usize>, Vec<Asked>)> = BTreeMap::new();
        for ((topic, partition), progress) in offsets {
            let id = partition_id(&image, &topic, partition);
            // An offset of a topic that had this name before says nothing of this one.
            let committed_offset = progress.committed_offset.filter(|_| {
                let given = progress.topic_id;
                given.is_nil() || id.is_some_and(|id| id.topic_id == given)
            });
            if let Some(id) = id {
                let target = owner(id.topic_id, id.index, self.mesh.shards());
                let (places, asked) = by_owner.entry(target).or_default();
                places.push(observed.len());
                asked.push((id, committed_offset.unwrap_or(i64::MAX)));
            }
            observed.push(Observed {
                topic,
                partition,
                member_id: progress.member_id,
                committed_offset,
                consumed: progress.consumed.per_s(),
                log: None,
            });
        }
        let calls: Vec<_> = by_owner
            .into_iter()
            .map(|(target, (places, asked))| {
                let call = self.mesh.call(self, target, move |there| {
                    let there = Rc::clone(there);
                    async move { there.observe(asked).await }
                });
                (places, call)
            })
            .collect();
        for (places, call) in calls {
            for (place, log) in places.into_iter().zip(call.await) {
                if let Some(observed) = observed.get_mut(place) {
                    observed.log = log;
                }
            }
        }
        let now_ms = self.now_ms();
        let lags = observed.into_iter();
        lags.map(|observed| model::partition_lag(observed, now_ms))
            .collect()
    }

    /// What this shard knows of its own partitions; `None` where one is not served.
    async fn observe(&self, asked: Vec<Asked>) -> Vec<Option<Log>> {
        let mut logs = Vec::with_capacity(asked.len());
        for (at, (id, offset)) in asked.into_iter().enumerate() {
            let log = match self.partitions.get(id) {
                Some(Slot::Online(partition)) => self.observe_one(&partition, offset).await,
                Some(Slot::Offline) | None => None,
            };
            logs.push(log);
            if at % OBSERVED_PER_TURN == OBSERVED_PER_TURN - 1 {
                self.io.yield_now().await;
            }
        }
        logs
    }

    async fn observe_one(&self, partition: &Partition, offset: i64) -> Option<Log> {
        let unread = match partition.unread(offset).await {
            Ok(unread) => unread,
            Err(error) => {
                tracing::debug!("{}-{}: {error}", partition.topic, partition.id.index);
                return None;
            }
        };
        Some(log_of(&unread, self.produce_rates.of(partition.id)))
    }
}

fn partition_id(image: &ClusterImage, topic: &str, index: i32) -> Option<PartitionId> {
    let topic = image.topic(TopicRef::Name(topic))?;
    topic.partition(index)?;
    Some(PartitionId {
        topic_id: topic.id,
        index,
    })
}

fn log_of(unread: &Unread, produced: Windows<Option<f64>>) -> Log {
    Log {
        start_offset: unread.start_offset,
        high_watermark: unread.high_watermark,
        last_stable_offset: unread.last_stable_offset,
        size_bytes: unread.size_bytes,
        produced,
        next: match unread.next_timestamp_ms {
            None => Next::Nothing,
            Some(timestamp_ms) if timestamp_ms < 0 => Next::Undated,
            Some(timestamp_ms) => Next::At { timestamp_ms },
        },
        unread_segment: unread.segment.map(|segment| UnreadSegment {
            end_offset: segment.end_offset,
            max_timestamp_ms: segment.max_timestamp_ms,
            bytes_after: segment.bytes_after,
        }),
        retention: Retention {
            keep_ms: unread.keep_ms,
            keep_bytes: unread.keep_bytes,
        },
    }
}
