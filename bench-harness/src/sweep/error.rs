//! What keeps a sweep from going on.

use std::path::{Path, PathBuf};

use crate::kafka::KafkaError;
use crate::load::LoadError;
use crate::workload::WorkloadError;

#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error("{path}: {source}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path}: {source}")]
    Toml {
        path: PathBuf,
        source: Box<toml::de::Error>,
    },
    #[error("{path}, line {line}: {source}")]
    Damaged {
        path: PathBuf,
        line: usize,
        source: serde_json::Error,
    },
    #[error("no axis: give --axis size=100,1KiB or --file")]
    NoAxis,
    #[error("axis {key}: {problem}")]
    Axis { key: String, problem: String },
    #[error("{cell}: {source}")]
    Cell {
        cell: String,
        source: Box<WorkloadError>,
    },
    #[error("rounds is 0: at least one is needed")]
    NoRounds,
    #[error("{cells} combinations: at most {max} can be swept")]
    TooManyCells { cells: usize, max: usize },
    #[error(
        "{dir} has another sweep ({difference}): use a new directory, or repeat what began there"
    )]
    OtherPlan { dir: PathBuf, difference: String },
    #[error("{0} has no sweep: run one with --out there first")]
    NoSweep(PathBuf),
    #[error("{0}: another process is writing there")]
    Busy(PathBuf),
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error("{run}: {source}\nthe same command goes on with this run")]
    Run { run: String, source: LoadError },
}

impl SweepError {
    /// For `map_err` at what reads or writes `path`.
    pub(super) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}
