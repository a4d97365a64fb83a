//! What went through, and what it cost, between two moments of a run.
//!
//! All figures of a window come from the same two samples, so that rates, bytes and CPU time speak
//! of the same time, however late the sampling thread was woken. What is acknowledged before or
//! after the window belongs to neither.

use std::collections::BTreeMap;

use super::control::Count;
use crate::outcome::{Flow, Phase, Usage};

/// CPU time of each thread of the load generator, by its id, in ns.
pub(super) type ThreadTimes = BTreeMap<u32, u64>;

#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    pub at_ns: u64,
    pub acked: Count,
    pub consumed: Count,
    pub usage: Phase,
    pub threads: ThreadTimes,
}

#[derive(Clone, Debug)]
pub(super) struct Window {
    pub produce: Flow,
    pub consume: Flow,
    pub usage: Phase,
    /// The share of the window that the busiest thread of the load generator was on a CPU.
    pub busiest_thread: Option<f64>,
    from_ns: u64,
}

impl Window {
    pub(super) fn between(from: &Sample, to: &Sample) -> Self {
        assert!(to.at_ns >= from.at_ns, "a window ends after it has begun");
        let ns = to.at_ns - from.at_ns;
        let flow = |from: &Count, to: &Count| Flow {
            records: to.records - from.records,
            payload_bytes: to.payload_bytes - from.payload_bytes,
            requests: to.requests - from.requests,
            seconds: ns as f64 / 1e9,
        };
        let broker = from.usage.broker.as_ref().zip(to.usage.broker.as_ref());
        let busy = to.threads.iter().filter_map(|(id, used)| {
            let before = from.threads.get(id).copied().unwrap_or(0);
            (ns > 0).then(|| used.saturating_sub(before) as f64 / ns as f64)
        });
        Self {
            produce: flow(&from.acked, &to.acked),
            consume: flow(&from.consumed, &to.consumed),
            usage: Phase {
                client: Usage::between(&from.usage.client, &to.usage.client),
                broker: broker.map(|(from, to)| Usage::between(from, to)),
            },
            busiest_thread: busy.max_by(f64::total_cmp),
            from_ns: from.at_ns,
        }
    }

    /// With flows that end when their last record was through, which somebody noticed later.
    pub(super) fn ending(mut self, acked_ns: u64, consumed_ns: u64) -> Self {
        for (flow, last_ns) in [
            (&mut self.produce, acked_ns),
            (&mut self.consume, consumed_ns),
        ] {
            let seconds = last_ns.saturating_sub(self.from_ns) as f64 / 1e9;
            flow.seconds = flow.seconds.min(seconds);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// A broker that acknowledges a record of 1,000 bytes every `period_ns`, each `latency_ns`
    /// after it was sent, and uses `cpu_ns` for it when it acknowledges it. Sending ends at
    /// `until_ns`; what is in flight by then is acknowledged afterwards.
    struct Recording {
        period_ns: u64,
        latency_ns: u64,
        cpu_ns: u64,
        until_ns: u64,
    }

    impl Recording {
        fn at(&self, at_ns: u64) -> Sample {
            let acked_at = at_ns.min(self.until_ns + self.latency_ns);
            let records = acked_at.saturating_sub(self.latency_ns) / self.period_ns;
            let broker = Usage {
                cpu_user_s: (records * self.cpu_ns) as f64 / 1e9,
                ..Usage::default()
            };
            Sample {
                at_ns,
                acked: Count {
                    records,
                    payload_bytes: records * 1000,
                    ..Count::default()
                },
                usage: Phase {
                    broker: Some(broker),
                    ..Phase::default()
                },
                ..Sample::default()
            }
        }
    }

    /// The bias that this counting does away with: sent over the time with the drain.
    fn sent_over_the_whole_time(recording: &Recording, from: u64) -> f64 {
        let sent = (recording.until_ns - from) / recording.period_ns;
        let seconds = (recording.until_ns + recording.latency_ns - from) as f64 / 1e9;
        sent as f64 / seconds
    }

    #[test]
    fn a_long_drain_does_not_lower_the_rate() {
        let (from, until) = (SECOND, 3 * SECOND);
        for latency_ns in [SECOND / 1000, SECOND / 2] {
            let recording = Recording {
                period_ns: SECOND / 10_000,
                latency_ns,
                cpu_ns: 20_000,
                until_ns: until,
            };
            let window = Window::between(&recording.at(from), &recording.at(until));
            let rate = window.produce.records_per_second();
            assert!((rate - 10_000.0).abs() < 10.0, "{rate} at {latency_ns}");
        }
        let slow = Recording {
            period_ns: SECOND / 10_000,
            latency_ns: SECOND / 2,
            cpu_ns: 0,
            until_ns: until,
        };
        assert!(sent_over_the_whole_time(&slow, from) < 8_100.0);
    }

    #[test]
    fn cpu_is_charged_to_the_bytes_of_the_same_time() {
        let recording = Recording {
            period_ns: SECOND / 10_000,
            latency_ns: SECOND / 2,
            cpu_ns: 20_000,
            until_ns: 3 * SECOND,
        };
        // However late the samples are: 20 µs for 1,000 bytes are 20 s/GB.
        for late_ns in [0, 7_000_000, 90_000_000] {
            let from = recording.at(SECOND + late_ns);
            let window = Window::between(&from, &recording.at(3 * SECOND + late_ns));
            let cpu_s = window.usage.broker.map_or(0.0, |usage| usage.cpu_s());
            let per_gb = cpu_s / (window.produce.payload_bytes as f64 / 1e9);
            assert!((per_gb - 20.0).abs() < 0.01, "{per_gb} at {late_ns}");
        }
    }

    #[test]
    fn the_busiest_thread_counts_and_one_that_began_meanwhile_too() {
        let sample = |at_ns, threads: &[(u32, u64)]| Sample {
            at_ns,
            threads: threads.iter().copied().collect(),
            ..Sample::default()
        };
        let from = sample(SECOND, &[(1, 5 * SECOND), (2, 0)]);
        let to = sample(
            3 * SECOND,
            &[(1, 6 * SECOND), (2, SECOND / 10), (3, 19 * SECOND / 10)],
        );
        let window = Window::between(&from, &to);
        assert_eq!(window.busiest_thread, Some(0.95));
    }
}
