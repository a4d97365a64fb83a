//! Cleaning an open log: what is to be cleaned, and the swap of what was written again for
//! what it replaces.
//!
//! The swap, each step durable before the next:
//! 1. the checkpoint is moved past the segments, and it is written down that positions in
//!    them mean nothing any more ([`CleanedMark`]);
//! 2. what is derived from them is removed: an index that is left could fit the new file;
//! 3. the new file is named `.swap`: from here on recovery finishes what follows;
//! 4. the old files are named `.deleted`;
//! 5. the new file gets the name of the first of them.
//!
//! Between 3 and 5 no reader opens a file of the log by its name. Those that are under way
//! look again afterwards, as after a truncation, so that none mixes what was with what is.
//!
//! An error before 3 leaves the log as it was. From 3 on it ends the log: which file a name
//! leads to is not known then, and the next start finds out.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::lease::Lease;
use super::place::Place;
use super::{Log, LogError};
use crate::compaction::{Choice, CleanError, Cleaned, Limits, Segment};
use crate::index::encode_aborted;
use crate::recovery::{AbortedFound, CleanedMark};
use crate::segment::{
    aborted_path, cleaned_path, deleted_path, index_path, keys_path, segment_path, snapshot_path,
    swap_path,
};
use naru_runtime::sync::Permit;
use naru_runtime::{Env, replace_file};

/// The right to clean a log: one at a time has it. The directory is not renamed, nor the log
/// closed, while it lives; whoever wants that asks for its end by [`Cleaning::ends`].
pub struct Cleaning {
    _lease: Lease,
    _only: Permit,
    ends: Arc<AtomicBool>,
    truncations_count: u64,
}

impl Cleaning {
    /// True from when the cleaning is to be given up. To be looked at between any two pieces
    /// of its work, on whatever thread.
    pub fn ends(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.ends)
    }
}

/// What a swap has left over.
#[derive(Debug, Default)]
pub struct Replaced {
    /// Files that nobody needs any more, but a reader may still have open.
    pub files: Vec<PathBuf>,
}

impl<E: Env> Log<E> {
    /// Begins a cleaning, when no other is under way.
    ///
    /// # Errors
    /// When the log has ended, or is about to.
    pub async fn begin_cleaning(&self) -> Result<Cleaning, LogError> {
        let lease = self.lease()?;
        let only = self.0.cleaning.acquire(1).await;
        self.check()?;
        let state = self.state();
        if state.life().is_closing() {
            return Err(self.closed());
        }
        Ok(Cleaning {
            _lease: lease,
            _only: only,
            ends: Arc::clone(&self.0.ends_cleaning),
            truncations_count: state.truncations_count(),
        })
    }

    /// How often segments were dropped or cut off, or began to be, since the log was opened. A
    /// cleaning that fails when this has changed may have missed a file that is gone: it says
    /// nothing of the log.
    pub fn changes_count(&self) -> u64 {
        self.state().changes_count()
    }

    /// Calls off a cleaning that is under way.
    pub(super) fn end_cleaning(&self) {
        self.0.ends_cleaning.store(true, Ordering::Release);
    }

    /// What is to be cleaned now, if anything.
    pub async fn choose(&self, limits: &Limits) -> Option<Choice> {
        let (sealed, clean_to) = {
            let state = self.state();
            (state.segments().cleanable(), state.cleaned.clean_to)
        };
        let first_dirty = sealed.iter().find(|(s, _)| s.base_offset >= clean_to);
        let first_dirty_ms = match first_dirty {
            Some((segment, _)) if limits.lag.max_ms < i64::MAX => {
                let place = Place {
                    segment: segment.base_offset,
                    position: 0,
                };
                let header = self.header_at(&mut None, place, segment.size_bytes).await;
                header.ok().map(|header| header.max_timestamp_ms)
            }
            _ => None,
        };
        let stable_offset = limits.stable_offset.min(self.flushed_offset());
        let limits = Limits {
            stable_offset,
            ..*limits
        };
        Choice::of(&sealed, clean_to, first_dirty_ms, &limits)
    }

    /// Seals the active segment if its oldest record is older than `max_lag_ms`, so that it
    /// can be cleaned although nothing is appended (`max.compaction.lag.ms`).
    pub fn roll_if_older(&self, max_lag_ms: i64, now_ms: i64) {
        {
            let mut state = self.state();
            let may_roll = state.life().may_write() && !state.life().is_closing();
            let is_old = state.segments().active().is_some_and(|active| {
                let age_ms = now_ms.saturating_sub(active.created_ms());
                active.position() > 0 && age_ms > max_lag_ms
            });
            if !may_roll || !is_old || state.segments().unsealed_count() != 1 {
                return;
            }
            state.rolled(now_ms);
        }
        self.start_writer();
    }

    /// Puts what was cleaned in the place of what it was made of. `user_state` is as in
    /// [`Self::checkpoint`]: the recovery point moves if it lies in what is replaced.
    ///
    /// # Errors
    /// [`CleanError::Stopped`] when the log is not what it was when the cleaning began. After
    /// an I/O error the log may have ended.
    pub async fn replace(
        &self,
        cleaning: &Cleaning,
        by: &Cleaned,
        user_state: Bytes,
    ) -> Result<Replaced, CleanError> {
        let end = by.segments.iter().map(|s| s.next_offset).max();
        let end = end.unwrap_or_default();
        let checkpointed = self.state().checkpointed;
        if checkpointed.is_none_or(|segment| segment < end) {
            self.checkpoint(user_state).await.map_err(not_done)?;
        }
        let _removing = self.0.removing.acquire(1).await;
        self.must_be_as_it_was(cleaning, by)?;
        if self
            .state()
            .checkpointed
            .is_none_or(|segment| segment < end)
        {
            // It was cut meanwhile.
            return Err(CleanError::Stopped);
        }
        let mark = self.state().cleaned;
        if mark.rewritten_to < end {
            let mark = CleanedMark {
                rewritten_to: end,
                ..mark
            };
            self.replace_cleaned(mark).await.map_err(not_done)?;
        }
        self.remove_derived(&by.segments).await?;
        self.must_be_as_it_was(cleaning, by)?;
        let swapped = self.swap(by).await;
        if let Err(error) = &swapped {
            self.fail(error.clone());
        }
        let files = swapped.map_err(not_done)?;
        self.write_index(by.base_offset(), &by.index).await;
        Ok(Replaced { files })
    }

    fn must_be_as_it_was(&self, cleaning: &Cleaning, by: &Cleaned) -> Result<(), CleanError> {
        let state = self.state();
        let is_same = state.truncations_count() == cleaning.truncations_count
            && state.segments().holds(&by.segments)
            && state.life().ended().is_none()
            && !state.life().is_closing();
        drop(state);
        match is_same && self.check().is_ok() {
            true => Ok(()),
            false => Err(CleanError::Stopped),
        }
    }

    async fn remove_derived(&self, segments: &[Segment]) -> Result<(), CleanError> {
        let dir = &self.0.dir;
        for (at, segment) in segments.iter().enumerate() {
            let base = segment.base_offset;
            // The first one's snapshot is of what comes before it, and goes on to fit.
            let snapshot = (at > 0).then(|| snapshot_path(dir, base));
            let derived = [
                index_path(dir, base),
                keys_path(dir, base),
                aborted_path(dir, base),
            ];
            for path in derived.into_iter().chain(snapshot) {
                match self.0.env.remove_file(&path).await {
                    Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                        return Err(CleanError::Io { path, cause });
                    }
                    _ => {}
                }
            }
        }
        let synced = self.sync_dir().await;
        synced.map_err(|cause| CleanError::Io {
            path: dir.clone(),
            cause,
        })
    }

    /// Steps 3 to 5. Returns the old files under their new names.
    async fn swap(&self, by: &Cleaned) -> Result<Vec<PathBuf>, LogError> {
        let dir = &self.0.dir;
        let path = segment_path(dir, by.base_offset());
        self.rename(cleaned_path(&path), swap_path(&path)).await?;
        self.sync_names().await?;
        {
            let mut state = self.state();
            state.readers.swap_began();
            if let Some(last) = by.segments.last() {
                state.tail.forget_before(last.next_offset);
            }
        }
        for segment in &by.segments {
            self.forget_segment(segment.base_offset);
        }
        let mut old = Vec::with_capacity(by.segments.len());
        for segment in by.segments.iter().rev() {
            let from = segment_path(dir, segment.base_offset);
            let to = deleted_path(&from);
            self.rename(from, to.clone()).await?;
            old.push(to);
        }
        self.sync_names().await?;
        self.rename(swap_path(&path), path.clone()).await?;
        self.sync_names().await?;
        let keys = keys_path(dir, by.base_offset());
        // They are derived: without them the next cleaning reads the segment.
        if let Err(error) = self.rename(cleaned_path(&keys), keys).await {
            tracing::warn!("{error}");
        }
        let aborted = self.store_aborted(by).await;
        self.check()?;
        self.state().replaced(by, aborted);
        for segment in &by.segments {
            self.forget_segment(segment.base_offset);
        }
        self.0.swapped.notify_all();
        Ok(old)
    }

    /// Writes which aborted transactions still have their markers in the new segment. Where
    /// there is no room for that, it is known until the next start, which reads it again.
    async fn store_aborted(&self, by: &Cleaned) -> AbortedFound {
        let aborted = by.index.index.aborted();
        if aborted.is_empty() {
            return AbortedFound::Stored { count: 0 };
        }
        let path = aborted_path(&self.0.dir, by.base_offset());
        let content = encode_aborted(aborted);
        let write = async || replace_file(&self.0.env, &path, content.clone()).await;
        match self.with_descriptors(write).await {
            Ok(()) => AbortedFound::Stored {
                count: by.index.aborted_count,
            },
            Err(error) => {
                tracing::warn!("{}: {error}", path.display());
                AbortedFound::Read(aborted.to_vec())
            }
        }
    }

    async fn rename(&self, from: PathBuf, to: PathBuf) -> Result<(), LogError> {
        let renamed = self.0.env.rename(&from, &to).await;
        renamed.map_err(|cause| LogError::io(from, &cause))
    }

    /// A cleaning has come to its end: all before `offset` is clean.
    pub async fn cleaned_to(&self, cleaning: &Cleaning, offset: i64) -> Result<(), CleanError> {
        let _removing = self.0.removing.acquire(1).await;
        let mark = {
            let state = self.state();
            if state.truncations_count() != cleaning.truncations_count {
                return Err(CleanError::Stopped);
            }
            CleanedMark {
                clean_to: offset,
                ..state.cleaned
            }
        };
        self.replace_cleaned(mark).await.map_err(not_done)
    }

    pub(super) async fn replace_cleaned(&self, mark: CleanedMark) -> Result<(), LogError> {
        self.0.shared.fence.check()?;
        let write = async || mark.write(&self.0.env, &self.0.dir).await;
        let written = self.with_descriptors(write).await;
        written.map_err(|cause| LogError::io(self.0.dir.clone(), &cause))?;
        self.state().cleaned = mark;
        Ok(())
    }
}

/// An error of the log, in a cleaning's words.
fn not_done(error: LogError) -> CleanError {
    match error {
        LogError::Io { path, cause } => CleanError::Io {
            path,
            cause: io::Error::other(cause.to_string()),
        },
        LogError::Full { directory, cause } => CleanError::Io {
            path: directory,
            cause: io::Error::new(io::ErrorKind::StorageFull, cause.to_string()),
        },
        LogError::Closed { .. }
        | LogError::Fenced { .. }
        | LogError::WriteFailed { .. }
        | LogError::DirectoryNotEmpty { .. } => CleanError::Stopped,
    }
}
