//! What can go wrong with an open log.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// A flush failed somewhere below this directory: what it holds is no longer known.
    #[error(
        "{directory} is fenced after a failed flush ({cause}); restart the broker once the \
         disk is sound"
    )]
    Fenced { directory: PathBuf, cause: Arc<str> },
    /// A write failed; what was acknowledged before is safe.
    #[error("{directory} takes no more records after a failed write: {cause}")]
    WriteFailed { directory: PathBuf, cause: Arc<str> },
    /// There was no room for what was appended, and it was taken back. Not for good.
    #[error("{directory} takes no records until it has room again: {cause}")]
    Full { directory: PathBuf, cause: Arc<str> },
    #[error("{directory} is to be made for a new log, but is there and not empty; move it away")]
    DirectoryNotEmpty { directory: PathBuf },
    #[error("the log in {directory} is closed")]
    Closed { directory: PathBuf },
    #[error("{path}: {cause}")]
    Io { path: PathBuf, cause: Arc<str> },
}

impl LogError {
    pub(super) fn io(path: PathBuf, cause: &io::Error) -> Self {
        Self::Io {
            path,
            cause: cause.to_string().into(),
        }
    }
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    #[error("offset {offset} is not in the log, which holds {start} to {end}")]
    OffsetOutOfRange { offset: i64, start: i64, end: i64 },
    #[error("{path}: {cause}")]
    Io { path: PathBuf, cause: Arc<str> },
    #[error("{path} is damaged at byte {position}")]
    Damaged { path: PathBuf, position: u64 },
}

/// A log directory's verdict after a failed flush, shared by all its logs on all shards.
/// Once set it stays: the next flush would report success although the data is gone.
#[derive(Clone, Debug)]
pub struct Fence {
    directory: PathBuf,
    cause: Arc<OnceLock<Arc<str>>>,
}

impl Fence {
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            cause: Arc::default(),
        }
    }

    /// The error of every operation from the failed flush on.
    pub fn check(&self) -> Result<(), LogError> {
        match self.cause.get() {
            None => Ok(()),
            Some(cause) => Err(LogError::Fenced {
                directory: self.directory.clone(),
                cause: Arc::clone(cause),
            }),
        }
    }

    pub(super) fn close(&self, cause: &io::Error) -> LogError {
        let cause = self.cause.get_or_init(|| cause.to_string().into());
        tracing::error!(
            directory = %self.directory.display(),
            "a flush failed, the directory is fenced: {cause}"
        );
        LogError::Fenced {
            directory: self.directory.clone(),
            cause: Arc::clone(cause),
        }
    }
}
