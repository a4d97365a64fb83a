//! An outcome as lines for a person.

use std::fmt::Write;

use crate::limits::{Bound, Limits, binding};
use crate::outcome::{Flow, Latency, Outcome, Phase, Usage};

/// The result of a run.
pub fn describe(outcome: &Outcome) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut out, outcome);
    out
}

/// Each figure as a share of what the machine could do at most.
pub fn describe_bounds(limits: Option<&Limits>, outcome: &Outcome) -> String {
    let Some(limits) = limits else {
        return "limits      not measured: `naru-bench limits --dir DIR` does\n".into();
    };
    let bounds = binding(limits, outcome).into_iter().map(|bound| {
        let Bound {
            figure,
            limit,
            limit_value,
            unit,
            percent,
        } = bound;
        format!("limits      {figure}: {percent:.0}% of {limit_value:.4} {unit}, {limit}\n")
    });
    bounds.collect()
}

fn write_all(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    let workload = &outcome.workload;
    writeln!(
        out,
        "{} records, acks={}, {} partition(s), batches of {}, {}",
        workload.size,
        workload.acks,
        workload.partitions * workload.topics,
        workload.batch_size,
        match workload.rate {
            Some(rate) => format!("{rate} records/s (open loop)"),
            None => "as fast as it goes (closed loop)".into(),
        }
    )?;
    flow(out, "produced", &outcome.produce)?;
    if let Some(consume) = &outcome.consume {
        flow(out, "consumed", consume)?;
    }
    let has_slipped = outcome
        .schedule
        .is_some_and(|schedule| schedule.has_slipped);
    for (name, summary) in [
        ("ack", &outcome.ack_latency),
        ("end-to-end", &outcome.end_to_end_latency),
    ] {
        if let Some(summary) = summary {
            latency(out, name, summary, has_slipped)?;
        }
    }
    if let Some(schedule) = &outcome.schedule {
        writeln!(
            out,
            "schedule    {:.2}% of the records late by more than 1 ms, at most {:.1} ms{}",
            schedule.slipped_share * 100.0,
            schedule.slip_us_max as f64 / 1000.0,
            if has_slipped {
                ": the load generator did not keep up, percentiles do not hold"
            } else {
                ""
            }
        )?;
    }
    let phase = Phase {
        client: outcome.client,
        broker: outcome.broker,
    };
    usages(out, &phase, outcome.payload_gb())?;
    if let (Some(cold), Some(consume)) = (&outcome.consume_usage, &outcome.consume) {
        writeln!(out, "while reading what had been written:")?;
        usages(out, cold, consume.payload_bytes as f64 / 1e9)?;
    }
    if outcome.consume.is_some() && workload.verify {
        let found = &outcome.verification;
        writeln!(
            out,
            "verified    {} records: {} lost, {} doubled, {} reordered, {} damaged",
            found.checked, found.lost, found.doubled, found.reordered, found.damaged
        )?;
    }
    for (error, count) in &outcome.errors {
        writeln!(out, "error       {count} times: {error}")?;
    }
    Ok(())
}

fn flow(out: &mut String, name: &str, flow: &Flow) -> std::fmt::Result {
    writeln!(
        out,
        "{name:11} {:.0} records/s, {:.1} MB/s: {} records in {:.2} s",
        flow.records_per_second(),
        flow.mb_per_second(),
        flow.records,
        flow.seconds,
    )
}

fn latency(out: &mut String, name: &str, latency: &Latency, has_slipped: bool) -> std::fmt::Result {
    let ms = |us: u64| us as f64 / 1000.0;
    writeln!(
        out,
        "{name:11} p50 {:.2}  p90 {:.2}  p99 {:.2}  p99.9 {:.2}  max {:.2} ms{}",
        ms(latency.p50_us),
        ms(latency.p90_us),
        ms(latency.p99_us),
        ms(latency.p99_9_us),
        ms(latency.max_us),
        if has_slipped {
            "  (schedule slipped)"
        } else {
            ""
        }
    )
}

fn usages(out: &mut String, phase: &Phase, gb: f64) -> std::fmt::Result {
    if let Some(broker) = &phase.broker {
        usage(out, "broker", broker, gb)?;
    }
    usage(out, "client", &phase.client, gb)
}

fn usage(out: &mut String, name: &str, usage: &Usage, gb: f64) -> std::fmt::Result {
    let gb = gb.max(1e-9);
    writeln!(
        out,
        "{name:11} {:.2} CPU s/GB (user {:.2}, system {:.2}), RSS {:.0} MB, peak {:.0} MB, \
         {} + {} context switches (voluntary + not), {:.3} GB written to the device",
        usage.cpu_s() / gb,
        usage.cpu_user_s / gb,
        usage.cpu_system_s / gb,
        usage.rss_bytes as f64 / 1e6,
        usage.rss_peak_bytes as f64 / 1e6,
        usage.context_switches_voluntary,
        usage.context_switches_involuntary,
        usage.device_write_bytes as f64 / 1e9,
    )
}
