//! A consumer: fetches its partitions, checks what comes, and looks again.
//!
//! The next fetch goes out before the records of the last one are looked at, so that the broker has
//! something to do meanwhile.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use std::time::Duration;

use naru_record_batch::RecordView;
use naru_runtime::{Handle, Task};
use naru_wire::api::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData,
};

use super::clock::{self, now_ns};
use super::control::{Control, Count, Slot};
use super::fetched::{count_records, each_record, next_offset};
use super::payload::{Read, Stamp};
use super::recorder::Recorder;
use super::threads::Layout;
use super::verify::Seen;
use crate::kafka::{Cluster, Connection, KafkaError, Member};
use crate::workload::Reads;

/// Topics are named, not numbered, up to this version.
const FETCH_VERSION_MAX: i16 = 12;

/// The consumers that share the partitions: a group, or all that belong to none.
pub(super) struct Readers {
    pub consumers: u32,
    /// `None`: they share the partitions by number.
    group: Option<String>,
    seen: Vec<Mutex<Seen>>,
    /// The generation of the group that each consumer is in; 0: none yet.
    generations: Vec<AtomicI32>,
    /// Where each partition ended when the run began.
    starts: Vec<i64>,
    /// The next offset to fetch of each partition.
    positions: Vec<AtomicI64>,
}

impl Readers {
    pub(super) fn new(consumers: u32, group: Option<String>, starts: &[i64]) -> Arc<Self> {
        Arc::new(Self {
            consumers,
            group,
            generations: (0..consumers).map(|_| AtomicI32::new(0)).collect(),
            seen: starts.iter().map(|_| Mutex::default()).collect(),
            starts: starts.to_vec(),
            positions: starts.iter().map(|start| AtomicI64::new(*start)).collect(),
        })
    }

    /// Whether every consumer has its partitions: all of a group are in the same generation of it.
    pub(super) fn is_settled(&self) -> bool {
        let mut generations = self
            .generations
            .iter()
            .map(|generation| generation.load(Ordering::Acquire));
        let first = generations.next().unwrap_or_default();
        self.group.is_none() || (first > 0 && generations.all(|generation| generation == first))
    }

    pub(super) fn position(&self, slot: Slot) -> i64 {
        self.positions[slot].load(Ordering::Acquire)
    }

    /// What was seen of a partition.
    pub(super) fn seen(&self, slot: Slot) -> MutexGuard<'_, Seen> {
        self.seen[slot]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often a member shows that it lives, and looks whether the group has changed.
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(200);

pub(super) struct Consumer {
    handle: Handle,
    cluster: Rc<Cluster>,
    control: Arc<Control>,
    layout: Rc<Layout>,
    readers: Arc<Readers>,
    number: u32,
    recorder: Rc<RefCell<Recorder>>,
}

impl Consumer {
    pub(super) fn new(
        handle: &Handle,
        cluster: &Rc<Cluster>,
        control: &Arc<Control>,
        layout: &Rc<Layout>,
        readers: Arc<Readers>,
        number: u32,
    ) -> Self {
        Self {
            handle: handle.clone(),
            cluster: Rc::clone(cluster),
            control: Arc::clone(control),
            layout: Rc::clone(layout),
            readers,
            number,
            recorder: Rc::default(),
        }
    }

    /// Reads its share until the run is over and everything has been read.
    pub(super) async fn run(self) -> Recorder {
        let run = match &self.readers.group {
            None => {
                self.read_by_number().await;
                Ok(())
            }
            Some(group) => self.read_as_member(group).await,
        };
        if let Err(error) = run {
            self.recorder.borrow_mut().error(error.to_string());
            self.control.stop();
        }
        self.recorder.take()
    }

    async fn read_by_number(&self) {
        let consumers = self.readers.consumers as usize;
        let is_mine = |slot: &Slot| slot % consumers == self.number as usize;
        let mine = (0..self.layout.len()).filter(is_mine).collect();
        for fetch in self.fetch(mine) {
            fetch.await;
        }
    }

    /// As a member of a group: what the group assigns, from what the group has committed.
    async fn read_as_member(&self, group: &str) -> Result<(), KafkaError> {
        let topics = self.layout.topics();
        let bootstrap = self.cluster.bootstrap();
        let mut member = Member::connect(&self.handle, bootstrap, group, topics).await?;
        while !self.is_over() {
            let assigned = member.join().await?;
            // Generations begin at 1.
            self.readers.generations[self.number as usize]
                .store(member.generation(), Ordering::Release);
            let mut slots = Vec::new();
            for (topic, partition, committed) in assigned {
                if let Some(slot) = self.layout.slot_of(&topic, partition) {
                    let from = if committed < 0 {
                        self.readers.starts[slot]
                    } else {
                        committed
                    };
                    self.readers.positions[slot].store(from, Ordering::Release);
                    slots.push(slot);
                }
            }
            slots.sort_unstable();
            let fetches = self.fetch(slots.clone());
            while !self.is_over() && member.heartbeat().await? {
                self.handle.sleep(HEARTBEAT_INTERVAL).await;
            }
            // Nothing is fetched any more when the positions are committed.
            drop(fetches);
            let positions = slots.iter().map(|slot| {
                let (topic, partition) = self.layout.place(*slot);
                (topic, partition, self.readers.position(*slot))
            });
            member.commit(&positions.collect::<Vec<_>>()).await?;
        }
        member.leave().await
    }

    /// Whether the run is over, or all that there is has been read, by whichever member.
    fn is_over(&self) -> bool {
        let is_read = |ends: &Vec<i64>| {
            let mut slots = ends.iter().enumerate();
            slots.all(|(slot, end)| self.readers.position(slot) >= *end)
        };
        self.control.is_stopped() || self.control.ends.get().is_some_and(is_read)
    }

    /// Starts to fetch these partitions, one task for each node that leads some. To drop a task
    /// ends it.
    fn fetch(&self, slots: Vec<Slot>) -> Vec<Task<()>> {
        let nodes = self.layout.slots_by_node(slots).into_iter();
        let start = |(node, slots)| {
            let fetch = Fetch {
                control: Arc::clone(&self.control),
                layout: Rc::clone(&self.layout),
                readers: Arc::clone(&self.readers),
                slots,
                recorder: Rc::clone(&self.recorder),
            };
            let cluster = Rc::clone(&self.cluster);
            self.handle.spawn_task(async move {
                let connected = cluster.new_connection(node).await;
                let run = match connected {
                    Ok(connection) => fetch.run(connection).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = run {
                    fetch.recorder.borrow_mut().error(error.to_string());
                    fetch.control.stop();
                }
            })
        };
        nodes.map(start).collect()
    }
}

/// Reads some partitions from the node that leads them.
struct Fetch {
    control: Arc<Control>,
    layout: Rc<Layout>,
    readers: Arc<Readers>,
    slots: Vec<Slot>,
    recorder: Rc<RefCell<Recorder>>,
}

impl Fetch {
    async fn run(&self, connection: Connection) -> Result<(), KafkaError> {
        let version = connection.version::<FetchRequest>(FETCH_VERSION_MAX)?;
        let mut answer = connection.send_in(&self.request(), version)?;
        loop {
            let response = answer.await?;
            let slots = self.slots.iter();
            let before: Vec<i64> = slots.map(|slot| self.readers.position(*slot)).collect();
            // No await from here to `take`: a member whose task is dropped has either taken an
            // answer or not.
            self.advance(&response)?;
            let next = (!self.is_through()).then(|| connection.send_in(&self.request(), version));
            self.take(&response, &before);
            match next {
                None => return Ok(()),
                Some(next) => answer = next?,
            }
        }
    }

    fn is_through(&self) -> bool {
        let ends = self.control.ends.get();
        let is_read = |ends: &Vec<i64>| {
            let mut slots = self.slots.iter();
            slots.all(|slot| self.readers.position(*slot) >= ends[*slot])
        };
        self.control.is_stopped() || ends.is_some_and(is_read)
    }

    fn request(&self) -> FetchRequest {
        let workload = &self.control.workload;
        let mut topics: Vec<FetchTopic> = Vec::new();
        for &slot in &self.slots {
            let (topic, partition) = self.layout.place(slot);
            if topics.last().is_none_or(|last| last.topic != topic) {
                topics.push(FetchTopic {
                    topic,
                    ..Default::default()
                });
            }
            let partition = FetchPartition {
                partition,
                fetch_offset: self.readers.position(slot),
                partition_max_bytes: workload.max_partition_fetch_bytes.0 as i32,
                ..Default::default()
            };
            if let Some(topic) = topics.last_mut() {
                topic.partitions.push(partition);
            }
        }
        FetchRequest {
            max_wait_ms: workload.fetch_max_wait.0.as_millis() as i32,
            min_bytes: workload.fetch_min_bytes.0 as i32,
            max_bytes: workload.fetch_max_bytes.0 as i32,
            topics,
            ..Default::default()
        }
    }

    /// Moves the positions past what has come.
    fn advance(&self, response: &FetchResponse) -> Result<(), KafkaError> {
        KafkaError::check(response.error_code, || "fetch".into(), None)?;
        for (slot, partition) in partitions(&self.layout, response) {
            KafkaError::check(partition.error_code, || "fetch".into(), None)?;
            if let Some(next) = bytes_of(partition).and_then(next_offset) {
                self.readers.positions[slot].store(next, Ordering::Release);
            }
        }
        Ok(())
    }

    /// Looks at what has come, of which the fetch began at `before`.
    fn take(&self, response: &FetchResponse, before: &[i64]) {
        let now = now_ns();
        let measured_from = self.control.measured_from_ns.load(Ordering::Acquire);
        let is_cold = self.control.workload.reads == Reads::Cold;
        let (run, verify) = (self.control.run, self.control.workload.verify);
        let (mut count, mut payload_bytes) = (0, 0);
        let mut recorder = self.recorder.borrow_mut();
        for (slot, partition) in partitions(&self.layout, response) {
            let Some(bytes) = bytes_of(partition) else {
                continue;
            };
            // Slots are in ascending order, as the layout is.
            let from = self.slots.binary_search(&slot).map_or(0, |at| before[at]);
            if !verify {
                let records = count_records(bytes, from);
                count += records;
                payload_bytes += bytes.len() as u64;
                continue;
            }
            let mut guard = self.readers.seen(slot);
            let seen = &mut *guard;
            let latencies = &mut recorder.latencies;
            let see = |record: &RecordView<'_>, timestamp_ms: Option<i64>| {
                let value = record.value.unwrap_or_default();
                let stamp = match Stamp::read(record.key, value) {
                    Read::Damaged => return seen.damaged += 1,
                    // Of another run, or of somebody else's bench who writes to the same topic.
                    Read::Whole(stamp) if stamp.run != run => return seen.foreign += 1,
                    Read::Whole(stamp) => stamp,
                };
                if stamp.slot as usize != slot {
                    return seen.misplaced += 1;
                }
                seen.see(u32::from(stamp.producer), stamp.sequence);
                seen.checked += 1;
                if timestamp_ms.is_some_and(|given| given != clock::timestamp_ms(stamp.sent_ns)) {
                    seen.mistimed += 1;
                }
                count += 1;
                payload_bytes += (record.key.map_or(0, <[u8]>::len) + value.len()) as u64;
                if !is_cold && stamp.sent_ns >= measured_from {
                    latencies.record_ns(now.saturating_sub(stamp.sent_ns), 1);
                }
            };
            let mut unreadable = 0;
            each_record(bytes, from, see, |records| unreadable += records);
            seen.damaged += unreadable;
        }
        self.control.consumed.add(Count {
            records: count,
            payload_bytes,
            requests: u64::from(count > 0),
            latency_us: 0,
        });
        if count > 0 {
            recorder.last_ns = now_ns();
        }
    }
}

fn bytes_of(partition: &PartitionData) -> Option<&[u8]> {
    let records = partition.records.as_ref()?;
    records.pieces().first().map(|piece| &piece[..])
}

fn partitions<'a>(
    layout: &'a Layout,
    response: &'a FetchResponse,
) -> impl Iterator<Item = (Slot, &'a PartitionData)> {
    let topics = response.responses.iter();
    let pairs = topics.flat_map(|topic| topic.partitions.iter().map(|p| (&topic.topic, p)));
    pairs.filter_map(|(topic, p)| Some((layout.slot_of(topic, p.partition_index)?, p)))
}
