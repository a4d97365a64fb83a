//! What is to be run: the cells, how often, and in which order.
//!
//! Invariant: a plan that exists is valid; every cell's workload was resolved when it was made.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::axis::{Axis, shown};
use super::error::SweepError;
use crate::load::STAMP_BYTES;
use crate::workload::{Workload, WorkloadError, WorkloadOptions};

const CELLS_MAX: usize = 10_000;

/// A sweep as a file has it (`perf/sweeps/`).
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PlanFile {
    base: WorkloadOptions,
    /// Spans, since the axes' order in the file says which one is drawn across.
    axes: BTreeMap<Spanned<String>, Vec<serde_json::Value>>,
    rounds: Option<u32>,
    seed: Option<u64>,
}

/// A combination of the axes' values.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Cell {
    /// As written, one for each axis.
    pub values: Vec<String>,
    pub workload: Workload,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Plan {
    pub bootstrap: String,
    pub(super) axes: Vec<Axis>,
    pub base: WorkloadOptions,
    pub rounds: u32,
    /// Of the order.
    pub seed: u64,
    pub cells: Vec<Cell>,
}

impl PlanFile {
    pub fn read(path: &Path) -> Result<Self, SweepError> {
        let text = std::fs::read_to_string(path).map_err(SweepError::file(path))?;
        toml::from_str(&text).map_err(|source| SweepError::Toml {
            path: path.to_owned(),
            source: Box::new(source),
        })
    }

    /// Flags win over the file: an axis over one with the same key.
    pub fn plan(
        self,
        bootstrap: &str,
        flags: WorkloadOptions,
        axes: Vec<Axis>,
        rounds: Option<u32>,
    ) -> Result<Plan, SweepError> {
        let mut keys: Vec<_> = self.axes.into_iter().collect();
        keys.sort_by_key(|(key, _)| key.span().start);
        let mut all: Vec<Axis> = keys
            .into_iter()
            .map(|(key, values)| Axis {
                key: key.into_inner(),
                values,
            })
            .collect();
        for axis in axes {
            match all.iter_mut().find(|known| known.key == axis.key) {
                Some(known) => *known = axis,
                None => all.push(axis),
            }
        }
        let seed = flags.seed.or(self.seed).unwrap_or(1);
        let rounds = rounds.or(self.rounds).unwrap_or(3);
        Plan::new(bootstrap, flags.over(self.base), all, rounds, seed)
    }
}

impl Plan {
    fn new(
        bootstrap: &str,
        base: WorkloadOptions,
        axes: Vec<Axis>,
        rounds: u32,
        seed: u64,
    ) -> Result<Self, SweepError> {
        if axes.is_empty() {
            return Err(SweepError::NoAxis);
        }
        if rounds == 0 {
            return Err(SweepError::NoRounds);
        }
        axes.iter().try_for_each(Axis::check)?;
        check_apart(&base, &axes)?;
        let cells = axes
            .iter()
            .try_fold(1_usize, |cells, axis| cells.checked_mul(axis.values.len()))
            .unwrap_or(usize::MAX);
        if cells > CELLS_MAX {
            return Err(SweepError::TooManyCells {
                cells,
                max: CELLS_MAX,
            });
        }
        let cells = (0..cells)
            .map(|number| cell(&base, &axes, number))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            bootstrap: bootstrap.to_owned(),
            axes,
            base,
            rounds,
            seed,
            cells,
        })
    }

    /// Every cell once in each round (from 1), the rounds one after the other.
    pub fn order(&self) -> Vec<(u32, &Cell)> {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let round = |round| {
            let mut cells: Vec<&Cell> = self.cells.iter().collect();
            random.shuffle(&mut cells);
            cells.into_iter().map(move |cell| (round, cell))
        };
        (1..=self.rounds).flat_map(round).collect()
    }

    /// `size=1KiB acks=all`: what a cell is known by.
    pub fn name(&self, cell: &Cell) -> String {
        let pairs = self.axes.iter().zip(&cell.values);
        let pairs: Vec<String> = pairs
            .map(|(axis, value)| format!("{}={value}", axis.key))
            .collect();
        pairs.join(" ")
    }
}

/// A base that fixes what an axis varies is a mistake; which of the two was meant?
fn check_apart(base: &WorkloadOptions, axes: &[Axis]) -> Result<(), SweepError> {
    let fixed = serde_json::to_value(base).unwrap_or_default();
    let is_fixed =
        |axis: &&Axis| axis.key != "topic-config" && fixed.get(axis.key.as_str()).is_some();
    match axes.iter().find(is_fixed) {
        None => Ok(()),
        Some(axis) => Err(SweepError::Axis {
            key: axis.key.clone(),
            problem: "is fixed by a flag or by [base], too: leave one of them out".into(),
        }),
    }
}

/// The last axis varies fastest.
fn cell(base: &WorkloadOptions, axes: &[Axis], number: usize) -> Result<Cell, SweepError> {
    let mut rest = number;
    let mut chosen = Vec::new();
    for axis in axes.iter().rev() {
        chosen.push((axis, &axis.values[rest % axis.values.len()]));
        rest /= axis.values.len();
    }
    chosen.reverse();
    let resolved = || {
        let mut options = base.clone();
        for (axis, value) in &chosen {
            options = axis.option(value)?.over(options);
        }
        let workload = options.resolve()?;
        if workload.verify && workload.consumers > 0 && workload.size.min() < STAMP_BYTES as u64 {
            return Err(WorkloadError::Invalid(format!(
                "values below {STAMP_BYTES} bytes cannot be verified: say verify = false"
            )));
        }
        Ok(workload)
    };
    let workload = resolved().map_err(|source| SweepError::Cell {
        cell: chosen
            .iter()
            .map(|(axis, value)| format!("{}={}", axis.key, shown(value)))
            .collect::<Vec<_>>()
            .join(" "),
        source: Box::new(source),
    })?;
    Ok(Cell {
        values: chosen.iter().map(|(_, value)| shown(value)).collect(),
        workload,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The plan of a file.
    pub fn plan(text: &str) -> Result<Plan, SweepError> {
        let file: PlanFile = toml::from_str(text).unwrap();
        file.plan(
            "127.0.0.1:9092",
            WorkloadOptions::default(),
            Vec::new(),
            None,
        )
    }

    pub const SIX_CELLS: &str = "rounds = 3\nseed = 7\n[base]\nbatch-size = \"64KiB\"\n\
                                 [axes]\nsize = [100, \"1KiB\", \"10KiB\"]\nacks = [1, \"all\"]\n";

    fn names(plan: &Plan) -> Vec<(u32, String)> {
        let order = plan.order().into_iter();
        order
            .map(|(round, cell)| (round, plan.name(cell)))
            .collect()
    }

    #[test]
    fn each_round_has_every_cell_once_in_an_order_of_its_own() {
        let plan = plan(SIX_CELLS).unwrap();
        let order = names(&plan);
        let rounds: Vec<&[(u32, String)]> = order.chunks(6).collect();
        assert_eq!(rounds.len(), 3);
        for (index, round) in (1..).zip(&rounds) {
            assert!(round.iter().all(|(of, _)| *of == index));
            let cells: BTreeSet<&String> = round.iter().map(|(_, cell)| cell).collect();
            assert_eq!(cells.len(), 6);
        }
        let cells = |round: &[(u32, String)]| -> Vec<String> {
            round.iter().map(|(_, cell)| cell.clone()).collect()
        };
        assert_ne!(cells(rounds[0]), cells(rounds[1]));
    }

    #[test]
    fn one_seed_gives_one_order_and_another_one_another() {
        let seven = names(&plan(SIX_CELLS).unwrap());
        assert_eq!(seven, names(&plan(SIX_CELLS).unwrap()));
        let eight = SIX_CELLS.replace("seed = 7", "seed = 8");
        assert_ne!(seven, names(&plan(&eight).unwrap()));
    }

    #[test]
    fn cells_have_their_values_and_the_base_and_axes_keep_their_order() {
        let plan = plan(SIX_CELLS).unwrap();
        assert_eq!(plan.name(&plan.cells[0]), "size=100 acks=1");
        assert_eq!(plan.name(&plan.cells[5]), "size=10KiB acks=all");
        for cell in &plan.cells {
            assert_eq!(cell.workload.batch_size.0, 65536);
            assert_eq!(cell.workload.size.to_string(), cell.values[0]);
            assert_eq!(cell.workload.acks.to_string(), cell.values[1]);
        }
    }

    #[test]
    fn a_flag_replaces_the_axis_of_the_file() {
        let file: PlanFile = toml::from_str(SIX_CELLS).unwrap();
        let axes = vec!["acks=0".parse().unwrap(), "partitions=1,2".parse().unwrap()];
        let plan = file.plan("x", WorkloadOptions::default(), axes, Some(1));
        let plan = plan.unwrap();
        assert_eq!((plan.cells.len(), plan.rounds), (6, 1));
        assert_eq!(plan.name(&plan.cells[1]), "size=100 acks=0 partitions=2");
    }

    #[test]
    fn what_cannot_run_is_refused_before_anything_does() {
        for (text, word) in [
            ("rounds = 1", "no axis"),
            ("rounds = 0\n[axes]\nacks = [1]", "rounds is 0"),
            ("[axes]\nacks = []", "no values"),
            ("[axes]\nacks = [1, \"most\"]", "most"),
            ("[base]\nacks = 1\n[axes]\nacks = [1]", "[base]"),
            (
                "[base]\nidempotent = true\n[axes]\nacks = [\"all\", 1]",
                "acks=1: idempotent",
            ),
            ("[base]\nconsumers = 1\n[axes]\nsize = [5]", "verify"),
        ] {
            let error = plan(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
        let values: Vec<String> = (1..=200).map(|value| value.to_string()).collect();
        let values = values.join(",");
        let text = format!("[axes]\nsize = [{values}]\npartitions = [{values}]");
        let error = plan(&text).unwrap_err();
        assert!(error.to_string().contains("40000 combinations"), "{error}");
    }

    #[test]
    fn the_sweeps_of_the_repository_are_complete() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../perf/sweeps");
        for name in ["quick.toml", "full.toml"] {
            let file = PlanFile::read(&folder.join(name)).unwrap();
            let plan = file.plan("x", WorkloadOptions::default(), Vec::new(), None);
            let plan = plan.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(plan.axes[0].key, "size", "{name}: drawn across");
        }
    }
}
