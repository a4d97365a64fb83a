//! Why a command was not carried out, and why the stored metadata cannot be opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::state::Refusal;

/// What a proposer is told instead of an outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// The command does not fit the state; nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Writing the metadata failed, now or earlier. Whether this command survives a restart is
    /// unknown; no other will be taken.
    #[error("the cluster metadata is fenced: {reason}")]
    Fenced { reason: Arc<str> },
    /// More commands are waiting than [`super::PROPOSALS_MAX`]; nothing has changed, try again.
    #[error("the control thread has {limit} commands waiting; try again")]
    Busy { limit: usize },
    #[error("the broker is stopping")]
    Stopped,
}

/// Why the metadata directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{} is in use by another broker; give this one a log.dir of its own", path.display())]
    Locked { path: PathBuf },
    #[error("{} is damaged at byte {offset}: {reason}", path.display())]
    Corrupt {
        path: PathBuf,
        offset: usize,
        reason: String,
    },
    #[error("{} has format version {found}; this broker reads up to {known}", path.display())]
    NewerVersion {
        path: PathBuf,
        found: u32,
        known: u32,
    },
}

impl StorageError {
    /// For `map_err` on what the file system says.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(super) fn corrupt(path: &Path, offset: usize, reason: impl Into<String>) -> Self {
        Self::Corrupt {
            path: path.to_owned(),
            offset,
            reason: reason.into(),
        }
    }
}
