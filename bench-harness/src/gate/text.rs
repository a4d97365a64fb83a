//! The gate's answer as lines for a person: every figure, then each regression in a sentence, then
//! the verdict.

use std::fmt::Write;

use super::baseline::Against;
use super::broker_count::BrokerCount;
use super::decision::{Decision, Finding, Judged, Rules, Stopped, Verdict};
use super::instructions::{CountRatio, Skipped};
use crate::stats::median;

// Writing to a string does not fail; hence `let _` here and below.
pub(super) fn figures(decision: &Decision) -> String {
    let mut out = String::new();
    let interval = format!("{:.2}% interval", decision.confidence * 100.0);
    let _ = writeln!(
        out,
        "{} rounds{:34} {:>10} {:>10} {:>9} {interval:>19}",
        decision.rounds, "", "base", "head", "worse by"
    );
    for figure in &decision.figures {
        let name = format!("{}: {}, {}", figure.workload, figure.name, figure.unit);
        let worse_by = figure.worse_by.map_or_else(String::new, percent);
        let word = word(figure.finding, figure.may_stay_open);
        let _ = writeln!(
            out,
            "{name:42} {:>10} {:>10} {worse_by:>9} {:>19}  {word}",
            number(figure.base_median),
            number(figure.head_median),
            interval_of(figure),
        );
    }
    out
}

pub(super) fn counts(counts: &[CountRatio]) -> String {
    let mut out = String::new();
    if !counts.is_empty() {
        let _ = writeln!(
            out,
            "{:42} {:>10} {:>10} {:>9}",
            "instructions", "base", "head", "more by"
        );
    }
    for one in counts {
        let more = format!("{:+.2}%", (one.head / one.base - 1.0) * 100.0);
        let word = if one.has_regressed {
            "REGRESSED"
        } else {
            "clear"
        };
        let (base, head) = (number(one.base), number(one.head));
        let _ = writeln!(
            out,
            "{:42} {base:>10} {head:>10} {more:>9} {:>19}  {word}",
            one.name, "exact"
        );
    }
    out
}

/// What whole brokers take for a record: medians, and how far the repeats lay apart.
pub(super) fn broker_counts(counts: &[BrokerCount]) -> String {
    let mut out = String::new();
    if !counts.is_empty() {
        let _ = writeln!(
            out,
            "{:42} {:>10} {:>10} {:>9}",
            "instructions of the whole broker, a record", "base", "head", "more by"
        );
    }
    for one in counts {
        let scatter = spread(&one.base).max(spread(&one.head));
        let more = percent(one.ratio());
        let _ = writeln!(
            out,
            "{:42} {:>10} {:>10} {more:>9} {:>19}  {}",
            one.workload,
            number(median(&one.base)),
            number(median(&one.head)),
            format!("repeats within {:.1}%", scatter * 100.0),
            word(one.finding, false),
        );
        if one.finding == Finding::Regressed {
            let _ = writeln!(
                out,
                "regression: {}: instructions of the whole broker for a record: {more}; counted {} times a side, no overlap",
                one.workload,
                one.head.len()
            );
        }
    }
    out
}

/// How far the values lie apart, as a share of their median.
fn spread(values: &[f64]) -> f64 {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    (high - low) / median(values).max(1e-9)
}

/// Before anything is measured: what could be seen.
pub(super) fn power(rules: &Rules, figures: usize, are_counted: bool) -> String {
    let effect = 2.0 * rules.tolerance;
    let at = |rounds: &usize| {
        let scatter = rules.scatter_max(*rounds, effect, figures) * 100.0;
        format!("{scatter:.1}% ({rounds} rounds)")
    };
    let looks: Vec<String> = rules.looks.iter().map(at).collect();
    let awaited = match are_counted {
        true => {
            "instructions of whole brokers, counted above; times may raise an alarm, and are not waited for"
        }
        false => {
            "figures of time, since instructions of whole brokers were not counted or tell nothing"
        }
    };
    format!(
        "power: {:.0}% more is seen in a figure, {:.0}% of the times, if the ratios of its rounds scatter by at most {}\nwhat has to be clear: {awaited}\n",
        effect * 100.0,
        (1.0 - rules.missed) * 100.0,
        looks.join(", ")
    )
}

pub(super) fn stopped(decision: &Decision) -> String {
    match decision.stopped {
        Stopped::Decided => String::new(),
        Stopped::Futile => {
            "stopped: what is open would still be open after the last round\n".into()
        }
        Stopped::OutOfTime => format!(
            "stopped: no time for more than {} rounds (--time-max)\n",
            decision.rounds
        ),
    }
}

pub(super) fn read_back(is_read_back: bool) -> &'static str {
    match is_read_back {
        true => "every record was read back and checked\n",
        false => {
            "not read back (--read-back): where partitions end was held against what was acknowledged\n"
        }
    }
}

pub(super) fn word(finding: Finding, may_stay_open: bool) -> &'static str {
    match finding {
        Finding::Regressed => "REGRESSED",
        Finding::Clear => "clear",
        Finding::Open if may_stay_open => "open, but not waited for",
        Finding::Open => "open",
    }
}

pub(super) fn skipped(skipped: &[Skipped]) -> String {
    let line = |one: &Skipped| format!("instructions skipped: {}: {}\n", one.what, one.why);
    skipped.iter().map(line).collect()
}

pub(super) fn against(against: &Against) -> String {
    let mut out = format!("against the baseline: {} compared\n", against.compared);
    out += &counts(&against.counts);
    for what in &against.left_out {
        let _ = writeln!(out, "not compared: {what}");
    }
    for what in &against.regressions {
        let _ = writeln!(out, "regression: {what}");
    }
    out
}

/// Which figures are worse, by how much, and how sure that is.
pub(super) fn regressions(decision: &Decision) -> String {
    let sentence = |figure: &Judged| {
        format!(
            "regression: {}: {}, {}: {} worse; {} with {:.2}% confidence\n",
            figure.workload,
            figure.name,
            figure.unit,
            figure.worse_by.map_or_else(String::new, percent),
            interval_of(figure),
            decision.confidence * 100.0,
        )
    };
    let regressed = decision.figures.iter();
    let regressed = regressed.filter(|figure| figure.finding == Finding::Regressed);
    regressed.map(sentence).collect()
}

pub(super) fn count_regressions(counts: &[CountRatio]) -> String {
    let regressed = counts.iter().filter(|one| one.has_regressed);
    let sentence = |one: &CountRatio| {
        let more = (one.head / one.base - 1.0) * 100.0;
        format!(
            "regression: instructions of {}: {more:.2}% more; counted, not estimated\n",
            one.name
        )
    };
    regressed.map(sentence).collect()
}

pub(super) fn verdict(verdict: Verdict, tolerance: f64) -> String {
    let twice = 200.0 * tolerance;
    match verdict {
        Verdict::NoRegressionShown => {
            format!(
                "no regression shown: {twice:.0}% more of what had to be clear would have been seen"
            )
        }
        Verdict::Regression => "regression".into(),
        Verdict::TooNoisy => format!(
            "too noisy to tell: {twice:.0}% could hide in what is open; use a quieter machine, more rounds (--rounds-max) or longer workloads (--file)"
        ),
    }
}

pub(super) fn percent(ratio: f64) -> String {
    format!("{:+.1}%", (ratio - 1.0) * 100.0)
}

pub(super) fn interval_of(figure: &Judged) -> String {
    figure.interval.map_or_else(String::new, |interval| {
        format!("{} to {}", percent(interval.low), percent(interval.high))
    })
}

/// Four significant digits at least.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 1000.0 => format!("{value:.0}"),
        large if large >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Better;
    use crate::stats::Interval;

    #[test]
    fn a_regression_says_which_figure_how_much_and_how_sure() {
        let decision = Decision {
            verdict: Verdict::Regression,
            rounds: 12,
            stopped: Stopped::Decided,
            confidence: 0.9993,
            figures: vec![Judged {
                workload: "produce-16k".into(),
                name: "broker CPU".into(),
                unit: "s/GB".into(),
                better: Better::Lower,
                base_median: 2.0,
                head_median: 2.2,
                worse_by: Some(1.098),
                interval: Some(Interval {
                    low: 1.07,
                    high: 1.13,
                }),
                finding: Finding::Regressed,
                may_stay_open: false,
            }],
        };
        let line = regressions(&decision);
        for part in [
            "produce-16k",
            "broker CPU",
            "+9.8%",
            "+7.0% to +13.0%",
            "99.93%",
        ] {
            assert!(line.contains(part), "{line}");
        }
        assert!(figures(&decision).contains("REGRESSED"));
    }
}
