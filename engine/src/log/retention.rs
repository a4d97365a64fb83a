//! What may go: whole segments, by age and by size, the oldest first.
//!
//! First the start of the log moves, so that no reader begins in what is about to go; then the
//! files get their new names, durably; then the segment is forgotten. What fails on the way is
//! tried again by the next call, with a log that is whole meanwhile.

use std::path::PathBuf;

use super::{Log, LogError};
use crate::segment::{
    aborted_path, deleted_path, index_path, keys_path, segment_path, snapshot_path,
};
use naru_runtime::Env;

impl<E: Env> Log<E> {
    /// Drops the segments that retention no longer keeps. Their files are renamed and
    /// returned: whoever removes them may take their time.
    ///
    /// The segment that takes the appends stays, unless all of its records are too old:
    /// then it is sealed, and goes with a later call.
    pub async fn drop_expired(&self, now_ms: i64) -> Result<Vec<PathBuf>, LogError> {
        self.check()?;
        {
            let mut state = self.state();
            let may_roll = state.life().may_write() && !state.life().is_closing();
            let has_one = state.segments().unsealed_count() == 1;
            if may_roll && has_one && state.is_active_expired(now_ms) {
                state.rolled(now_ms);
            }
        }
        self.start_writer();
        let _only = self.0.removing.acquire(1).await;
        let keep_from = self.state().first_kept(now_ms);
        let dropped = self.drop_before(keep_from).await;
        // What is removed soon may be the room that the log waits for.
        self.probe_for_room();
        dropped
    }

    /// Makes `offset` the first that may be read (DeleteRecords), and drops the segments
    /// that lie before it. It survives a power cut when this returns.
    pub async fn advance_start(&self, offset: i64) -> Result<Vec<PathBuf>, LogError> {
        self.check()?;
        // First: a truncation under way counts on the start that it knows.
        let _only = self.0.removing.acquire(1).await;
        self.check()?;
        self.state().start_advanced(offset);
        self.keep_start().await?;
        let start = self.start_offset();
        self.drop_before(start).await
    }

    /// Drops the sealed segments all of whose offsets are below `keep_from`. One caller at a
    /// time: two would each drop what both have counted.
    async fn drop_before(&self, keep_from: i64) -> Result<Vec<PathBuf>, LogError> {
        let _lease = self.lease()?;
        loop {
            self.check()?;
            let oldest = {
                let mut state = self.state();
                let oldest = state.segments().oldest_sealed();
                let oldest = oldest.filter(|(_, next)| *next <= keep_from);
                let Some((oldest, next)) = oldest.map(|(s, next)| (s.base_offset(), next)) else {
                    return Ok(std::mem::take(&mut state.renamed));
                };
                state.drop_begins(next);
                oldest
            };
            for from in [
                segment_path(&self.0.dir, oldest),
                index_path(&self.0.dir, oldest),
                aborted_path(&self.0.dir, oldest),
                snapshot_path(&self.0.dir, oldest),
                keys_path(&self.0.dir, oldest),
            ] {
                let to = deleted_path(&from);
                match self.0.env.rename(&from, &to).await {
                    Ok(()) => self.state().renamed.push(to),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => return Err(LogError::io(from, &error)),
                }
            }
            // One by one: a power cut that takes back the removal of an older segment but
            // not of a newer one would leave a gap.
            let synced = self.sync_dir().await;
            synced.map_err(|error| LogError::io(self.0.dir.clone(), &error))?;
            self.state().oldest_dropped();
            self.forget_segment(oldest);
        }
    }

    /// Gives back memory and the file that is written, if nothing was appended since the last call.
    pub fn rest(&self) {
        let mut state = self.state();
        if !state.take_rest() || state.durability().is_writing() {
            return;
        }
        let written = state.durability().write_place();
        state.tail.trim(written, true);
        let end = state.end_offset();
        drop(state);
        if !self.close_file() {
            // What nobody has waited for so far is to be in the file before it is closed, by the
            // next call.
            self.demand_flush(end);
        }
        self.release_unused();
    }

    /// Closes the file that is written until there is something to write; false if it is in use. A
    /// shard asks for it when too many are open.
    pub fn close_file(&self) -> bool {
        let mut state = self.state();
        let may_close = state.may_close_file();
        if may_close {
            state.file_closed();
        }
        may_close || state.segments().file().is_none()
    }
}

impl<F> super::state::State<F> {
    /// The base offset of the oldest segment that retention keeps.
    fn first_kept(&self, now_ms: i64) -> i64 {
        let mut bases = self.segments().base_offsets();
        bases
            .nth(self.expired(now_ms))
            .unwrap_or(self.start_offset())
    }

    /// How many of the oldest sealed segments may go.
    fn expired(&self, now_ms: i64) -> usize {
        let by_age = match self.config().retention_ms {
            None => 0,
            Some(keep_ms) => self
                .segments()
                .sealed_iter()
                .take_while(|s| is_older(s.max_timestamp_ms(), now_ms, keep_ms))
                .count(),
        };
        let by_size = match self.config().retention_bytes {
            None => 0,
            Some(keep_bytes) => {
                let mut left = self.size_bytes();
                self.segments()
                    .sealed_iter()
                    .take_while(|s| {
                        left -= s.size_bytes();
                        left >= keep_bytes
                    })
                    .count()
            }
        };
        by_age.max(by_size)
    }

    /// Whether every record of the segment that takes the appends is too old: it is then
    /// time to begin another.
    fn is_active_expired(&self, now_ms: i64) -> bool {
        match (self.config().retention_ms, self.segments().active()) {
            (Some(keep_ms), Some(segment)) => {
                segment.position() > 0 && is_older(segment.max_timestamp_ms(), now_ms, keep_ms)
            }
            _ => false,
        }
    }
}

/// Whether the newest record of a segment is older than `keep_ms`. Records without a
/// timestamp (-1) have no age: they go by size only, never too early (KAFKA-10207 was
/// such a deletion).
fn is_older(max_timestamp_ms: i64, now_ms: i64, keep_ms: i64) -> bool {
    max_timestamp_ms >= 0 && now_ms.saturating_sub(max_timestamp_ms) > keep_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_without_a_timestamp_do_not_expire_by_age() {
        assert!(is_older(0, 1_001, 1_000));
        assert!(!is_older(1, 1_001, 1_000));
        assert!(!is_older(-1, i64::MAX, 1_000));
        assert!(!is_older(i64::MIN, i64::MAX, 1_000));
    }
}
