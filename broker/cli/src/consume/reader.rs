//! [`Reader`]: where it stands in each partition, and what comes next there.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use naru_client::{Cluster, FetchOptions, Fetched, Isolation, KafkaError, OffsetSpec, Partition};
use naru_wire::{ErrorCode, Str};

/// Between two tries, while a leader moves or a broker is away.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

pub struct Reader {
    positions: BTreeMap<Partition, i64>,
    leaders: BTreeMap<Partition, i32>,
    isolation: Isolation,
    /// Since when nothing could be fetched.
    failing_since: Option<Instant>,
}

impl Reader {
    pub fn new(positions: BTreeMap<Partition, i64>, isolation: Isolation) -> Self {
        Self {
            positions,
            leaders: BTreeMap::new(),
            isolation,
            failing_since: None,
        }
    }

    pub fn positions(&self) -> &BTreeMap<Partition, i64> {
        &self.positions
    }

    /// All before this offset has been dealt with.
    pub fn advance(&mut self, partition: &Partition, offset: i64) {
        if let Some(position) = self.positions.get_mut(partition) {
            *position = offset;
        }
    }

    /// Asks each leader once, and the last of them waits up to `wait_max` for a first record.
    ///
    /// # Errors
    /// When a partition cannot be read, or the brokers stay away for longer than the timeout.
    pub fn fetch(
        &mut self,
        cluster: &mut Cluster,
        wait_max: Duration,
    ) -> Result<Vec<Fetched>, KafkaError> {
        match self.try_fetch(cluster, wait_max) {
            Ok(fetched) => {
                self.failing_since = None;
                Ok(fetched)
            }
            Err(error) if passes(&error) => {
                let since = *self.failing_since.get_or_insert_with(Instant::now);
                if since.elapsed() > cluster.settings().request_time_max {
                    return Err(error);
                }
                self.leaders.clear();
                sleep(RETRY_INTERVAL);
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    fn try_fetch(
        &mut self,
        cluster: &mut Cluster,
        wait_max: Duration,
    ) -> Result<Vec<Fetched>, KafkaError> {
        if self.leaders.is_empty() {
            self.find_leaders(cluster)?;
        }
        let mut by_leader: BTreeMap<i32, Vec<(Partition, i64)>> = BTreeMap::new();
        for (partition, offset) in &self.positions {
            let leader = self.leaders.get(partition).copied().unwrap_or(-1);
            by_leader
                .entry(leader)
                .or_default()
                .push((partition.clone(), *offset));
        }
        let last = by_leader.len().saturating_sub(1);
        let mut all = Vec::new();
        for (index, (leader, positions)) in by_leader.into_iter().enumerate() {
            // Who waits at one leader does not hear of the others' records.
            let wait_max = match index == last && all.is_empty() {
                true => wait_max,
                false => Duration::ZERO,
            };
            let options = FetchOptions::new(self.isolation, wait_max);
            for fetched in cluster.fetch(leader, &positions, options)? {
                match fetched.error_code {
                    ErrorCode::None if fetched.records.is_empty() => {
                        self.advance(&fetched.partition, fetched.next_offset);
                    }
                    ErrorCode::None => all.push(fetched),
                    ErrorCode::OffsetOutOfRange => self.restart(cluster, &fetched.partition)?,
                    code => {
                        let (topic, index) = &fetched.partition;
                        let what = || format!("read {topic}-{index}");
                        KafkaError::check(code, what, None)?;
                    }
                }
            }
        }
        Ok(all)
    }

    fn find_leaders(&mut self, cluster: &mut Cluster) -> Result<(), KafkaError> {
        let mut names: Vec<Str> = self
            .positions
            .keys()
            .map(|(name, _)| name.clone())
            .collect();
        names.dedup();
        for topic in cluster.topics(&names)? {
            for (index, leader) in (0..).zip(&topic.leaders) {
                self.leaders.insert((topic.name.clone(), index), *leader);
            }
        }
        Ok(())
    }

    /// Retention was faster, or the topic was made again: goes on where the partition starts.
    fn restart(&mut self, cluster: &mut Cluster, partition: &Partition) -> Result<(), KafkaError> {
        let only = std::slice::from_ref(partition);
        let found = cluster.offsets(only, OffsetSpec::Earliest, self.isolation)?;
        let start = found.get(partition).map_or(0, |found| found.offset);
        let was = self.positions.get(partition).copied().unwrap_or_default();
        let (topic, index) = partition;
        eprintln!("naru: {topic}-{index} has no offset {was} any more; going on at {start}");
        self.advance(partition, start);
        Ok(())
    }
}

fn passes(error: &KafkaError) -> bool {
    let is_away = matches!(
        error,
        KafkaError::Broken { .. } | KafkaError::Unreachable { .. }
    );
    is_away || error.is_passing()
}
