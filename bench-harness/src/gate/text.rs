//! The gate's answer as lines for a person: every figure, then each regression in a sentence, then
//! the verdict.

use std::fmt::Write;

use super::baseline::Against;
use super::decision::{Decision, Finding, Judged, Verdict};
use super::instructions::{CountRatio, Skipped};

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
        let word = match figure.finding {
            Finding::Regressed => "REGRESSED",
            Finding::Clear => "clear",
            Finding::Open if figure.may_stay_open => "open, but not waited for",
            Finding::Open => "open",
        };
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
            format!("no regression shown: {twice:.0}% more would have been seen")
        }
        Verdict::Regression => "regression".into(),
        Verdict::TooNoisy => format!(
            "too noisy to tell: {twice:.0}% could hide in what is open; use a quieter machine, more rounds (--rounds-max) or longer workloads (--file)"
        ),
    }
}

fn percent(ratio: f64) -> String {
    format!("{:+.1}%", (ratio - 1.0) * 100.0)
}

fn interval_of(figure: &Judged) -> String {
    figure.interval.map_or_else(String::new, |interval| {
        format!("{} to {}", percent(interval.low), percent(interval.high))
    })
}

/// Four significant digits at least.
fn number(value: f64) -> String {
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
