//! Why a cleaning was not done.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    #[error("{path}: {cause}")]
    Io { path: PathBuf, cause: io::Error },
    #[error("{path} is damaged at byte {position}; it was not cleaned, and stays as it is")]
    Damaged { path: PathBuf, position: u64 },
    /// It is derived: it was removed, and is built again by the next cleaning.
    #[error("{path} does not fit its segment any more")]
    KeyFile { path: PathBuf },
    /// What was written is not what was planned. The log is as it was.
    #[error("{path} was not put in its place: {reason}")]
    Refuted { path: PathBuf, reason: String },
    /// The log is closed, deleted or cut: nothing is wrong.
    #[error("the cleaning was called off")]
    Stopped,
}

impl CleanError {
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Io { path, cause }
    }

    /// Whether the next attempt may fare better, with nothing done about it.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Stopped | Self::KeyFile { .. } => true,
            Self::Io { cause, .. } => cause.kind() == io::ErrorKind::StorageFull,
            Self::Damaged { .. } | Self::Refuted { .. } => false,
        }
    }
}
