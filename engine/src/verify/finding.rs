//! What was found, and where.

use std::path::PathBuf;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The next start puts it right, or removes it; or it is there on purpose.
    Note,
    /// Data is lost or damaged, or cannot be read.
    Problem,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    pub file: PathBuf,
    /// Where in the file, in bytes.
    pub position: Option<u64>,
    /// The record's offset that it concerns.
    pub offset: Option<i64>,
    /// What is wrong, for people.
    pub what: String,
}

impl Finding {
    pub fn problem(file: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self {
            severity: Severity::Problem,
            file: file.into(),
            position: None,
            offset: None,
            what: what.into(),
        }
    }

    pub fn note(file: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::problem(file, what)
        }
    }

    pub fn at(self, position: u64, offset: i64) -> Self {
        Self {
            position: Some(position),
            offset: Some(offset),
            ..self
        }
    }
}
