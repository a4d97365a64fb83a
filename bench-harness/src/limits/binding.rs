//! Which limit binds each figure of a run, and how near the run came.
//!
//! A limit is what the cheapest program would reach that does the same work on the same bytes. A
//! broker beyond 100 % of a throughput does less (it answers before it has flushed, or before it
//! has written), or the machine was busier with others when it was measured. For latencies and CPU
//! time 100 % is the least that is possible.

use serde::{Deserialize, Serialize};

use super::model::{Checksum, DiskWrites, Limits};
use crate::outcome::Outcome;
use crate::workload::{Acks, Codec, Workload};

/// A figure of an outcome beside its limit.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Bound {
    /// The name in [`Outcome::figures`].
    pub figure: String,
    /// What binds it, in words.
    pub limit: String,
    pub limit_value: f64,
    /// Of the figure and of the limit.
    pub unit: String,
    /// The figure, as a percentage of the limit.
    pub percent: f64,
}

/// The bounds of a run against a broker of this machine. None when the broker was not seen to run
/// here, and none when batches were compressed: what reached disk and sockets then was not the
/// payload.
pub fn binding(limits: &Limits, outcome: &Outcome) -> Vec<Bound> {
    if outcome.broker.is_none() || outcome.workload.compression != Codec::None {
        return Vec::new();
    }
    let shape = Shape::of(outcome, limits.environment.cores);
    let candidates = |figure: &str| match figure {
        "produce throughput" => lowest(produce(limits, &shape)),
        "consume throughput" => lowest(consume(limits, &shape)),
        "ack p50" | "end-to-end p50" => lowest(vec![latency_floor(limits, &shape)]),
        "broker CPU" => lowest(vec![cpu_floor(limits, outcome, &shape)]),
        _ => None,
    };
    let figures = outcome.figures().into_iter();
    let bounds = figures.filter_map(|figure| {
        let (limit, limit_value) = candidates(&figure.name)?;
        Some(Bound {
            figure: figure.name,
            limit,
            limit_value,
            unit: figure.unit,
            percent: figure.value / limit_value * 100.0,
        })
    });
    bounds.collect()
}

/// A limit by its name.
type Candidate = (String, f64);

fn lowest(candidates: Vec<Candidate>) -> Option<Candidate> {
    let real = candidates.into_iter().filter(|(_, value)| *value > 0.0);
    real.min_by(|a, b| a.1.total_cmp(&b.1))
}

/// What of a run its limits depend on.
struct Shape {
    is_flushed: bool,
    /// As they came, which is less than `batch.size` when the linger ended first.
    batch_bytes: u64,
    /// What one flush can make durable: no more than may wait for its acknowledgement.
    gathered_bytes: u64,
    requests_in_flight: u64,
    /// Connections that loopback can carry at the same time, each with a core at both ends.
    streams: f64,
    /// Cores that can work on partitions.
    shards: f64,
}

impl Shape {
    fn of(outcome: &Outcome, cores: usize) -> Self {
        let workload: &Workload = &outcome.workload;
        let of_workload = workload.batch_size.0.max(workload.size.mean() as u64);
        let produce = &outcome.produce;
        let request_bytes = match produce.requests {
            0 => of_workload,
            requests => (produce.payload_bytes / requests).max(1),
        };
        let is_flushed = workload.acks == Acks::All;
        let requests_in_flight = u64::from(workload.producers) * u64::from(workload.max_in_flight);
        let cores = cores.max(1) as f64;
        let partitions = f64::from(workload.topics) * f64::from(workload.partitions);
        let connections = f64::from(workload.threads.min(workload.producers.max(1)));
        Self {
            is_flushed,
            batch_bytes: of_workload.min(request_bytes),
            // What is not waited for can be gathered as long as one likes.
            gathered_bytes: if is_flushed {
                request_bytes.saturating_mul(requests_in_flight)
            } else {
                u64::MAX
            },
            requests_in_flight,
            streams: connections.min((cores / 2.0).floor()).max(1.0),
            shards: partitions.min(cores).max(1.0),
        }
    }
}

fn produce(limits: &Limits, shape: &Shape) -> Vec<Candidate> {
    let mut candidates = vec![stream(limits, shape), memory_copy(limits, shape)];
    candidates
        .extend(best_writes(limits, shape).map(|writes| (writes.name(), writes.mb_per_second)));
    candidates.extend(checksum(limits, shape).map(|checksum| {
        (
            "CRC-32C of every batch".into(),
            checksum.gb_per_second * 1e3 * shape.shards,
        )
    }));
    candidates
}

fn consume(limits: &Limits, shape: &Shape) -> Vec<Candidate> {
    vec![stream(limits, shape), memory_copy(limits, shape)]
}

fn stream(limits: &Limits, shape: &Shape) -> Candidate {
    (
        "loopback stream".into(),
        limits.stream.mb_per_second * shape.streams,
    )
}

fn memory_copy(limits: &Limits, shape: &Shape) -> Candidate {
    let mb_per_second = limits.memory_copy_gb_per_second * 1e3;
    ("one copy in memory".into(), mb_per_second * shape.shards)
}

/// In ms: a turn over loopback, and for acks=all a write and its flush in between.
fn latency_floor(limits: &Limits, shape: &Shape) -> Candidate {
    let turn_ms = limits.turn.us_p50 as f64 / 1e3;
    let alone = |writes: &&DiskWrites| writes.is_flushed && writes.depth == 1;
    let flushes = limits.disk_writes.iter().filter(alone);
    match nearest(flushes, shape.batch_bytes, |writes| writes.block_bytes) {
        Some(flush) if shape.is_flushed => (
            format!("loopback turn and {}", flush.name()),
            turn_ms + flush.latency_us_p50 as f64 / 1e3,
        ),
        _ => ("loopback turn".into(), turn_ms),
    }
}

/// CPU seconds per GB that went through: receiving, checking, copying once and writing what is
/// produced, sending what is consumed.
fn cpu_floor(limits: &Limits, outcome: &Outcome, shape: &Shape) -> Candidate {
    let inverse = |gb_per_second: f64| {
        if gb_per_second > 0.0 {
            1.0 / gb_per_second
        } else {
            0.0
        }
    };
    let writes = possible_writes(limits, shape).into_iter();
    let written = writes
        .map(|writes| writes.cpu_s_per_gb)
        .min_by(f64::total_cmp);
    let checked = checksum(limits, shape).map_or(0.0, |checksum| inverse(checksum.gb_per_second));
    let copied = inverse(limits.memory_copy_gb_per_second);
    let produced = limits.stream.cpu_s_per_gb_receiver + checked + copied + written.unwrap_or(0.0);
    let consumed = limits.stream.cpu_s_per_gb_sender;
    let produced_bytes = outcome.produce.payload_bytes as f64;
    // Cold reads come later and are not in the figure.
    let meanwhile = outcome.consume.filter(|_| outcome.consume_usage.is_none());
    let consumed_bytes = meanwhile.map_or(0.0, |flow| flow.payload_bytes as f64);
    let cpu_s = produced * produced_bytes + consumed * consumed_bytes;
    let name = "receive, check, copy, write; send".into();
    (name, cpu_s / (produced_bytes + consumed_bytes).max(1.0))
}

/// The quickest way to bring these batches to the disk.
fn best_writes<'a>(limits: &'a Limits, shape: &Shape) -> Option<&'a DiskWrites> {
    let possible = possible_writes(limits, shape).into_iter();
    possible.max_by(|a, b| a.mb_per_second.total_cmp(&b.mb_per_second))
}

/// The ways to bring these batches to the disk: each alone, or as many together as may be.
fn possible_writes<'a>(limits: &'a Limits, shape: &Shape) -> Vec<&'a DiskWrites> {
    let fitting = |writes: &&DiskWrites| {
        writes.is_flushed == shape.is_flushed && (writes.depth == 1 || shape.requests_in_flight > 1)
    };
    let mut writes: Vec<&DiskWrites> = limits.disk_writes.iter().filter(fitting).collect();
    let block_near = |bytes| {
        let near = nearest(writes.iter().copied(), bytes, |writes| writes.block_bytes);
        near.map_or(0, |writes| writes.block_bytes)
    };
    let smallest = block_near(shape.batch_bytes);
    let largest = block_near(shape.gathered_bytes.max(shape.batch_bytes));
    writes.retain(|writes| (smallest..=largest).contains(&writes.block_bytes));
    writes
}

fn checksum<'a>(limits: &'a Limits, shape: &Shape) -> Option<&'a Checksum> {
    let checksums = limits.checksums.iter();
    nearest(checksums, shape.batch_bytes, |checksum| {
        checksum.block_bytes
    })
}

/// By ratio: 32 KiB is as far from 16 KiB as from 64 KiB.
fn nearest<'a, T>(
    all: impl Iterator<Item = &'a T>,
    bytes: u64,
    bytes_of: impl Fn(&T) -> u64,
) -> Option<&'a T> {
    let far = |one: &&T| {
        let (one, wanted) = (bytes_of(one).max(1) as f64, bytes.max(1) as f64);
        (one.ln() - wanted.ln()).abs()
    };
    all.min_by(|a, b| far(a).total_cmp(&far(b)))
}

#[cfg(test)]
mod tests {
    use super::super::model::{BLOCKS_BYTES, DEPTHS, Stream, Turn};
    use super::*;
    use crate::measure::Environment;
    use crate::outcome::{Flow, Latency, Phase, Usage};
    use crate::workload::{ByteSize, WorkloadOptions};

    /// A disk that writes 50 MB/s for every doubling of the block above 2 KiB, half of it when
    /// flushed.
    fn limits() -> Limits {
        let mut disk_writes = Vec::new();
        for (is_flushed, share) in [(false, 1.0), (true, 0.5)] {
            for depth in DEPTHS {
                for block_bytes in BLOCKS_BYTES {
                    let doublings = (block_bytes / 2048).ilog2();
                    disk_writes.push(DiskWrites {
                        block_bytes,
                        depth,
                        is_flushed,
                        mb_per_second: f64::from(doublings * depth) * 50.0 * share,
                        latency_us_p50: 400,
                        cpu_s_per_gb: 0.1,
                        ..DiskWrites::default()
                    });
                }
            }
        }
        Limits {
            environment: Environment {
                cores: 2,
                ..Environment::default()
            },
            seconds_per_probe: 1.0,
            disk_writes,
            turn: Turn {
                us_p50: 100,
                ..Turn::default()
            },
            stream: Stream {
                mb_per_second: 2000.0,
                cpu_s_per_gb_sender: 0.2,
                cpu_s_per_gb_receiver: 0.3,
                ..Stream::default()
            },
            memory_copy_gb_per_second: 10.0,
            checksums: vec![Checksum {
                block_bytes: 16 << 10,
                gb_per_second: 20.0,
            }],
        }
    }

    /// 1 GB produced and 1 GB consumed in 10 s, in requests of 16 KB.
    fn outcome(acks: Acks, max_in_flight: u32) -> Outcome {
        let options = WorkloadOptions {
            acks: Some(acks),
            max_in_flight: Some(max_in_flight),
            ..WorkloadOptions::default()
        };
        let flow = Flow {
            records: 1_000_000,
            payload_bytes: 1_000_000_000,
            requests: 62_500,
            seconds: 10.0,
        };
        Outcome {
            produce: flow,
            ack_latency: Some(Latency {
                p50_us: 1000,
                ..Latency::default()
            }),
            consume: Some(flow),
            broker: Some(Usage {
                cpu_user_s: 2.0,
                ..Usage::default()
            }),
            ..Outcome::of(&options.resolve().unwrap())
        }
    }

    fn bound(limits: &Limits, outcome: &Outcome, figure: &str) -> Bound {
        let bounds = binding(limits, outcome);
        bounds
            .into_iter()
            .find(|bound| bound.figure == figure)
            .unwrap()
    }

    #[test]
    fn the_smallest_limit_binds() {
        let (mut limits, outcome) = (limits(), outcome(Acks::All, 1));
        let produce = bound(&limits, &outcome, "produce throughput");
        assert_eq!(produce.limit, "flushed writes of 16KiB, 1 at once");
        // Three doublings, flushed: 75 MB/s, and the run reached 100.
        assert_eq!((produce.limit_value, &*produce.unit), (75.0, "MB/s"));
        assert_eq!(produce.percent.round(), 133.0);

        limits.stream.mb_per_second = 50.0;
        let produce = bound(&limits, &outcome, "produce throughput");
        assert_eq!(
            (&*produce.limit, produce.percent),
            ("loopback stream", 200.0)
        );
        limits.memory_copy_gb_per_second = 0.04;
        let consume = bound(&limits, &outcome, "consume throughput");
        assert_eq!(
            (&*consume.limit, consume.percent),
            ("one copy in memory", 250.0)
        );
    }

    #[test]
    fn what_is_in_flight_together_may_be_flushed_together() {
        let produce = bound(&limits(), &outcome(Acks::All, 4), "produce throughput");
        assert_eq!(produce.limit, "flushed writes of 64KiB, 8 at once");
        assert_eq!(produce.limit_value, 1000.0);
    }

    #[test]
    fn what_is_not_flushed_is_bound_by_the_largest_writes() {
        let mut limits = limits();
        limits.stream.mb_per_second = 1e6;
        let produce = bound(&limits, &outcome(Acks::Leader, 5), "produce throughput");
        assert_eq!(produce.limit, "writes of 1MiB, 8 at once");
    }

    #[test]
    fn a_latency_cannot_be_less_than_a_turn_and_a_flush() {
        let ack = bound(&limits(), &outcome(Acks::All, 5), "ack p50");
        assert_eq!((ack.limit_value, ack.percent), (0.5, 200.0));
        let ack = bound(&limits(), &outcome(Acks::Leader, 5), "ack p50");
        assert_eq!((&*ack.limit, ack.percent), ("loopback turn", 1000.0));
    }

    #[test]
    fn the_least_cpu_time_counts_what_each_direction_costs() {
        let cpu = bound(&limits(), &outcome(Acks::All, 5), "broker CPU");
        // (receive 0.3 + check 0.05 + copy 0.1 + write 0.1) for one GB, send 0.2 for the other; 1
        // s/GB were used.
        assert!((cpu.limit_value - 0.375).abs() < 1e-9, "{cpu:?}");
        assert_eq!(cpu.percent.round(), 267.0);

        let mut cold = outcome(Acks::All, 5);
        cold.consume_usage = Some(Phase::default());
        let cpu = bound(&limits(), &cold, "broker CPU");
        assert!((cpu.limit_value - 0.55).abs() < 1e-9, "{cpu:?}");
    }

    #[test]
    fn nothing_binds_a_broker_elsewhere_or_compressed_batches() {
        let mut elsewhere = outcome(Acks::All, 5);
        elsewhere.broker = None;
        assert!(binding(&limits(), &elsewhere).is_empty());
        let mut compressed = outcome(Acks::All, 5);
        compressed.workload.compression = Codec::Lz4;
        assert!(binding(&limits(), &compressed).is_empty());
        let mut large = outcome(Acks::None, 5);
        large.workload.batch_size = ByteSize(u64::MAX);
        assert!(!binding(&limits(), &large).is_empty());
    }
}
