//! An outcome as lines for a person.

use std::fmt::Write;

use crate::limits::{Bound, Limits, binding};
use crate::outcome::{CACHED_SHARE_MAX, Flow, Latency, Outcome, Phase, Usage};
use crate::workload::Acks;

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
    if let Some(warm_up) = &outcome.warm_up {
        writeln!(
            out,
            "warm-up     {:.1} s, {} (drift {:+.1}%)",
            warm_up.seconds,
            if warm_up.is_steady {
                "then steady"
            } else {
                "NOT STEADY: the figures are of a load that was still changing"
            },
            warm_up.drift * 100.0
        )?;
    }
    let has_slipped = outcome.has_slipped();
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
            "schedule    {:.2}% of the records late by more than 1 ms, at most {:.1} ms; {} never sent{}",
            schedule.slipped_share * 100.0,
            schedule.slip_us_max as f64 / 1000.0,
            schedule.unsent,
            if has_slipped {
                ": the schedule was not kept, percentiles do not hold"
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
        writeln!(out, "{}", cold_reads(outcome.device_share_of_reads()))?;
        usages(out, cold, consume.payload_bytes as f64 / 1e9)?;
    }
    if let Some(share) = outcome.busiest_thread.filter(|_| outcome.is_bench_busy()) {
        writeln!(
            out,
            "client      a thread of the load generator was busy for {:.0}% of the time: these are its \
             limits, not the broker's; say --threads",
            share * 100.0
        )?;
    }
    verified(out, outcome)?;
    for (error, count) in &outcome.errors {
        writeln!(out, "error       {count} times: {error}")?;
    }
    Ok(())
}

/// What a reader that comes later is measured at.
fn cold_reads(device_share: Option<f64>) -> String {
    match device_share {
        None => "while reading what had been written:".into(),
        Some(share) if share < CACHED_SHARE_MAX => format!(
            "while catching up on what had been written ({:.0}% came from the device, the rest from memory):",
            share * 100.0
        ),
        Some(share) => format!(
            "while reading cold what had been written ({:.0}% of it came from the device):",
            share * 100.0
        ),
    }
}

fn verified(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    let found = &outcome.verification;
    let counts = found
        .faults()
        .map(|(what, count)| format!("{count} {what}"));
    let [
        lost,
        doubled,
        reordered,
        damaged,
        misplaced,
        mistimed,
        short,
        surplus,
    ] = &counts;
    if found.is_read_back {
        writeln!(
            out,
            "verified    {} records read back: {lost}, {doubled}, {reordered}, {damaged}, {misplaced}, {mistimed}",
            found.checked
        )?;
        if found.foreign > 0 {
            writeln!(out, "            and {} of another run", found.foreign)?;
        }
    } else {
        writeln!(out, "verified    not read back: say --consumers 1")?;
    }
    if outcome.workload.acks == Acks::None {
        return writeln!(
            out,
            "            acks=0: where the partitions end proves nothing"
        );
    }
    writeln!(
        out,
        "            ends of the partitions: {short}, {surplus}"
    )
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
