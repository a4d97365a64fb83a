//! Why a command was not carried out, and why the stored metadata cannot be opened.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::state::Refusal;
use super::stored::{UnknownRecord, Unreadable};

/// What a proposer is told instead of an outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// The disk is full. Nothing has changed; there may be room the next time.
    #[error("the disk has no room for the cluster's metadata: free some, and try again")]
    NoRoom,
    /// The command does not fit the state; nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Writing the metadata failed earlier: no command is taken any more. This one was not.
    #[error("the cluster metadata is fenced: {reason}")]
    Fenced { reason: Arc<str> },
    /// The command was handed on, and what became of it is not known: it may be carried out, or
    /// be found carried out after a restart, or never. Whoever asked must look.
    #[error("whether the change was made is not known: {reason}")]
    OutcomeUnknown { reason: Arc<str> },
    /// More commands are unanswered than [`super::PROPOSALS_MAX`]; nothing has changed, try again.
    #[error("{limit} changes of the cluster are under way; try again")]
    Busy { limit: usize },
    /// The command was not carried out.
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
    #[error(
        "{} has format version {found}, while this naru reads up to version {known}; start a newer \
         naru",
        path.display()
    )]
    NewerVersion {
        path: PathBuf,
        found: u32,
        known: u32,
    },
    #[error("{}, at byte {offset}: {unknown}", path.display())]
    NewerRecord {
        path: PathBuf,
        offset: usize,
        unknown: UnknownRecord,
    },
}

impl StorageError {
    /// Whether there was no room, which may come back.
    pub(super) fn is_no_room(&self) -> bool {
        let Self::Io { source, .. } = self else {
            return false;
        };
        matches!(
            source.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded
        )
    }

    /// For `map_err` on what the file system says.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(super) fn unreadable(path: &Path, offset: usize, reason: Unreadable) -> Self {
        match reason {
            Unreadable::Unknown(unknown) => Self::NewerRecord {
                path: path.to_owned(),
                offset,
                unknown,
            },
            other => Self::corrupt(path, offset, other.to_string()),
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
