//! What may go: whole segments, by age and by size, the oldest first.

use std::path::PathBuf;

use super::{Log, LogError};
use crate::segment::{deleted_path, index_path};
use naru_runtime::Env;

impl<E: Env> Log<E> {
    /// Drops the segments that retention no longer keeps. Their files are renamed and
    /// returned: whoever removes them may take their time.
    ///
    /// The segment that takes the appends stays, unless all of its records are too old:
    /// then it is sealed, and goes with a later call.
    pub async fn drop_expired(&self, now_ms: i64) -> Result<Vec<PathBuf>, LogError> {
        let count = {
            let mut state = self.state();
            if state.is_active_expired(now_ms) && state.segments().unsealed_count() == 1 {
                state.rolled(now_ms);
            }
            state.expired(now_ms)
        };
        self.start_writer();
        self.drop_oldest(count).await
    }

    /// Makes `offset` the first that may be read (DeleteRecords), and drops the segments
    /// that lie before it. It survives a power cut when this returns.
    pub async fn advance_start(&self, offset: i64) -> Result<Vec<PathBuf>, LogError> {
        self.state().start_advanced(offset);
        self.keep_start().await?;
        let count = {
            let state = self.state();
            let start = state.start_offset();
            let next_bases = state.segments().base_offsets().skip(1);
            next_bases.take_while(|&end| end <= start).count()
        };
        self.drop_oldest(count).await
    }

    async fn drop_oldest(&self, count: usize) -> Result<Vec<PathBuf>, LogError> {
        let mut renamed = Vec::new();
        for _ in 0..count {
            let (base_offset, path) = {
                let mut state = self.state();
                let mut bases = state.segments().base_offsets();
                let (Some(_), Some(next)) = (bases.next(), bases.next()) else {
                    break;
                };
                drop(bases);
                let Some(oldest) = state.segments().sealed_iter().next() else {
                    break;
                };
                let oldest = (oldest.base_offset(), oldest.path().clone());
                state.start_advanced(next);
                state.oldest_dropped();
                drop(state);
                self.forget_segment(oldest.0);
                oldest
            };
            for from in [path, index_path(&self.0.dir, base_offset)] {
                let to = deleted_path(&from);
                match self.0.env.rename(&from, &to).await {
                    Ok(()) => renamed.push(to),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => return Err(LogError::io(from, &error)),
                }
            }
            // One by one: a power cut that takes back the removal of an older segment but
            // not of a newer one would leave a gap.
            let synced = self.0.env.sync_dir(&self.0.dir).await;
            synced.map_err(|error| LogError::io(self.0.dir.clone(), &error))?;
        }
        Ok(renamed)
    }

    /// Gives back memory if nothing was appended since the last call.
    pub fn rest(&self) {
        let mut state = self.state();
        if !state.take_rest() || state.durability().is_writing() {
            return;
        }
        let written = state.durability().write_place();
        state.tail.trim(written, true);
        drop(state);
        self.release_unused();
    }
}

impl<F> super::state::State<F> {
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
