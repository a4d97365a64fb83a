//! Instructions of a whole broker for each record, by callgrind: what the broker does beside its
//! hot functions counts, too, and neither the machine's other guests nor its clock do.
//!
//! Both sides run below valgrind in turn, each [`REPEATS`] times with few and with more
//! records; what the second has more is the cost of the records in between, without start and end
//! of the process. Counts of one broker scatter by a percent or two, since how many records meet in
//! a group is up to the machine. Hence the rule needs no statistics, but distance: see [`judge`].
//!
//! Hardware counters would be exact and cheaper, but virtual machines seldom have them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::decision::Finding;
use super::instructions::{COPY_BY_VECTORS, Skipped, total};
use crate::brokers::{BrokerError, LocalBroker};
use crate::compare::Side;
use crate::load::{LoadError, Progress, run};
use crate::stats::median;
use crate::workload::{Reads, Span, Workload};

pub(super) const REPEATS: usize = 3;

/// Records of the smaller and the larger run.
const RECORDS: (u64, u64) = (20_000, 80_000);

const RING: &str = include_str!("ring_for_valgrind.c");

#[derive(Debug, thiserror::Error)]
pub enum CountError {
    #[error("{0}")]
    Tool(String),
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("a run below valgrind was not clean: {0}")]
    Unclean(String),
}

/// What one workload costs on both sides, in instructions for each record.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct BrokerCount {
    pub workload: String,
    pub base: Vec<f64>,
    pub head: Vec<f64>,
    pub finding: Finding,
}

impl BrokerCount {
    fn new(workload: &str, base: Vec<f64>, head: Vec<f64>, tolerance: f64) -> Self {
        Self {
            workload: workload.to_owned(),
            finding: judge(&base, &head, tolerance),
            base,
            head,
        }
    }

    pub fn ratio(&self) -> f64 {
        median(&self.head) / median(&self.base)
    }
}

/// Regressed if even the cheapest run of the head costs more than the dearest of the base, and the
/// medians lie further apart than is tolerated. Clear if the head's dearest run costs less than
/// twice the tolerance more than the base's cheapest. Else open.
fn judge(base: &[f64], head: &[f64], tolerance: f64) -> Finding {
    let ends = |values: &[f64]| {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        (low, values.iter().copied().fold(0.0, f64::max))
    };
    let ((base_low, base_high), (head_low, head_high)) = (ends(base), ends(head));
    if base.is_empty() || head.is_empty() || base_low <= 0.0 {
        Finding::Open
    } else if head_low > base_high && median(head) > median(base) * (1.0 + tolerance) {
        Finding::Regressed
    } else if head_high < base_low * (1.0 + 2.0 * tolerance) {
        Finding::Clear
    } else {
        Finding::Open
    }
}

/// Counts `workloads` on two built brokers. What cannot be counted is said, not failed.
pub(super) fn count_brokers(
    (base, head): (Option<&Path>, Option<&Path>),
    workloads: &[(String, Workload)],
    place: &Path,
    tolerance: f64,
) -> Result<(Vec<BrokerCount>, Vec<Skipped>), CountError> {
    let skipped = |why: &str| {
        let what = "whole brokers".to_owned();
        let why = why.to_owned();
        Ok((Vec::new(), vec![Skipped { what, why }]))
    };
    let (Some(base), Some(head)) = (base, head) else {
        return skipped("only built brokers run below valgrind, not commands");
    };
    let tools = match Tools::make() {
        Ok(tools) => tools,
        Err(error) => return skipped(&error.to_string()),
    };
    let mut counts = Vec::new();
    for (name, workload) in workloads {
        let (mut of_base, mut of_head) = (Vec::new(), Vec::new());
        for repeat in 0..REPEATS {
            let order = match repeat % 2 {
                0 => [Side::A, Side::B],
                _ => [Side::B, Side::A],
            };
            for side in order {
                let (broker, counts) = match side {
                    Side::A => (base, &mut of_base),
                    Side::B => (head, &mut of_head),
                };
                counts.push(tools.per_record(broker, workload, place)?);
            }
            eprintln!(
                "counting instructions: brokers, {name}, {}/{REPEATS}",
                repeat + 1
            );
        }
        counts.push(BrokerCount::new(name, of_base, of_head, tolerance));
    }
    Ok((counts, Vec::new()))
}

/// What it takes to run a broker below valgrind.
struct Tools {
    folder: tempfile::TempDir,
    ring: PathBuf,
}

impl Tools {
    fn make() -> Result<Self, CountError> {
        let tool = |what: &'static str| {
            move |error: std::io::Error| CountError::Tool(format!("{what}: {error}"))
        };
        let folder = tempfile::tempdir().map_err(tool("a temporary directory"))?;
        let (source, ring) = (folder.path().join("ring.c"), folder.path().join("ring.so"));
        std::fs::write(&source, RING).map_err(tool("a temporary directory"))?;
        let mut cc = Command::new("cc");
        cc.args(["-O2", "-shared", "-fPIC", "-o"]).arg(&ring);
        let built = cc.arg(&source).arg("-ldl").output();
        let built = built.map_err(tool("cc cannot be run"))?;
        if !built.status.success() {
            let said = String::from_utf8_lossy(&built.stderr).into_owned();
            return Err(CountError::Tool(format!("cc: {said}")));
        }
        let valgrind = Command::new("valgrind").arg("--version").output();
        valgrind.map_err(tool("valgrind cannot be run"))?;
        Ok(Self { folder, ring })
    }

    fn per_record(
        &self,
        broker: &Path,
        workload: &Workload,
        place: &Path,
    ) -> Result<f64, CountError> {
        let (few, more) = RECORDS;
        let first = self.count(broker, workload, few, place)?;
        let second = self.count(broker, workload, more, place)?;
        Ok(second.saturating_sub(first) as f64 / (more - few) as f64)
    }

    /// All instructions of a broker that starts, takes so many records, and stops.
    fn count(
        &self,
        broker: &Path,
        workload: &Workload,
        records: u64,
        place: &Path,
    ) -> Result<u64, CountError> {
        let counts = self.folder.path().join("counts");
        let command = format!(
            "env 'LD_PRELOAD={}' GLIBC_TUNABLES={COPY_BY_VECTORS} valgrind --tool=callgrind \
             '--callgrind-out-file={}' '{}' start --set listeners=PLAINTEXT://127.0.0.1:{{port}} \
             --set log.dirs={{data}} --set naru.shards=1",
            self.ring.display(),
            counts.display(),
            broker.display()
        );
        let running = LocalBroker::start(&command, place)?;
        let outcome = run(
            running.bootstrap(),
            &of_records(workload, records),
            &Progress::hidden(),
        )?;
        drop(running);
        if !outcome.is_clean() {
            return Err(CountError::Unclean(outcome.faults().join(", ")));
        }
        let text = std::fs::read_to_string(&counts);
        let text = text.map_err(|error| CountError::Tool(format!("callgrind: {error}")))?;
        total(&text).ok_or_else(|| CountError::Tool("callgrind wrote no total".into()))
    }
}

/// A closed loop over so many records: what is counted is what they cost, however long they take.
fn of_records(workload: &Workload, records: u64) -> Workload {
    // Readers of the tail wait, and how often they are woken is up to the machine.
    let consumers = match workload.reads {
        Reads::Cold => workload.consumers,
        Reads::Tail => 0,
    };
    Workload {
        records: Some(records),
        rate: None,
        warm_up: Span(std::time::Duration::ZERO),
        consumers,
        groups: 0,
        ..workload.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_do_not_overlap_and_lie_apart_are_a_regression() {
        let base = [1000.0, 1012.0, 990.0];
        let head = |factor: f64| base.map(|count| count * factor);
        assert_eq!(judge(&base, &head(1.2), 0.05), Finding::Regressed);
        assert_eq!(judge(&base, &head(1.0), 0.05), Finding::Clear);
        assert_eq!(judge(&base, &head(0.5), 0.05), Finding::Clear);
        // Beyond doubt, but tolerated.
        assert_eq!(judge(&base, &head(1.04), 0.05), Finding::Clear);
        // Neither shown nor ruled out.
        assert_eq!(judge(&base, &[1000.0, 1200.0, 1100.0], 0.05), Finding::Open);
        assert_eq!(judge(&base, &[], 0.05), Finding::Open);
    }

    #[test]
    fn commands_are_not_counted_and_that_is_said() {
        let counted = count_brokers((None, None), &[], Path::new("/tmp"), 0.05);
        let why = counted.map(|(_, skipped)| skipped[0].why.clone());
        assert!(why.is_ok_and(|why| why.contains("commands")));
    }
}
