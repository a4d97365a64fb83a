//! Runs what a plan still lacks, and says how long the rest will take.

use std::time::{Duration, Instant};

use super::error::SweepError;
use super::plan::Cell;
use super::store::{Run, Store};
use crate::kafka::KafkaError;
use crate::load::LoadError;
use crate::outcome::Outcome;
use crate::report::significant;
use crate::workload::Workload;

/// The runs of this process, as a measure for those to come.
struct Pace {
    begun: Instant,
    runs: u32,
}

impl Pace {
    /// Before anything has run, what the workloads say; `None` for those that end after a count.
    fn remaining(&self, cells: &[(u32, Cell)]) -> Option<Duration> {
        if self.runs > 0 {
            let each = self.begun.elapsed() / self.runs;
            return Some(each * u32::try_from(cells.len()).unwrap_or(u32::MAX));
        }
        let planned = |workload: &Workload| {
            let is_timed = workload.records.is_none();
            is_timed.then_some(workload.warm_up.0 + workload.duration.0)
        };
        cells.iter().map(|(_, cell)| planned(&cell.workload)).sum()
    }
}

/// Whether no other cell would do better.
fn ends_the_sweep(error: &LoadError) -> bool {
    matches!(
        error,
        LoadError::Interrupted | LoadError::Kafka(KafkaError::Unreachable { .. })
    )
}

/// `run` gets a title for its progress. A run that fails is kept as such, and the next one begins;
/// the same command tries it again.
pub(super) fn drive(
    store: &mut Store,
    mut run: impl FnMut(&str, &Workload) -> Result<Outcome, LoadError>,
) -> Result<(), SweepError> {
    let all = store.plan.order().len();
    let to_do = unfinished(store);
    let mut pace = Pace {
        begun: Instant::now(),
        runs: 0,
    };
    for (index, (round, cell)) in to_do.iter().enumerate() {
        let name = store.plan.name(cell);
        let number = all - to_do.len() + index + 1;
        let left = pace
            .remaining(&to_do[index..])
            .map_or(String::new(), |left| {
                let left = Duration::from_secs(left.as_secs().max(1));
                format!(", {} left", humantime::format_duration(left))
            });
        let title = format!("[{number}/{all}{left}] {name}, round {round}");
        let ran = match run(&title, &cell.workload) {
            Ok(outcome) => {
                eprintln!("[{number}/{all}] {name}, round {round}: {}", line(&outcome));
                Run {
                    cell: name,
                    round: *round,
                    outcome,
                }
            }
            Err(source) if ends_the_sweep(&source) => {
                let run = format!("{name}, round {round}");
                return Err(SweepError::Run { run, source });
            }
            Err(source) => {
                eprintln!("[{number}/{all}] {name}, round {round}: FAILED: {source}");
                Run::failed(name, *round, &cell.workload, source.to_string())
            }
        };
        store.append(ran)?;
        pace.runs += 1;
    }
    Ok(())
}

fn unfinished(store: &Store) -> Vec<(u32, Cell)> {
    let finished = store.finished();
    let order = store.plan.order().into_iter();
    order
        .filter(|(round, cell)| !finished.contains(&(store.plan.name(cell), *round)))
        .map(|(round, cell)| (round, cell.clone()))
        .collect()
}

fn line(outcome: &Outcome) -> String {
    let clean = if outcome.is_clean() {
        ""
    } else {
        ", NOT CLEAN"
    };
    format!(
        "{} records/s, {} MB/s{clean}",
        significant(outcome.produce.records_per_second()),
        significant(outcome.produce.mb_per_second()),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sweep::plan::tests::SIX_CELLS;
    use crate::sweep::store::tests::open;
    use crate::sweep::summary::summaries;
    use crate::sweep::summary::tests::outcome;

    fn title_of_run(title: &str) -> String {
        title.split("] ").nth(1).unwrap().to_owned()
    }

    #[test]
    fn a_sweep_that_was_stopped_goes_on_with_what_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let mut seen = Vec::new();
        let mut store = open(dir.path(), SIX_CELLS).unwrap();
        let error = drive(&mut store, |title, workload| {
            if seen.len() == 7 {
                return Err(LoadError::Interrupted);
            }
            seen.push(title_of_run(title));
            Ok(outcome(workload, 1000))
        });
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("interrupted") && error.contains("goes on"),
            "{error}"
        );
        drop(store);

        let mut store = open(dir.path(), SIX_CELLS).unwrap();
        drive(&mut store, |title, workload| {
            assert!(title.contains("/18"), "{title}");
            seen.push(title_of_run(title));
            Ok(outcome(workload, 1000))
        })
        .unwrap();
        assert_eq!(seen.len(), 18);
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 18);

        drive(&mut store, |_, _| panic!("nothing is left to run")).unwrap();
    }

    #[test]
    fn a_cell_that_fails_is_shown_as_failed_and_tried_again_by_the_same_command() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path(), SIX_CELLS).unwrap();
        let mut runs = 0;
        drive(&mut store, |_, workload| {
            runs += 1;
            if runs == 3 {
                return Err(LoadError::TooSmallToVerify(5));
            }
            Ok(outcome(workload, 1000))
        })
        .unwrap();
        let failed = store.runs[2].cell.clone();
        assert!(store.runs.len() == 18 && store.runs[2].has_failed());
        let of_it = |store: &Store| {
            let all = summaries(&store.plan, &store.runs);
            let of_it = all.into_iter().find(|s| store.plan.name(s.cell) == failed);
            let of_it = of_it.unwrap();
            (of_it.faults(), of_it.figures[0].median)
        };
        let (faults, median) = of_it(&store);
        assert!(faults.contains("cannot carry"), "{faults}");
        assert_eq!(median, 1000.0);

        let mut again = 0;
        drive(&mut store, |_, workload| {
            again += 1;
            Ok(outcome(workload, 1000))
        })
        .unwrap();
        assert_eq!((again, of_it(&store).0), (1, String::new()));
    }

    #[test]
    fn before_the_first_run_the_workloads_say_how_long_it_takes() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path(), SIX_CELLS).unwrap();
        let mut titles = Vec::new();
        let _ = drive(&mut store, |title, _| {
            titles.push(title.to_owned());
            Err(LoadError::Interrupted)
        });
        assert!(titles[0].starts_with("[1/18, 3m 36s left] "), "{titles:?}");
    }
}
