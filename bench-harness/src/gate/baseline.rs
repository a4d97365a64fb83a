//! What a gate measured, kept as JSON (`perf/baselines/`), and what of it another machine may be
//! held against.
//!
//! Two things repeat across machines: instruction counts of the same toolchain, and ratios to the
//! same base under the same workload. Rates, seconds and latencies do not; they are kept for the
//! record and never compared.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::broker_count::BrokerCount;
use super::decision::{Judged, Stopped, Verdict};
use super::instructions::{CountRatio, Counts, compare};
use crate::measure::Environment;
use crate::workload::Workload;

#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    #[error("{path}: {source}")]
    File {
        path: String,
        source: std::io::Error,
    },
    #[error("{path} is not a baseline of this version: {source}")]
    Json {
        path: String,
        source: serde_json::Error,
    },
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Baseline {
    /// The machine, and the commit of the tree that the gate ran in.
    pub environment: Environment,
    /// `rustc --version`: another one makes other instructions of the same code.
    pub toolchain: String,
    /// `None`: a ready binary.
    pub base_commit: Option<String>,
    pub head_commit: Option<String>,
    /// `None`: no rounds were run.
    pub verdict: Option<Verdict>,
    pub rounds: usize,
    pub workloads: BTreeMap<String, Workload>,
    pub figures: Vec<Judged>,
    /// Of the head: instructions of one iteration.
    pub instructions: Counts,
    /// Of whole brokers, both sides.
    #[serde(default)]
    pub brokers: Vec<BrokerCount>,
    /// Whether records were read back, or only the partitions' ends looked at.
    #[serde(default)]
    pub is_read_back: bool,
    /// Why no more rounds were run.
    #[serde(default)]
    pub stopped: Option<Stopped>,
}

/// What a comparison with a stored baseline says.
#[derive(Clone, Debug, Default)]
pub(super) struct Against {
    pub counts: Vec<CountRatio>,
    /// What has become worse beyond the tolerance, in words.
    pub regressions: Vec<String>,
    pub compared: usize,
    /// What was not compared, and why.
    pub left_out: Vec<String>,
}

impl Baseline {
    pub fn read(path: &Path) -> Result<Self, BaselineError> {
        let text = std::fs::read_to_string(path).map_err(|source| BaselineError::File {
            path: path.display().to_string(),
            source,
        })?;
        serde_json::from_str(&text).map_err(|source| BaselineError::Json {
            path: path.display().to_string(),
            source,
        })
    }

    pub fn write(&self, path: &Path) -> Result<(), BaselineError> {
        let write = || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let mut text = serde_json::to_string_pretty(self)?;
            text.push('\n');
            std::fs::write(path, text)
        };
        write().map_err(|source| BaselineError::File {
            path: path.display().to_string(),
            source,
        })
    }

    /// Holds `now` against this one.
    pub fn against(&self, now: &Self, tolerance: f64, instructions_tolerance: f64) -> Against {
        let mut against = Against::default();
        against.add_counts(self, now, instructions_tolerance);
        against.add_ratios(self, now, tolerance);
        if !now.figures.is_empty() || !self.figures.is_empty() {
            let why = "rates, CPU seconds and latencies: they belong to the machine and the hour that they were measured in";
            against.left_out.push(why.into());
        }
        against
    }
}

impl Against {
    fn add_counts(&mut self, then: &Baseline, now: &Baseline, tolerance: f64) {
        if then.toolchain != now.toolchain {
            self.left_out.push(format!(
                "instruction counts: the baseline was built by {}, this by {}",
                then.toolchain, now.toolchain
            ));
            return;
        }
        let (counts, skipped) = compare(&then.instructions, &now.instructions, tolerance);
        for one in counts.iter().filter(|one| one.has_regressed) {
            let more = (one.head / one.base - 1.0) * 100.0;
            let name = &one.name;
            self.regressions.push(format!(
                "instructions of {name}: {more:.2}% more than the baseline's"
            ));
        }
        self.compared += counts.len();
        self.counts = counts;
        let words = skipped
            .iter()
            .map(|one| format!("instructions of {}: {}", one.what, one.why));
        self.left_out.extend(words);
    }

    /// A ratio is worse if its interval is beyond that of the baseline, and its estimate beyond
    /// the tolerance.
    fn add_ratios(&mut self, then: &Baseline, now: &Baseline, tolerance: f64) {
        if now.figures.is_empty() || then.figures.is_empty() {
            return;
        }
        if now.base_commit.is_none() || now.base_commit != then.base_commit {
            let why = "ratios to the base: the baseline's were taken against another base";
            self.left_out.push(why.into());
            return;
        }
        for new in &now.figures {
            let name = format!("{} {}", new.workload, new.name);
            let is_same = |old: &&Judged| old.workload == new.workload && old.name == new.name;
            let old = then.figures.iter().find(is_same);
            let workload = |of: &Baseline| {
                let found = of.workloads.get(&new.workload);
                found.and_then(|workload| serde_json::to_value(workload).ok())
            };
            if workload(then) != workload(now) {
                self.left_out
                    .push(format!("{name}: the workload has changed"));
                continue;
            }
            let intervals = old.and_then(|old| Some((old.interval?, new.interval?)));
            let estimates = old.and_then(|old| Some((old.worse_by?, new.worse_by?)));
            let (Some((old, new)), Some((before, after))) = (intervals, estimates) else {
                let why = "not on both sides with rounds enough";
                self.left_out.push(format!("{name}: {why}"));
                continue;
            };
            self.compared += 1;
            let more = after / before - 1.0;
            if new.low > old.high && more > tolerance {
                let percent = more * 100.0;
                self.regressions.push(format!(
                    "{name}: {percent:.1}% worse than the baseline's ratio to the same base"
                ));
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::gate::decision::Finding;
    use crate::outcome::Better;
    use crate::stats::Interval;

    pub fn baseline(worse_by: f64, append: f64) -> Baseline {
        Baseline {
            environment: Environment::default(),
            toolchain: "rustc 1.95".into(),
            base_commit: Some("abc".into()),
            head_commit: Some("def".into()),
            verdict: Some(Verdict::NoRegressionShown),
            rounds: 12,
            workloads: BTreeMap::new(),
            figures: vec![Judged {
                workload: "produce".into(),
                name: "broker CPU".into(),
                unit: "s/GB".into(),
                better: Better::Lower,
                base_median: 2.0,
                head_median: 2.0 * worse_by,
                worse_by: Some(worse_by),
                interval: Some(Interval {
                    low: worse_by * 0.98,
                    high: worse_by * 1.02,
                }),
                finding: Finding::Clear,
                may_stay_open: false,
            }],
            instructions: [("append".to_owned(), append)].into(),
            brokers: Vec::new(),
            is_read_back: false,
            stopped: None,
        }
    }

    #[test]
    fn counts_and_ratios_are_held_against_the_baseline_and_rates_are_not() {
        let then = baseline(1.0, 1000.0);
        let same = then.against(&baseline(1.01, 1010.0), 0.05, 0.03);
        assert_eq!((same.compared, same.regressions.len()), (2, 0));
        assert!(same.left_out[0].contains("rates"), "{same:?}");
        let worse = then.against(&baseline(1.2, 1100.0), 0.05, 0.03);
        assert!(worse.regressions[0].contains("append: 10.00%"), "{worse:?}");
        assert!(worse.regressions[1].contains("20.0% worse"), "{worse:?}");
    }

    #[test]
    fn another_toolchain_and_another_base_are_said_and_not_compared() {
        let then = baseline(1.0, 1000.0);
        let mut now = baseline(2.0, 2000.0);
        now.toolchain = "rustc 1.96".into();
        now.base_commit = Some("xyz".into());
        let against = then.against(&now, 0.05, 0.03);
        assert_eq!((against.compared, against.regressions.len()), (0, 0));
        assert_eq!(against.left_out.len(), 3);
    }

    #[test]
    fn what_is_written_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/baseline.json");
        baseline(1.1, 5.0).write(&path).unwrap();
        let read = Baseline::read(&path).unwrap();
        assert_eq!(read.figures[0].worse_by, Some(1.1));
        std::fs::write(&path, "{}").unwrap();
        let error = Baseline::read(&path).unwrap_err().to_string();
        assert!(
            error.contains("baseline.json") && error.contains("environment"),
            "{error}"
        );
    }
}
