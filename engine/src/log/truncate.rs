//! Cutting the end off: a follower drops what its leader does not have (KIP-101).
//!
//! The order is what makes it safe to crash in. First the promises go: the checkpoint and
//! the flushed mark must not name what is about to be missing. Then what is derived, the
//! indexes and snapshots, which a new segment of the same name could be taken to have. Then
//! the segments, the newest first and each one durably, so that there is never a gap.

use std::io;
use std::path::PathBuf;

use super::place::{BatchEnd, Place};
use super::state::ActiveSegment;
use super::{Log, LogError};
use crate::recovery::{Checkpoint, scan};
use crate::segment::{
    FLUSHED_FILE, aborted_path, index_path, keys_path, segment_path, snapshot_path,
};
use naru_runtime::{BLOCK_BYTES, Env, File, Open};

impl<E: Env> Log<E> {
    /// Drops every batch that reaches to `offset` or beyond, and returns where the log ends
    /// now: at `offset`, or at the start of the batch that holds it; where compaction has left
    /// a gap before it, at the start of the gap. Durable when this returns. Leader epochs that
    /// began there or later are forgotten.
    ///
    /// If the checkpoint lies after the new end, the newest snapshot of a segment that stays
    /// takes its place, and recovery begins there. Nothing may be appended while this runs.
    ///
    /// # Errors
    /// After an I/O error the log is closed: some of its end may be gone, some not.
    pub async fn truncate_to(&self, offset: i64) -> Result<i64, LogError> {
        self.check()?;
        if self.state().life().is_closing() {
            return Err(self.closed());
        }
        let _lease = self.lease()?;
        let _removing = self.0.removing.acquire(1).await;
        let offset = offset.max(self.start_offset());
        if offset >= self.end_offset() {
            return Ok(self.end_offset());
        }
        let _checkpointing = self.0.checkpointing.acquire(1).await;
        self.come_to_rest().await?;
        // Nor does anything else write to the files from here on.
        self.state().durability_mut().start_writing();
        let cut = self.cut(offset).await;
        self.state().durability_mut().stop_writing();
        self.0.idle.notify_all();
        if let Err(error) = &cut {
            self.fail(error.clone());
        }
        cut
    }

    /// Waits until all is flushed and neither the writer nor the flusher runs.
    pub(super) async fn come_to_rest(&self) -> Result<(), LogError> {
        let (end, active) = {
            let state = self.state();
            let active = state.segments().active().map(ActiveSegment::base_offset);
            (state.end_offset(), active)
        };
        self.flushed(end).await?;
        // A log that never had a record has no segment.
        if let Some(active) = active {
            self.has_segment(active).await?;
        }
        loop {
            {
                let state = self.state();
                let durability = state.durability();
                if !durability.is_writing() && !durability.is_flushing() {
                    return Ok(());
                }
            }
            self.check()?;
            self.0.idle.wait().await;
        }
    }

    async fn cut(&self, offset: i64) -> Result<i64, LogError> {
        let io = |path: PathBuf| move |cause: io::Error| LogError::io(path, &cause);
        let found = self.find_batch(offset, self.end_offset()).await;
        let found = found.map_err(|error| LogError::Io {
            path: self.0.dir.clone(),
            cause: error.to_string().into(),
        })?;
        let Some(found) = found else {
            return Ok(self.end_offset());
        };
        // In a gap, the batch begins after it.
        let (place, end) = (found.place, found.header.base_offset.min(offset));
        self.state().readers.truncation_began(BatchEnd {
            next_offset: end,
            place,
        });
        let aborted = self.ask_aborted(place.segment, <[_]>::to_vec);
        let aborted = aborted.await.map_err(|error| LogError::Io {
            path: aborted_path(&self.0.dir, place.segment),
            cause: error.to_string().into(),
        })?;
        self.lower_promises(place, end).await?;
        let bases: Vec<i64> = {
            let state = self.state();
            let bases = state.segments().base_offsets();
            bases.filter(|&base| base >= place.segment).collect()
        };
        for &base in &bases {
            self.remove(index_path(&self.0.dir, base)).await?;
            self.remove(aborted_path(&self.0.dir, base)).await?;
            self.remove(keys_path(&self.0.dir, base)).await?;
            // What comes before the segment that is cut is not: its snapshot goes on to fit.
            if base > place.segment {
                self.remove(snapshot_path(&self.0.dir, base)).await?;
            }
        }
        self.sync_names().await?;
        for &base in bases.iter().rev().filter(|&&base| base > place.segment) {
            self.remove(segment_path(&self.0.dir, base)).await?;
            self.sync_names().await?;
        }
        let path = segment_path(&self.0.dir, place.segment);
        let open = async || self.0.env.open(&path, Open::Direct).await;
        let file = self.with_descriptors(open).await;
        let file = file.map_err(io(path.clone()))?;
        file.set_length(place.position)
            .await
            .map_err(io(path.clone()))?;
        self.sync(&file).await?;
        let mut segment = ActiveSegment::new(place.segment, 0);
        let scanned = scan(&file, place.position, 0, place.segment, |header, _, _| {
            segment.append(header);
        });
        scanned.await.map_err(io(path.clone()))?;
        let kept = aborted.into_iter().filter(|a| a.last_offset < end);
        kept.for_each(|transaction| segment.note_aborted(transaction));
        let whole = place.position / BLOCK_BYTES as u64 * BLOCK_BYTES as u64;
        let block = file.read_at(whole, BLOCK_BYTES).await.map_err(io(path))?;
        let mut state = self.state();
        state.truncated(segment, file);
        self.0.shared.tails.forget_log(self.0.id);
        if !block.is_empty() {
            state.tail.resume(place, &block);
        }
        Ok(state.end_offset())
    }

    /// Takes back the checkpoint, the mark and what is said of cleanings, where they reach past
    /// the new end.
    async fn lower_promises(&self, place: Place, end: i64) -> Result<(), LogError> {
        let cleaned = self.state().cleaned;
        if cleaned.cut_to(place.segment) != cleaned {
            self.replace_cleaned(cleaned.cut_to(place.segment)).await?;
        }
        let known = Checkpoint::read(&self.0.env, &self.0.dir).await;
        let known = known.map_err(|cause| LogError::io(self.0.dir.clone(), &cause))?;
        let named = known.map(|c| {
            let is_past = c.next_offset.max(c.start_offset) > end;
            (is_past, (c.segment, c.position))
        });
        if let Some((is_past, at)) = named
            && (is_past || at > (place.segment, place.position))
        {
            let mut checkpoint = self.checkpoint_of_segment(place.segment).await?;
            checkpoint.start_offset = self.start_offset().min(end);
            self.replace_checkpoint(&checkpoint).await?;
            let mut state = self.state();
            let segments = state.segments();
            let last_bytes = segments.size_bytes_from(place.segment);
            let sealed_bytes = segments.size_bytes_from(checkpoint.segment) - last_bytes;
            let debt_bytes = sealed_bytes + place.position;
            state.durability_mut().recovery_debt_is(debt_bytes);
        }
        self.remove(self.0.dir.join(FLUSHED_FILE)).await?;
        self.sync_names().await
    }

    async fn remove(&self, path: PathBuf) -> Result<(), LogError> {
        match self.0.env.remove_file(&path).await {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Err(LogError::io(path, &cause))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn sync_names(&self) -> Result<(), LogError> {
        let synced = self.sync_dir().await;
        synced.map_err(|cause| LogError::io(self.0.dir.clone(), &cause))
    }
}
