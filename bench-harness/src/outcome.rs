//! What a run measured: the figures that every command prints, plots, compares and stores.

use serde::{Deserialize, Serialize};

use crate::workload::Workload;

/// One run against one broker. All figures leave the warm-up out.
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
    /// The load generator itself could not keep up: percentiles say more about it than about the
    /// broker.
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

/// What the check of every record found. `doubled`, `reordered`, `damaged` and `lost` are records.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Verification {
    pub checked: u64,
    pub lost: u64,
    pub doubled: u64,
    pub reordered: u64,
    pub damaged: u64,
}

impl Verification {
    pub fn is_clean(&self) -> bool {
        self.lost + self.doubled + self.reordered + self.damaged == 0
    }
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

impl Outcome {
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
