//! The gate's answer as Markdown: what a pull request shows.

use std::fmt::Write;

use super::baseline::Baseline;
use super::decision::Verdict;
use super::text::{interval_of, number, percent, read_back, verdict, word};
use crate::stats::median;

/// `fault`: what was wrong with a run of the head.
pub(super) fn markdown(now: &Baseline, fault: Option<&str>, tolerance: f64) -> String {
    let mut out = String::new();
    let head = match now.verdict {
        Some(Verdict::NoRegressionShown) => "No regression shown",
        Some(Verdict::Regression) => "Regression",
        Some(Verdict::TooNoisy) => "Too noisy to tell",
        None => "Held against a baseline",
    };
    // Writing to a string does not fail; hence `let _` here and below.
    let _ = writeln!(out, "### {head}\n");
    if let Some(fault) = fault {
        let _ = writeln!(out, "A run of the head was not clean: {fault}\n");
    }
    if !now.brokers.is_empty() {
        out += "| instructions of the whole broker, a record | base | head | more by | |\n|---|---|---|---|---|\n";
    }
    for one in &now.brokers {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            one.workload,
            number(median(&one.base)),
            number(median(&one.head)),
            percent(one.ratio()),
            word(one.finding, false)
        );
    }
    if !now.figures.is_empty() {
        let _ = writeln!(
            out,
            "\n| {} rounds | base | head | worse by | interval | |\n|---|---|---|---|---|---|",
            now.rounds
        );
    }
    for figure in &now.figures {
        let _ = writeln!(
            out,
            "| {}: {}, {} | {} | {} | {} | {} | {} |",
            figure.workload,
            figure.name,
            figure.unit,
            number(figure.base_median),
            number(figure.head_median),
            figure.worse_by.map_or_else(String::new, percent),
            interval_of(figure),
            word(figure.finding, figure.may_stay_open)
        );
    }
    if let Some(found) = now.verdict {
        let _ = writeln!(out, "\n{}", verdict(found, tolerance));
    }
    let environment = &now.environment;
    let _ = writeln!(
        out,
        "\n{}{}, {} cores, {}",
        read_back(now.is_read_back),
        environment.cpu_model,
        environment.cores,
        environment.kernel
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::baseline::tests::baseline;
    use crate::gate::broker_count::BrokerCount;
    use crate::gate::decision::Finding;

    #[test]
    fn a_pull_request_shows_the_verdict_and_every_figure() {
        let mut now = baseline(1.1, 1000.0);
        now.verdict = Some(Verdict::Regression);
        now.brokers = vec![BrokerCount {
            workload: "produce-16k".into(),
            base: vec![1000.0, 1010.0],
            head: vec![1200.0, 1212.0],
            finding: Finding::Regressed,
        }];
        let text = markdown(&now, Some("7 records lost"), 0.05);
        for part in [
            "### Regression",
            "7 records lost",
            "| produce-16k | 1005 | 1206 | +20.0% | REGRESSED |",
            "| produce: broker CPU, s/GB |",
            "not read back",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
