//! `naru.memory` is what the broker takes, whatever peers begin and never end, or ask for
//! and never read; and a producer beside them goes on as if they were not there.

use crate::harness::{Broker, Raw, batch, create_topic, produce_request, request};

/// The least that may hold one request of the default limit.
const MEMORY: &str = "160m";
const MEMORY_BYTES: u64 = 160 << 20;

/// What a broker takes beside it: its code, stacks, the kernel's rings, connections and
/// what the allocator keeps. Nothing of this grows with what peers send.
const CONSTANT_BYTES_MAX: u64 = 40 << 20;

/// Large frames that are announced, and how much of each comes.
const HALF_FRAMES: usize = 40;
const ANNOUNCED_BYTES: i32 = 100_000_000;
const SENT_BYTES: usize = 20_000_000;

/// Readers who ask and never read.
const READERS: usize = 24;

/// What the producer sends while they are there: more than they leave time to guess.
const PRODUCED: i64 = 300;

struct Beside {
    broker: Broker,
    good: Raw,
    produced: i64,
    half_frames: HalfFrames,
}

impl Beside {
    fn start() -> Self {
        let broker = Broker::start(&[("naru.memory", MEMORY)]);
        create_topic(&broker.bootstrap(), "good", 1, &[]);
        let good = broker.raw();
        Self {
            broker,
            good,
            produced: 0,
            half_frames: HalfFrames::default(),
        }
    }

    /// One connection sends, and is answered every time. The half frames come meanwhile, as
    /// far as the broker takes them.
    fn produce(&mut self, count: i64, value: &[u8]) {
        let batch = batch(value);
        for _ in 0..count {
            self.half_frames.send_more();
            let produced = self.good.produce("good", 0, &batch).unwrap();
            assert_eq!(produced, (0, self.produced));
            self.produced += 1;
        }
    }

    fn memory_held(&self) {
        let (_, peak) = self.broker.resident_bytes();
        println!("peak {} MiB at naru.memory={MEMORY}", peak >> 20);
        assert!(
            peak <= MEMORY_BYTES + CONSTANT_BYTES_MAX,
            "{} MiB at naru.memory={MEMORY}",
            peak >> 20
        );
    }

    /// Connections that ask for all there is, again and again, and read nothing.
    fn deaf_readers(&self) -> Vec<Raw> {
        let asked = fetch_request("good", 50_000_000).repeat(20);
        let ask = |_| {
            let mut raw = self.broker.raw();
            raw.send(&asked).unwrap();
            raw
        };
        (0..READERS).map(ask).collect()
    }
}

/// Connections that each send a part of a large frame, and no more.
#[derive(Default)]
struct HalfFrames {
    front: Vec<u8>,
    sent: Vec<(Raw, usize)>,
}

impl HalfFrames {
    fn start(broker: &Broker) -> Self {
        let mut front = ANNOUNCED_BYTES.to_be_bytes().to_vec();
        front.extend(&produce_request("good", 0, &[])[4..]);
        front.resize(SENT_BYTES, 0);
        let sent = (0..HALF_FRAMES).map(|_| (broker.raw(), 0)).collect();
        Self { front, sent }
    }

    fn send_more(&mut self) {
        for (raw, sent) in &mut self.sent {
            // Nothing fits while the broker waits for memory, nor after it closed.
            *sent += raw.send_what_fits(&self.front[*sent..]).unwrap_or(0);
        }
    }
}

/// Fetch v4 of partition 0 from its start: at least a byte, at most `bytes_max`.
fn fetch_request(topic: &str, bytes_max: i32) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend((-1_i32).to_be_bytes()); // replica id
    body.extend(500_i32.to_be_bytes()); // max wait ms
    body.extend(1_i32.to_be_bytes()); // min bytes
    body.extend(bytes_max.to_be_bytes());
    body.push(0); // isolation level
    body.extend(1_i32.to_be_bytes());
    body.extend(i16::try_from(topic.len()).unwrap().to_be_bytes());
    body.extend(topic.as_bytes());
    body.extend(1_i32.to_be_bytes());
    body.extend(0_i32.to_be_bytes()); // partition
    body.extend(0_i64.to_be_bytes()); // fetch offset
    body.extend(bytes_max.to_be_bytes());
    request(1, 4, &body)
}

#[test]
fn half_frames_of_many_connections() {
    let mut beside = Beside::start();
    beside.produce(50, &[1; 100_000]);
    beside.half_frames = HalfFrames::start(&beside.broker);
    beside.produce(PRODUCED, &[2; 100_000]);
    beside.memory_held();
}

#[test]
fn readers_who_never_read() {
    let mut beside = Beside::start();
    beside.produce(300, &[1; 100_000]);
    let deaf = beside.deaf_readers();
    beside.produce(PRODUCED, &[2; 100_000]);
    beside.memory_held();
    // A new one is served as well, once those have been found out.
    let mut reader = beside.broker.raw();
    reader.send(&fetch_request("good", 1 << 20)).unwrap();
    assert!(reader.receive().unwrap().len() > 100_000);
    drop(deaf);
}

#[test]
fn both_at_once() {
    let mut beside = Beside::start();
    beside.produce(300, &[1; 100_000]);
    let deaf = beside.deaf_readers();
    beside.half_frames = HalfFrames::start(&beside.broker);
    beside.produce(PRODUCED, &[2; 100_000]);
    beside.memory_held();
    drop(deaf);
}
