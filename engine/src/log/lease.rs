//! Leases on a log's directory: whoever touches a file by its path holds one meanwhile.
//!
//! A path outlives the log that it belonged to: once the directory is renamed, the same path
//! may lead to the log of another topic. So a log is retired only when all leases are back,
//! and none is given afterwards.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::{Log, LogError};
use naru_runtime::Env;
use naru_runtime::sync::Notify;

#[derive(Default)]
pub(super) struct Leases {
    held_count: Cell<usize>,
    is_over: Cell<bool>,
    returned: Notify,
    /// The directory has the name that it was retired to.
    is_renamed: Cell<bool>,
}

/// The right to touch files of the log by their paths.
pub(super) struct Lease(Rc<Leases>);

impl Leases {
    fn take(self: &Rc<Self>) -> Option<Lease> {
        if self.is_over.get() {
            return None;
        }
        self.held_count.set(self.held_count.get() + 1);
        Some(Lease(Rc::clone(self)))
    }

    /// Gives no more, and waits until all are back.
    async fn end(&self) {
        self.is_over.set(true);
        while self.held_count.get() > 0 {
            self.returned.wait().await;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.held_count.set(self.0.held_count.get() - 1);
        if self.0.is_over.get() {
            self.0.returned.notify_all();
        }
    }
}

impl<E: Env> Log<E> {
    /// Holds off [`Log::retire`] while files are touched by their paths.
    ///
    /// # Errors
    /// When the log is being retired, or is.
    pub(super) fn lease(&self) -> Result<Lease, LogError> {
        self.0.leases.take().ok_or_else(|| self.closed())
    }

    /// Ends a log whose topic is deleted, and gives its directory the name `to`, next to where
    /// it is. Appends are refused and waiters told at once; reads that are under way may fail.
    /// When this returns, nothing that this log does will ever touch its old path again, and
    /// the new name survives a power cut. Returns whether there is a directory of that name.
    ///
    /// # Errors
    /// When the directory could not be renamed, or the new name not made durable. The log has
    /// ended all the same; calling this again tries again.
    pub async fn retire(&self, to: &Path) -> Result<bool, LogError> {
        self.end_cleaning();
        self.end(self.closed());
        self.forget_reads();
        let leases = &self.0.leases;
        leases.end().await;
        let dir = &self.0.dir;
        if !leases.is_renamed.get() {
            match self.0.env.rename(dir, to).await {
                Ok(()) => leases.is_renamed.set(true),
                // No record ever came, so no directory was made.
                Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(false),
                Err(cause) => return Err(LogError::io(dir.clone(), &cause)),
            }
        }
        let parent = to.parent().map_or_else(PathBuf::new, Path::to_owned);
        let synced = self.0.env.sync_dir(&parent).await;
        synced.map_err(|cause| LogError::io(parent, &cause))?;
        Ok(true)
    }
}
