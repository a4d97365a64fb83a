//! The directory of a sweep: `plan.json`, and `runs.jsonl` with a line for each finished run.
//!
//! Invariants: a run is on disk before the next one begins; runs of two plans never mix; one
//! process writes at a time. A last line without its end was being written when the process died,
//! and is cut.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::SweepError;
use super::plan::Plan;
use super::setting::Setting;
use crate::outcome::Outcome;
use crate::workload::Workload;

pub(super) const SCHEMA_VERSION: u32 = 1;

/// One finished run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Run {
    /// [`Plan::name`]
    pub cell: String,
    /// From 1.
    pub round: u32,
    pub outcome: Outcome,
}

impl Run {
    /// One that came to no result.
    pub fn failed(cell: String, round: u32, workload: &Workload, error: String) -> Self {
        Self {
            cell,
            round,
            outcome: Outcome {
                errors: vec![(error, 1)],
                ..Outcome::of(workload)
            },
        }
    }

    pub fn has_failed(&self) -> bool {
        self.outcome.produce.records == 0 && !self.outcome.errors.is_empty()
    }
}

/// `plan.json`.
#[derive(Deserialize, Serialize)]
struct Begun {
    schema_version: u32,
    plan: Plan,
    setting: Setting,
}

pub(super) struct Store {
    dir: PathBuf,
    /// Locked as long as it is open.
    file: File,
    pub plan: Plan,
    pub setting: Setting,
    pub runs: Vec<Run>,
}

impl Store {
    /// Begins a sweep in `dir`, or goes on with the one that is there.
    ///
    /// # Errors
    /// When another plan is there, another process writes there, or what is there does not read.
    pub fn open(
        dir: &Path,
        plan: Plan,
        setting: impl FnOnce() -> Result<Setting, SweepError>,
    ) -> Result<Self, SweepError> {
        fs::create_dir_all(dir).map_err(SweepError::file(dir))?;
        let mut file = locked(dir)?;
        let begun = match begun(dir)? {
            Some(begun) => {
                if let Some(difference) = difference(&begun.plan, &plan) {
                    return Err(SweepError::OtherPlan {
                        dir: dir.to_owned(),
                        difference,
                    });
                }
                begun
            }
            None => begin(dir, plan, setting()?)?,
        };
        let runs = read_runs(&mut file, &dir.join(RUNS))?;
        Ok(Self {
            dir: dir.to_owned(),
            file,
            plan: begun.plan,
            setting: begun.setting,
            runs,
        })
    }

    /// The sweep that is in `dir`, whatever its plan.
    pub fn reopen(dir: &Path) -> Result<Self, SweepError> {
        let Some(begun) = begun(dir)? else {
            return Err(SweepError::NoSweep(dir.to_owned()));
        };
        let mut file = locked(dir)?;
        let runs = read_runs(&mut file, &dir.join(RUNS))?;
        Ok(Self {
            dir: dir.to_owned(),
            file,
            plan: begun.plan,
            setting: begun.setting,
            runs,
        })
    }

    pub fn append(&mut self, run: Run) -> Result<(), SweepError> {
        let path = self.dir.join(RUNS);
        let mut line = serde_json::to_vec(&run).map_err(|e| SweepError::file(&path)(e.into()))?;
        line.push(b'\n');
        let written = self.file.write_all(&line);
        let written = written.and_then(|()| self.file.sync_data());
        written.map_err(SweepError::file(&path))?;
        self.runs.push(run);
        Ok(())
    }

    /// Cell and round of each run that came to a result.
    pub fn finished(&self) -> HashSet<(String, u32)> {
        let runs = self.runs.iter().filter(|run| !run.has_failed());
        runs.map(|run| (run.cell.clone(), run.round)).collect()
    }

    /// A file beside them, all of it or none.
    pub fn put(&self, name: &str, text: &str) -> Result<PathBuf, SweepError> {
        put(&self.dir, name, text)
    }
}

const PLAN: &str = "plan.json";
const RUNS: &str = "runs.jsonl";

fn locked(dir: &Path) -> Result<File, SweepError> {
    let path = dir.join(RUNS);
    let file = File::options()
        .create(true)
        .read(true)
        .append(true)
        .open(&path)
        .map_err(SweepError::file(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(SweepError::Busy(path)),
        Err(fs::TryLockError::Error(source)) => Err(SweepError::File { path, source }),
    }
}

fn begun(dir: &Path) -> Result<Option<Begun>, SweepError> {
    let path = dir.join(PLAN);
    match fs::read_to_string(&path) {
        Ok(text) => match serde_json::from_str(&text) {
            Ok(begun) => Ok(Some(begun)),
            Err(source) => Err(SweepError::Damaged {
                line: source.line(),
                path,
                source,
            }),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SweepError::File { path, source }),
    }
}

fn begin(dir: &Path, plan: Plan, setting: Setting) -> Result<Begun, SweepError> {
    let begun = Begun {
        schema_version: SCHEMA_VERSION,
        plan,
        setting,
    };
    let path = dir.join(PLAN);
    let text = serde_json::to_string_pretty(&begun);
    let text = text.map_err(|error| SweepError::file(&path)(error.into()))?;
    put(dir, PLAN, &text)?;
    Ok(begun)
}

fn put(dir: &Path, name: &str, text: &str) -> Result<PathBuf, SweepError> {
    let path = dir.join(name);
    let beside = dir.join(format!("{name}.new"));
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, &path));
    written.map_err(SweepError::file(&path))?;
    Ok(path)
}

/// The first thing in which two plans differ.
fn difference(there: &Plan, here: &Plan) -> Option<String> {
    let parts = |plan: &Plan| {
        let json = |value: Result<Value, serde_json::Error>| value.unwrap_or_default();
        [
            ("bootstrap", plan.bootstrap.clone().into()),
            ("axes", json(serde_json::to_value(&plan.axes))),
            ("base", json(serde_json::to_value(&plan.base))),
            ("rounds", plan.rounds.into()),
            ("seed", plan.seed.into()),
            // Differs alone when a default has changed since.
            ("defaults", json(serde_json::to_value(&plan.cells))),
        ]
    };
    let mut both = parts(there).into_iter().zip(parts(here));
    both.find_map(|((name, there), (_, here))| {
        (there != here).then(|| match name {
            "defaults" => "the defaults have changed since".to_owned(),
            _ => format!("{name} there: {there}, here: {here}"),
        })
    })
}

fn read_runs(file: &mut File, path: &Path) -> Result<Vec<Run>, SweepError> {
    let mut text = Vec::new();
    let read = file.rewind().and_then(|()| file.read_to_end(&mut text));
    read.map_err(SweepError::file(path))?;
    let end = text.iter().rposition(|byte| *byte == b'\n');
    let end = end.map_or(0, |last| last + 1);
    if end < text.len() {
        file.set_len(end as u64).map_err(SweepError::file(path))?;
    }
    let lines = text[..end].split_inclusive(|byte| *byte == b'\n');
    let parsed = lines.enumerate().map(|(index, line)| {
        serde_json::from_slice(line).map_err(|source| SweepError::Damaged {
            path: path.to_owned(),
            line: index + 1,
            source,
        })
    });
    parsed.collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::sweep::plan::tests::{SIX_CELLS, plan};
    use crate::sweep::summary::tests::outcome;

    pub fn open(dir: &Path, text: &str) -> Result<Store, SweepError> {
        Store::open(dir, plan(text).unwrap(), || Ok(Setting::default()))
    }

    fn run(store: &Store, round: u32) -> Run {
        let cell = &store.plan.cells[0];
        Run {
            cell: store.plan.name(cell),
            round,
            outcome: outcome(&cell.workload, 1000),
        }
    }

    #[test]
    fn a_torn_last_line_is_cut_and_written_anew() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path(), SIX_CELLS).unwrap();
        for round in 1..=2 {
            store.append(run(&store, round)).unwrap();
        }
        drop(store);
        let path = dir.path().join(RUNS);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 5]).unwrap();

        let mut store = open(dir.path(), SIX_CELLS).unwrap();
        assert_eq!(store.runs.len(), 1);
        store.append(run(&store, 2)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn a_damaged_line_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path(), SIX_CELLS).unwrap();
        store.append(run(&store, 1)).unwrap();
        drop(store);
        let path = dir.path().join(RUNS);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}{{}}\n{text}")).unwrap();
        let error = open(dir.path(), SIX_CELLS).err().unwrap().to_string();
        assert!(error.contains("runs.jsonl, line 2"), "{error}");
    }

    #[test]
    fn another_plan_is_refused_and_says_what_differs() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path(), SIX_CELLS).unwrap());
        for (from, to, word) in [
            ("seed = 7", "seed = 8", "seed there: 7, here: 8"),
            ("rounds = 3", "rounds = 4", "rounds"),
            ("100,", "200,", "axes"),
            ("64KiB", "32KiB", "base"),
        ] {
            let other = SIX_CELLS.replace(from, to);
            let error = open(dir.path(), &other).err().unwrap().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(open(dir.path(), SIX_CELLS).is_ok());
    }

    #[test]
    fn two_processes_do_not_write_into_one_sweep() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), SIX_CELLS).unwrap();
        let error = open(dir.path(), SIX_CELLS).err().unwrap();
        assert!(matches!(error, SweepError::Busy(_)), "{error}");
        drop(store);
        assert!(open(dir.path(), SIX_CELLS).is_ok());
    }

    #[test]
    fn a_report_alone_needs_a_sweep() {
        let dir = tempfile::tempdir().unwrap();
        let error = Store::reopen(dir.path()).err().unwrap();
        assert!(matches!(error, SweepError::NoSweep(_)), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
