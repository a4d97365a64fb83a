//! A producer: makes records, fills batches, sends them and counts what is acknowledged.
//!
//! Nothing is retried: a refused batch is an error of the run, and a retry would hide it.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use naru_runtime::Handle;
use naru_runtime::sync::Permit;
use naru_wire::ErrorCode;
use naru_wire::api::init_producer_id::InitProducerIdRequest;
use naru_wire::api::produce::{PartitionProduceResponse, ProduceResponse};

use super::clock::{instant, now_ns, timestamp_ms};
use super::control::{Control, Count, Slot};
use super::lane::{Lane, request};
use super::payload::{Payloads, Stamp};
use super::pending::{Open, ProducerId, Ready};
use super::recorder::Recorder;
use super::threads::Layout;
use super::verify::Sent;
use crate::kafka::{Cluster, KafkaError};
use crate::workload::{Acks, Partitioner};

/// How long answers may be waited for once everything has been sent.
const LAST_ANSWERS_TIME_MAX: Duration = Duration::from_secs(60);

/// What an open loop holds ready for a broker that does not take it, in bytes; beyond this its
/// schedule slips.
const READY_BYTES_MAX: usize = 256 << 20;

/// Records of an open loop made in one go before others have their turn.
const BURST_RECORDS_MAX: u32 = 256;

/// A record that was handed over later than this after its time has slipped, in ns.
const SLIP_NS_MIN: u64 = 1_000_000;

const PRODUCER_ID_TRIES_MAX: u32 = 100;
const PRODUCER_ID_RETRY_INTERVAL: Duration = Duration::from_millis(100);

pub(super) struct Producer {
    index: u32,
    handle: Handle,
    control: Arc<Control>,
    layout: Rc<Layout>,
    lanes: Vec<Rc<Lane>>,
    producer_id: Option<ProducerId>,
    payloads: RefCell<Payloads>,
    /// The size of the next record, when it was drawn and the batch had no room for it.
    drawn: Cell<Option<usize>>,
    sent: RefCell<Vec<Sent>>,
    recorder: RefCell<Recorder>,
}

async fn ask_producer_id(handle: &Handle, cluster: &Cluster) -> Result<ProducerId, KafkaError> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        ..Default::default()
    };
    let mut tries = 0;
    loop {
        let given = cluster.bootstrap().call(&request).await?;
        tries += 1;
        // A broker that has just started may have no ids to give yet.
        if given.error_code == ErrorCode::CoordinatorLoadInProgress && tries < PRODUCER_ID_TRIES_MAX
        {
            handle.sleep(PRODUCER_ID_RETRY_INTERVAL).await;
            continue;
        }
        KafkaError::check(given.error_code, || "InitProducerId".into(), None)?;
        return Ok(ProducerId {
            id: given.producer_id,
            epoch: given.producer_epoch,
        });
    }
}

impl Producer {
    pub(super) async fn connect(
        index: u32,
        handle: &Handle,
        cluster: &Cluster,
        control: &Arc<Control>,
        layout: &Rc<Layout>,
    ) -> Result<Rc<Self>, KafkaError> {
        let workload = &control.workload;
        let mut lanes = Vec::new();
        for (node, slots) in layout.slots_by_node((0..layout.len()).collect()) {
            let connection = cluster.new_connection(node).await?;
            lanes.push(Lane::new(
                connection,
                slots,
                workload.max_in_flight as usize,
            )?);
        }
        let producer_id = match workload.idempotent {
            true => Some(ask_producer_id(handle, cluster).await?),
            false => None,
        };
        let payloads = Payloads::new(
            workload.seed.wrapping_add(u64::from(index)),
            workload.size.max() as usize,
            workload.compressibility,
            workload.key_size.0 as usize,
            workload.keys,
        );
        Ok(Rc::new(Self {
            index,
            handle: handle.clone(),
            control: Arc::clone(control),
            layout: Rc::clone(layout),
            lanes,
            producer_id,
            payloads: RefCell::new(payloads),
            drawn: Cell::new(None),
            sent: RefCell::new(vec![Sent::default(); layout.len()]),
            recorder: RefCell::default(),
        }))
    }

    /// Produces until the run says that it is enough and the last answer is in.
    pub(super) async fn run(self: &Rc<Self>) {
        let senders: Vec<_> = self
            .lanes
            .iter()
            .map(|lane| {
                let (producer, lane) = (Rc::clone(self), Rc::clone(lane));
                let is_paced = self.control.workload.rate.is_some();
                self.handle.spawn_task(async move {
                    if is_paced {
                        producer.send_what_is_ready(&lane).await;
                    } else {
                        producer.send_at_will(&lane).await;
                    }
                    producer.wait_for_answers(&lane).await;
                })
            })
            .collect();
        if let Some(rate) = self.control.workload.rate {
            self.keep_schedule(rate / f64::from(self.control.workload.producers))
                .await;
            self.lanes.iter().for_each(|lane| lane.close());
        }
        for sender in senders {
            sender.await;
        }
    }

    /// What it counted, and what it sent to each partition.
    pub(super) fn finish(&self) -> (Recorder, Vec<Sent>) {
        (self.recorder.take(), self.sent.take())
    }

    pub(super) fn index(&self) -> u32 {
        self.index
    }

    fn draw(&self) -> usize {
        let draw = || {
            let sizes = &self.control.workload.size;
            sizes.draw(self.payloads.borrow_mut().random())
        };
        self.drawn.take().unwrap_or_else(draw)
    }

    /// Adds a record to `open` if it has room; says whether it had.
    fn push(&self, open: &mut Open, slot: Slot, sent_ns: u64) -> bool {
        let workload = &self.control.workload;
        let bytes = self.draw();
        let whole = bytes + workload.key_size.0 as usize;
        if !open.has_room(whole, workload.batch_size.0 as usize) {
            self.drawn.set(Some(bytes));
            return false;
        }
        let sequence = {
            let sent = &mut self.sent.borrow_mut()[slot];
            sent.count += 1;
            sent.count - 1
        };
        let stamp = Stamp {
            run: self.control.run,
            producer: self.index as u16,
            slot: slot as u32,
            sequence,
            sent_ns,
        };
        let mut payloads = self.payloads.borrow_mut();
        let pair = payloads.next(bytes, &stamp);
        open.push(
            timestamp_ms(sent_ns),
            pair,
            sequence,
            sent_ns,
            workload.rate.is_some(),
        );
        true
    }

    fn close(&self, open: &mut Open, slot: Slot) -> Option<Ready> {
        match open.close(slot, self.producer_id) {
            Ok(ready) => Some(ready),
            Err(error) => {
                self.fail(error.to_string());
                None
            }
        }
    }

    /// An error after which the run has no sense.
    fn fail(&self, error: String) {
        self.recorder.borrow_mut().error(error);
        self.control.stop();
    }

    /// Closed loop: a full batch for every partition of the node, as soon as a request may be sent.
    async fn send_at_will(self: &Rc<Self>, lane: &Rc<Lane>) {
        let request_bytes_max = self.control.workload.max_request_size.0 as usize;
        let mut open = Open::new(self.control.workload.compression);
        let mut turn = self.index as usize;
        loop {
            let permit = lane.permits.acquire(1).await;
            let now = now_ns();
            let (mut batches, mut bytes, mut has_ended) = (Vec::new(), 0, false);
            for _ in 0..lane.slots.len() {
                let slot = lane.slots[turn % lane.slots.len()];
                turn += 1;
                has_ended = loop {
                    if !self.control.grant(now) {
                        break true;
                    }
                    if !self.push(&mut open, slot, now) {
                        self.control.take_back(now);
                        break false;
                    }
                };
                if !open.is_empty() {
                    batches.extend(self.close(&mut open, slot));
                }
                bytes += batches.last().map_or(0, |ready: &Ready| ready.batch.len());
                let is_full = bytes + bytes / batches.len().max(1) > request_bytes_max;
                if has_ended || is_full {
                    break;
                }
            }
            if !batches.is_empty() {
                self.send(lane, batches, permit).await;
            }
            if has_ended {
                return;
            }
            self.handle.yield_now().await;
        }
    }

    /// Open loop: makes every record at its time, whatever has become of those before it.
    async fn keep_schedule(&self, records_per_second: f64) {
        let workload = &self.control.workload;
        let linger_ns = workload.linger.0.as_nanos() as u64;
        let begin_ns = self.control.begin_ns.load(Ordering::Acquire);
        let period_ns = 1e9 / records_per_second;
        let phase = f64::from(self.index) / f64::from(workload.producers);
        let intended = |number: u64| begin_ns + ((number as f64 + phase) * period_ns) as u64;
        let lane_of = self.lane_of_slots();

        let mut open: Vec<Open> = (0..self.layout.len())
            .map(|_| Open::new(workload.compression))
            .collect();
        // Partitions with an open batch, with the time of its first record, oldest first.
        let mut lingering: VecDeque<(u64, Slot)> = VecDeque::new();
        let mut slot = self.index as usize % open.len();
        let (mut number, mut burst) = (0, 0);
        loop {
            let now = now_ns();
            while let Some(&(first_ns, slot)) = lingering.front()
                && first_ns + linger_ns <= now
                && !(linger_ns == 0 && intended(number) <= now)
            {
                lingering.pop_front();
                // Another batch may be open there by now: that one has an entry of its own.
                if !open[slot].is_empty()
                    && open[slot].first_ns() == first_ns
                    && let Some(ready) = self.close(&mut open[slot], slot)
                {
                    lane_of[slot].put(ready);
                }
            }
            let due = intended(number);
            if due > now || burst >= BURST_RECORDS_MAX {
                burst = 0;
                let linger_ends = lingering
                    .front()
                    .map_or(u64::MAX, |(first, _)| first + linger_ns);
                let next = due.min(linger_ends);
                if next > now {
                    self.handle.sleep_until(instant(next)).await;
                } else {
                    self.handle.yield_now().await;
                }
                if self.control.is_stopped() {
                    break;
                }
                continue;
            }
            if self.control.is_overdue(now) || !self.control.grant(due) {
                break;
            }
            let is_first = open[slot].is_empty();
            if !self.push(&mut open[slot], slot, due) {
                if let Some(ready) = self.close(&mut open[slot], slot) {
                    lane_of[slot].put(ready);
                }
                if workload.partitioner == Partitioner::Sticky {
                    slot = (slot + 1) % open.len();
                }
                self.wait_for_room(&lane_of[slot]).await;
                self.control.take_back(due);
                continue;
            }
            self.note_slip(due, now);
            if is_first {
                lingering.push_back((due, slot));
            }
            if workload.partitioner == Partitioner::RoundRobin {
                slot = (slot + 1) % open.len();
            }
            number += 1;
            burst += 1;
        }
        self.recorder.borrow_mut().unsent += self.unsent(intended, number);
        for (slot, open) in open.iter_mut().enumerate() {
            if !open.is_empty()
                && let Some(ready) = self.close(open, slot)
            {
                lane_of[slot].put(ready);
            }
        }
    }

    /// How many records of the schedule were not made, from `number` on: after it has ended, none.
    fn unsent(&self, intended: impl Fn(u64) -> u64, number: u64) -> u64 {
        let Some(left) = self.control.left() else {
            let until = self.control.until_ns.load(Ordering::Acquire);
            // An interrupted warm-up has no end, and nothing was measured.
            let is_known = until != u64::MAX;
            return (number..)
                .take_while(|number| is_known && intended(*number) < until)
                .count() as u64;
        };
        // Shared by all producers: each names its part.
        left / u64::from(self.control.workload.producers)
    }

    fn lane_of_slots(&self) -> Vec<Rc<Lane>> {
        let of = |slot: Slot| self.lanes.iter().find(|lane| lane.slots.contains(&slot));
        (0..self.layout.len()).filter_map(of).cloned().collect()
    }

    fn note_slip(&self, due_ns: u64, now_ns: u64) {
        let slip_ns = now_ns - due_ns;
        if self.control.is_measured(due_ns) {
            let mut recorder = self.recorder.borrow_mut();
            recorder.made += 1;
            recorder.slip_ns_max = recorder.slip_ns_max.max(slip_ns);
            recorder.slipped += u64::from(slip_ns >= SLIP_NS_MIN);
        }
    }

    async fn wait_for_room(&self, lane: &Lane) {
        while lane.ready_bytes() > READY_BYTES_MAX && !self.control.is_stopped() {
            lane.changed.wait().await;
        }
    }

    async fn send_what_is_ready(self: &Rc<Self>, lane: &Rc<Lane>) {
        let request_bytes_max = self.control.workload.max_request_size.0 as usize;
        loop {
            let permit = lane.permits.acquire(1).await;
            let batches = lane.next_batches(request_bytes_max).await;
            if batches.is_empty() {
                return;
            }
            self.send(lane, batches, permit).await;
            lane.changed.notify_all();
        }
    }

    async fn send(self: &Rc<Self>, lane: &Rc<Lane>, batches: Vec<Ready>, permit: Permit) {
        let acks = self.control.workload.acks;
        let request = request(&batches, acks.code(), |slot| self.layout.place(slot));
        if acks == Acks::None {
            let sent = lane.connection.send_unanswered(&request, lane.version);
            let drained = match sent {
                Ok(()) => lane.connection.drained().await,
                Err(error) => Err(error),
            };
            match drained {
                Ok(()) => batches.iter().for_each(|ready| self.count(ready, now_ns())),
                Err(error) => self.refuse_all(&batches, error.to_string()),
            }
            self.count_request();
            return;
        }
        match lane.connection.send_in(&request, lane.version) {
            Err(error) => self.refuse_all(&batches, error.to_string()),
            Ok(answer) => {
                let producer = Rc::clone(self);
                self.handle.spawn(async move {
                    match answer.await {
                        Ok(response) => producer.take_answer(&batches, &response),
                        Err(error) => producer.refuse_all(&batches, error.to_string()),
                    }
                    drop(permit);
                });
            }
        }
    }

    async fn wait_for_answers(&self, lane: &Lane) {
        let all = lane
            .permits
            .acquire(self.control.workload.max_in_flight as usize);
        if self
            .handle
            .timeout(LAST_ANSWERS_TIME_MAX, all)
            .await
            .is_err()
        {
            let seconds = LAST_ANSWERS_TIME_MAX.as_secs();
            self.fail(format!("produce requests unanswered after {seconds} s"));
        }
    }

    fn take_answer(&self, batches: &[Ready], response: &ProduceResponse) {
        let now = now_ns();
        self.count_request();
        let topics = response.responses.iter();
        let answers: HashMap<Slot, &PartitionProduceResponse> = topics
            .flat_map(|topic| topic.partition_responses.iter().map(|p| (&topic.name, p)))
            .filter_map(|(name, p)| Some((self.layout.slot_of(name, p.index)?, p)))
            .collect();
        for ready in batches {
            let Some(answer) = answers.get(&ready.slot) else {
                self.refuse(ready, "produce: an answer without the partition".into());
                continue;
            };
            let message = answer.error_message.as_ref();
            match KafkaError::check(answer.error_code, || "produce".into(), message) {
                Ok(()) => self.count(ready, now),
                Err(error) => self.refuse(ready, error.to_string()),
            }
        }
    }

    fn count_request(&self) {
        self.control.acked.add(Count {
            requests: 1,
            ..Count::default()
        });
    }

    /// `ready` is acknowledged. Rates count what is acknowledged in a time, whenever it was sent;
    /// latencies are of what was sent in that time, whenever it is acknowledged: else the slowest
    /// would be missing.
    fn count(&self, ready: &Ready, now: u64) {
        let since = |sent_ns: u64| now.saturating_sub(sent_ns);
        let latency_ns = match ready.sent_ns.as_slice() {
            [] => since(ready.first_ns) * ready.records,
            sent => sent.iter().map(|sent_ns| since(*sent_ns)).sum(),
        };
        self.control.acked.add(Count {
            records: ready.records,
            payload_bytes: ready.payload_bytes,
            requests: 0,
            latency_us: latency_ns / 1000,
        });
        let mut recorder = self.recorder.borrow_mut();
        recorder.last_ns = recorder.last_ns.max(now);
        let has_latency = self.control.workload.acks != Acks::None;
        if !has_latency || !self.control.is_measured(ready.first_ns) {
            return;
        }
        let latencies = &mut recorder.latencies;
        if ready.sent_ns.is_empty() {
            latencies.record_ns(since(ready.first_ns), ready.records);
        }
        for sent_ns in &ready.sent_ns {
            latencies.record_ns(since(*sent_ns), 1);
        }
    }

    fn refuse(&self, ready: &Ready, error: String) {
        self.recorder.borrow_mut().error(error);
        let range = (ready.first_sequence, ready.first_sequence + ready.records);
        self.sent.borrow_mut()[ready.slot].refused.push(range);
    }

    /// The connection is of no use any more.
    fn refuse_all(&self, batches: &[Ready], error: String) {
        for ready in batches {
            self.refuse(ready, error.clone());
        }
        self.control.stop();
    }
}
