//! What a run measured: the figures that every command prints, plots, compares and stores.

use serde::{Deserialize, Serialize};

use crate::workload::Workload;

/// One run against one broker. All figures leave the warm-up out.
///
/// Rates, and what was used for them, are of one window: what was acknowledged or consumed in the
/// measured time, whenever it was sent. A run that is bounded by a number of records, and cold
/// reads, have all of their records in it, and end with the last of them.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Outcome {
    pub workload: Workload,
    /// Unix time of the start, in ms.
    pub started_ms: u64,
    pub produce: Flow,
    /// From the send (closed loop) or the intended send time (open loop) to the acknowledgement.
    /// `None` with acks=0.
    pub ack_latency: Option<Latency>,
    /// `None` without consumers.
    pub consume: Option<Flow>,
    /// From the send or the intended send time to the consumer, for consumers of the tail.
    pub end_to_end_latency: Option<Latency>,
    /// `None` in a closed loop.
    pub schedule: Option<Schedule>,
    pub client: Usage,
    /// `None` unless the broker runs on this machine and may be looked at.
    pub broker: Option<Usage>,
    /// What cold reads used, which begin when `client` and `broker` have been taken. `None` for
    /// reads of the tail.
    #[serde(default)]
    pub consume_usage: Option<Phase>,
    /// `None` without a warm-up.
    #[serde(default)]
    pub warm_up: Option<WarmUp>,
    /// The share of the measured time that the busiest thread of the load generator was on a CPU.
    #[serde(default)]
    pub busiest_thread: Option<f64>,
    pub verification: Verification,
    /// Answers that were errors: the error's name, and how often it came.
    pub errors: Vec<(String, u64)>,
}

/// Records that went through, and how fast.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Flow {
    pub records: u64,
    /// Keys and values, without batches' and records' own framing.
    pub payload_bytes: u64,
    pub requests: u64,
    pub seconds: f64,
}

impl Flow {
    pub fn records_per_second(&self) -> f64 {
        self.records as f64 / self.seconds.max(1e-9)
    }

    /// In units of 10^6 bytes.
    pub fn mb_per_second(&self) -> f64 {
        self.payload_bytes as f64 / 1e6 / self.seconds.max(1e-9)
    }
}

/// A distribution of latencies, in µs.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Latency {
    pub count: u64,
    pub mean_us: f64,
    pub min_us: u64,
    pub p50_us: u64,
    pub p90_us: u64,
    pub p99_us: u64,
    pub p99_9_us: u64,
    pub p99_99_us: u64,
    pub max_us: u64,
    /// Percentile (0 to 100) and µs, close enough together to draw the curve.
    pub curve: Vec<(f64, u64)>,
}

/// How well an open loop kept to its schedule.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Schedule {
    pub intended_records_per_second: f64,
    /// How late the latest record was handed to its batch, in µs. Latencies include the delay.
    pub slip_us_max: u64,
    /// Share of the records that were handed over more than 1 ms after their time.
    pub slipped_share: f64,
    /// Records of the schedule that were never sent, because the broker had not taken those before
    /// them.
    #[serde(default)]
    pub unsent: u64,
    /// The load generator itself could not keep up, or records were never sent: percentiles say
    /// less about the broker than they seem to.
    pub has_slipped: bool,
}

/// What a process used during the measured time.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Usage {
    pub cpu_user_s: f64,
    pub cpu_system_s: f64,
    pub rss_bytes: u64,
    /// Since the process began; a run resets it where it may.
    pub rss_peak_bytes: u64,
    pub context_switches_voluntary: u64,
    pub context_switches_involuntary: u64,
    /// What the process caused to be written to the device, in bytes.
    pub device_write_bytes: u64,
    pub device_read_bytes: u64,
}

/// What both ends used in one phase of a run.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Phase {
    pub client: Usage,
    /// `None` unless the broker runs on this machine and may be looked at.
    pub broker: Option<Usage>,
}

impl Usage {
    pub fn cpu_s(&self) -> f64 {
        self.cpu_user_s + self.cpu_system_s
    }
}

/// What the checks found. `doubled` to `foreign` are records that were read back; `short` and
/// `surplus` are offsets, and looked at in every run.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Verification {
    /// Whether records were read back at all; if not, only the partitions' ends were looked at.
    pub is_read_back: bool,
    pub checked: u64,
    pub lost: u64,
    pub doubled: u64,
    pub reordered: u64,
    /// Key, value or the batch around them is not what was sent.
    pub damaged: u64,
    /// In another topic or partition than they were sent to.
    pub misplaced: u64,
    /// With another timestamp than they were sent with.
    pub mistimed: u64,
    /// Of another run. No fault of the broker's on a topic that others write to, too; one on a
    /// topic that was made for the run, whose run then counts it as an error.
    pub foreign: u64,
    /// Acknowledged records for which the partitions' ends leave no room.
    pub short: u64,
    /// Offsets that no record of the run accounts for, on topics that were made for it.
    pub surplus: u64,
}

impl Verification {
    pub fn is_clean(&self) -> bool {
        self.faults().iter().all(|(_, count)| *count == 0)
    }

    /// What must be zero, by its name.
    pub fn faults(&self) -> [(&'static str, u64); 8] {
        [
            ("lost", self.lost),
            ("doubled", self.doubled),
            ("reordered", self.reordered),
            ("damaged", self.damaged),
            ("misplaced", self.misplaced),
            ("with another timestamp", self.mistimed),
            ("acknowledged beyond the end", self.short),
            ("more than were sent", self.surplus),
        ]
    }

    pub fn add(&mut self, other: &Self) {
        self.is_read_back |= other.is_read_back;
        self.checked += other.checked;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.reordered += other.reordered;
        self.damaged += other.damaged;
        self.misplaced += other.misplaced;
        self.mistimed += other.mistimed;
        self.foreign += other.foreign;
        self.short += other.short;
        self.surplus += other.surplus;
    }
}

/// How the time before the measured one ended.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct WarmUp {
    pub seconds: f64,
    /// Whether the load had stopped getting faster or slower by then.
    pub is_steady: bool,
    /// By which share it still rose (or fell, below zero) at the end: the rate of a closed loop,
    /// the latency of an open one.
    pub drift: f64,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    Higher,
    Lower,
}

/// A single number of an outcome, by the name that reports, comparisons and baselines give it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Figure {
    pub name: String,
    pub unit: String,
    pub value: f64,
    pub better: Better,
}

/// If less of what was read than this came from the device, most of it was served from memory.
pub const CACHED_SHARE_MAX: f64 = 0.5;

/// A thread of the load generator that is busy for this share of the time measures itself.
pub const BUSY_SHARE: f64 = 0.9;

impl Outcome {
    /// One in which nothing was measured yet.
    pub fn of(workload: &Workload) -> Self {
        Self {
            workload: workload.clone(),
            started_ms: 0,
            produce: Flow::default(),
            ack_latency: None,
            consume: None,
            end_to_end_latency: None,
            schedule: None,
            client: Usage::default(),
            broker: None,
            consume_usage: None,
            warm_up: None,
            busiest_thread: None,
            verification: Verification::default(),
            errors: Vec::new(),
        }
    }

    /// What went wrong, in words; empty if nothing did.
    pub fn faults(&self) -> Vec<String> {
        let found = self.verification.faults().into_iter();
        let found = found.filter(|(_, count)| *count > 0);
        let mut faults: Vec<String> = found
            .map(|(what, count)| format!("{count} records {what}"))
            .collect();
        let errors = self.errors.iter();
        faults.extend(errors.map(|(error, count)| format!("{count} times: {error}")));
        faults
    }

    /// Whether the load generator had no time left: a faster broker would have shown no more.
    pub fn is_bench_busy(&self) -> bool {
        self.busiest_thread.is_some_and(|share| share >= BUSY_SHARE)
    }

    pub fn has_slipped(&self) -> bool {
        self.schedule.is_some_and(|schedule| schedule.has_slipped)
    }

    /// Of cold reads, how much of what was read came from the device; `None` where nobody knows.
    /// What did not was kept in memory: catching up, not reading cold.
    pub fn device_share_of_reads(&self) -> Option<f64> {
        let broker = self.consume_usage.as_ref()?.broker.as_ref()?;
        let bytes = self.consume.filter(|flow| flow.payload_bytes > 0)?;
        Some(broker.device_read_bytes as f64 / bytes.payload_bytes as f64)
    }

    /// Whether every record that was acknowledged came back once, in order and whole, and no answer
    /// was an error.
    pub fn is_clean(&self) -> bool {
        self.verification.is_clean() && self.errors.is_empty()
    }

    /// GB of 10^9 bytes that were produced, and with reads of the tail also those that were
    /// consumed meanwhile: what `client` and `broker` were used for.
    pub fn payload_gb(&self) -> f64 {
        let tail = self.consume.filter(|_| self.consume_usage.is_none());
        (self.produce.payload_bytes + tail.map_or(0, |flow| flow.payload_bytes)) as f64 / 1e9
    }

    /// Every figure that can be compared, in the order of a report.
    pub fn figures(&self) -> Vec<Figure> {
        let mut figures = Vec::new();
        let mut add = |name: &str, unit: &str, value: f64, better| {
            figures.push(Figure {
                name: name.into(),
                unit: unit.into(),
                value,
                better,
            });
        };
        if self.produce.records > 0 {
            add(
                "produce",
                "records/s",
                self.produce.records_per_second(),
                Better::Higher,
            );
            add(
                "produce throughput",
                "MB/s",
                self.produce.mb_per_second(),
                Better::Higher,
            );
        }
        if let Some(consume) = &self.consume {
            add(
                "consume",
                "records/s",
                consume.records_per_second(),
                Better::Higher,
            );
            add(
                "consume throughput",
                "MB/s",
                consume.mb_per_second(),
                Better::Higher,
            );
        }
        for (name, latency) in [
            ("ack", &self.ack_latency),
            ("end-to-end", &self.end_to_end_latency),
        ] {
            if let Some(latency) = latency {
                for (percentile, us) in [
                    ("p50", latency.p50_us),
                    ("p99", latency.p99_us),
                    ("p99.9", latency.p99_9_us),
                ] {
                    add(
                        &format!("{name} {percentile}"),
                        "ms",
                        us as f64 / 1000.0,
                        Better::Lower,
                    );
                }
            }
        }
        let gb = self.payload_gb();
        if let Some(broker) = self.broker.filter(|_| gb > 0.0) {
            let switches = broker.context_switches_voluntary + broker.context_switches_involuntary;
            let written = broker.device_write_bytes as f64 / (gb * 1e9);
            add("broker CPU", "s/GB", broker.cpu_s() / gb, Better::Lower);
            add(
                "broker RSS peak",
                "MB",
                broker.rss_peak_bytes as f64 / 1e6,
                Better::Lower,
            );
            add(
                "broker context switches",
                "1/MB",
                switches as f64 / (gb * 1000.0),
                Better::Lower,
            );
            add("device writes", "B/B", written, Better::Lower);
        }
        if gb > 0.0 {
            add(
                "client CPU",
                "s/GB",
                self.client.cpu_s() / gb,
                Better::Lower,
            );
        }
        if let (Some(usage), Some(consume)) = (&self.consume_usage, &self.consume)
            && consume.payload_bytes > 0
        {
            let gb = consume.payload_bytes as f64 / 1e9;
            if let Some(broker) = &usage.broker {
                add(
                    "broker CPU, consume",
                    "s/GB",
                    broker.cpu_s() / gb,
                    Better::Lower,
                );
            }
            add(
                "client CPU, consume",
                "s/GB",
                usage.client.cpu_s() / gb,
                Better::Lower,
            );
        }
        figures
    }
}
