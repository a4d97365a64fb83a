//! A comparison as lines for a person.

use std::fmt::Write;

use super::rounds::{Comparison, FigureComparison, Side};
use crate::outcome::{CACHED_SHARE_MAX, Outcome};
use crate::stats::{Ratio, median};

/// Medians, ratio with its interval, and what that shows.
pub(super) fn table(names: (&str, &str), figures: &[FigureComparison]) -> String {
    let mut out = String::new();
    let (a, b) = names;
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "{:34} {a:>12} {b:>12} {:>9} {:>17}",
        "",
        format!("{b}/{a}"),
        "95% interval"
    );
    for figure in figures {
        let name = format!("{}, {}", figure.name, figure.unit);
        let mut verdict = match &figure.ratio {
            Some(ratio) if ratio.interval.is_none() => "too few rounds".to_owned(),
            Some(_) => format!("{b} {}", figure.verdict.words()),
            None => "not to be compared".to_owned(),
        };
        if figure.slipped_pairs > 0 {
            let _ = write!(
                verdict,
                " ({} pairs slipped, left out)",
                figure.slipped_pairs
            );
        }
        let verdict = verdict.replace(&format!("{b} no difference"), "no difference");
        let _ = writeln!(
            out,
            "{name:34} {:>12} {:>12} {:>27}  {verdict}",
            number(figure.a_median),
            number(figure.b_median),
            figure.ratio.as_ref().map_or_else(String::new, ratio_text),
        );
    }
    out
}

/// What a reader of the table has to know.
pub(super) fn notes((a, b): (&str, &str), runs: &Comparison) -> String {
    let mut out = String::new();
    // Writing to a string does not fail; hence `let _` here and below.
    for (round, side, schedule) in runs.slips() {
        let name = if side == Side::A { a } else { b };
        let _ = writeln!(
            out,
            "round {round}, {name}: schedule slipped: {:.2}% late by more than 1 ms, at most {:.1} ms, {} never sent",
            schedule.slipped_share * 100.0,
            schedule.slip_us_max as f64 / 1000.0,
            schedule.unsent
        );
    }
    for (name, runs) in [(a, &runs.a), (b, &runs.b)] {
        let count = |is_it: fn(&Outcome) -> bool| runs.iter().filter(|run| is_it(run)).count();
        let unsteady = count(|run| run.warm_up.is_some_and(|warm_up| !warm_up.is_steady));
        let busy = count(Outcome::is_bench_busy);
        for (count, what) in [
            (unsteady, "the load was not steady when it was measured"),
            (
                busy,
                "a thread of the load generator was busy: its limit, not the broker's",
            ),
        ] {
            if count > 0 {
                let _ = writeln!(out, "{name}: {what}, in {count} of {} runs", runs.len());
            }
        }
        let shares: Vec<f64> = runs
            .iter()
            .filter_map(Outcome::device_share_of_reads)
            .collect();
        if !shares.is_empty() {
            let share = median(&shares);
            let what = match share < CACHED_SHARE_MAX {
                true => "catch-up, served from memory",
                false => "cold reads",
            };
            let _ = writeln!(
                out,
                "{name}: {:.0}% of what was read later came from the device: {what}",
                share * 100.0
            );
        }
    }
    if !runs
        .a
        .iter()
        .chain(&runs.b)
        .all(|run| run.verification.is_read_back)
    {
        let _ = writeln!(
            out,
            "not read back: only where the partitions end was looked at"
        );
    }
    out
}

fn ratio_text(ratio: &Ratio) -> String {
    match ratio.interval {
        Some(interval) => format!(
            "{:9.3} {:>17}",
            ratio.estimate,
            format!("{:.3} to {:.3}", interval.low, interval.high)
        ),
        None => format!("{:9.3} {:>17}", ratio.estimate, ""),
    }
}

/// Four significant digits at least.
fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 1000.0 => format!("{value:.0}"),
        large if large >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}
