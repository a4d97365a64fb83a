//! The flusher makes durable what was written, one flush at a time, when somebody asks; and
//! writes down, now and then, how far that is.
//!
//! A flush that succeeds beside one that failed says nothing: the failed one may have lost
//! what both were for. So a log has one flush under way at a time, and the fence is looked at
//! after each, since it may be another log of the directory whose flush failed.

use super::place::Place;
use super::{Log, LogError};
use crate::recovery::mark::{self, Mark};
use crate::segment::FLUSHED_FILE;
use naru_runtime::{BLOCK_BYTES, Env, File, Open};

impl<E: Env> Log<E> {
    /// Starts the flusher, unless it runs or nobody wants anything flushed.
    pub(super) fn start_flusher(&self) {
        let Ok(lease) = self.lease() else { return };
        {
            let mut state = self.state();
            if state.durability().is_flushing() || !state.is_flush_due() {
                return;
            }
            state.durability_mut().start_flushing();
        }
        let log = self.clone();
        self.0.env.spawn(async move {
            let result = log.flush_all().await;
            log.state().durability_mut().stop_flushing();
            drop(lease);
            if let Err(error) = result {
                log.fail(error);
            }
            log.0.idle.notify_all();
        });
    }

    async fn flush_all(&self) -> Result<(), LogError> {
        loop {
            let (file, to) = {
                let state = self.state();
                // Positions of a segment whose file is gone were flushed when it was sealed.
                match state.segments().file().cloned() {
                    Some(file) if state.is_flush_due() => (file, state.durability().written()),
                    _ => return Ok(()),
                }
            };
            self.sync(&file).await?;
            // Everyone was told of an error if the log ended meanwhile: nothing is to be seen
            // after that.
            self.check()?;
            self.state().flushed_to(to);
            self.tell_flushed();
            self.write_mark().await;
        }
    }

    /// Tells those who wait for what is flushed by now.
    pub(super) fn tell_flushed(&self) {
        self.0.flush_waiters.reached(self.flushed_offset());
        self.0.progress.notify_all();
    }

    /// Flushes a file, when no other flush of this log is under way. A failure fences the
    /// directory for good.
    pub(super) async fn sync(&self, file: &E::File) -> Result<(), LogError> {
        let _only = self.0.syncing.acquire(1).await;
        self.0.shared.fence.check()?;
        let result = file.sync_data().await;
        result.map_err(|cause| self.0.shared.fence.close(&cause))?;
        self.0.shared.fence.check()
    }

    /// Writes down how far the log is flushed, now and then. A failure here is harmless:
    /// an older mark only says less.
    pub(super) async fn write_mark(&self) {
        let due = self.state().durability_mut().next_mark(mark::EVERY_BYTES);
        let Some((Place { segment, position }, turn)) = due else {
            return;
        };
        let mark = Mark { segment, position };
        let write = async {
            let file = self.mark_file().await?;
            let position = turn * BLOCK_BYTES as u64;
            file.write_at(position, vec![mark.block()]).await
        };
        if let Err(error) = write.await {
            tracing::warn!("{}: the flushed mark: {error}", self.0.dir.display());
        }
    }

    /// The file of the mark. It stays open while the log is written; only who has a lease opens it,
    /// as its path may belong to another log one day.
    async fn mark_file(&self) -> std::io::Result<E::File> {
        if let Some(file) = self.state().mark_file.clone() {
            return Ok(file);
        }
        let path = self.0.dir.join(FLUSHED_FILE);
        let open = async || match self.0.env.open(&path, Open::Direct).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.0.env.open(&path, Open::DirectNew).await
            }
            other => other,
        };
        let file = self.with_descriptors(open).await?;
        self.state().mark_file = Some(file.clone());
        Ok(file)
    }
}
