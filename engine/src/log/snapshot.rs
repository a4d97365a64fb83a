//! Snapshots of the user's state, one for each segment, so that a truncation has something
//! to begin again from: the user's state cannot be wound back, but told of the batches of
//! one segment again.
//!
//! They are written beside everything else: no acknowledgement waits for one, and where one
//! is missing, recovery reads more.

use bytes::Bytes;

use super::{Log, LogError};
use crate::recovery::{Checkpoint, SegmentSnapshot};
use crate::segment::parse_snapshot_name;
use naru_runtime::Env;

impl<E: Env> Log<E> {
    /// Keeps the user's state as it was before the batch that began the active segment, at
    /// `base_offset`: to be called right after the append that said so, before the user
    /// notes that batch. Written when the segment has a file; nobody waits for it.
    ///
    /// # Panics
    /// When the active segment begins elsewhere: the state would be given for another end.
    pub fn keep_snapshot(&self, base_offset: i64, user_state: Bytes) {
        // There is nothing before the first offset.
        if base_offset == 0 {
            return;
        }
        self.state()
            .segments_mut()
            .keep_snapshot(base_offset, user_state);
        self.write_snapshot();
    }

    /// Starts writing the snapshot of the segment whose file is written, unless it is, or
    /// none was given.
    pub(super) fn write_snapshot(&self) {
        let (snapshot, cuts) = {
            let mut state = self.state();
            let Some(snapshot) = state.segments_mut().take_snapshot() else {
                return;
            };
            (snapshot, state.readers.cuts())
        };
        let Ok(lease) = self.lease() else { return };
        let log = self.clone();
        self.0.env.spawn(async move {
            let _lease = lease;
            // Nothing is dropped or cut meanwhile: another segment of this name could be
            // taken to have this snapshot.
            let _only = log.0.removing.acquire(1).await;
            let is_there = {
                let state = log.state();
                state.has_segment(snapshot.base_offset) && state.readers.cuts() == cuts
            };
            if !is_there || log.check().is_err() {
                return;
            }
            let write = async || snapshot.write(&log.0.env, &log.0.dir).await;
            if let Err(error) = log.with_descriptors(write).await {
                tracing::warn!(
                    "{}: the snapshot of {}: {error}",
                    log.0.dir.display(),
                    snapshot.base_offset
                );
            }
        });
    }

    /// A checkpoint at the beginning of `segment`, or of the newest one before it that has a
    /// snapshot; without any, one that has everything read.
    pub(super) async fn checkpoint_of_segment(&self, segment: i64) -> Result<Checkpoint, LogError> {
        let names = self.0.env.list(&self.0.dir).await;
        let names = names.map_err(|cause| LogError::io(self.0.dir.clone(), &cause))?;
        let (first, fitting) = {
            let state = self.state();
            let bases = names
                .iter()
                .filter_map(|entry| parse_snapshot_name(&entry.name));
            let fitting = bases.filter(|&base| base <= segment && state.has_segment(base));
            let first = state.segments().base_offsets().next();
            (first.unwrap_or(segment), fitting.collect())
        };
        let newest = SegmentSnapshot::newest(&self.0.env, &self.0.dir, fitting).await;
        Ok(newest.map_or_else(
            || Checkpoint::of_start(first),
            SegmentSnapshot::into_checkpoint,
        ))
    }
}
