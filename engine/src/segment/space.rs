//! Space ahead of the tail: what is prepared before a write, so that the write itself
//! costs the file system little.
//!
//! A small write into space that was written before is 30 to 50% cheaper to flush than
//! one into a fresh extent, whose first write is a journal commit; a large write
//! amortises that commit, and zeroing would double its bytes. So: small groups get zeroed
//! space, large groups get reserved space, and the step follows what was appended, so
//! that an idle partition costs next to nothing.

use naru_runtime::BLOCK_BYTES;

/// Groups of at least this size are written into reserved, not zeroed, space.
const LARGE_GROUP_BYTES: u64 = 128 << 10;

const ZERO_STEP_BYTES_MIN: u64 = 64 << 10;
const ZERO_STEP_BYTES_MAX: u64 = 1 << 20;
const RESERVE_STEP_BYTES_MIN: u64 = 1 << 20;
const RESERVE_STEP_BYTES_MAX: u64 = 64 << 20;

/// What to do before a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// Write zeros over `from..to`.
    Zero { from: u64, to: u64 },
    /// Reserve `from..to` (fallocate).
    Reserve { from: u64, to: u64 },
}

/// How far the file of a segment is prepared.
#[derive(Clone, Debug)]
pub struct Space {
    prepared_to: u64,
    zero_step: u64,
    reserve_step: u64,
}

impl Space {
    /// A file whose records end at `position`, in bytes. The block they end in counts as
    /// prepared: it holds records, so it is never zeroed.
    pub fn after(position: u64) -> Self {
        Self {
            prepared_to: position.next_multiple_of(BLOCK_BYTES as u64),
            zero_step: ZERO_STEP_BYTES_MIN,
            reserve_step: RESERVE_STEP_BYTES_MIN,
        }
    }

    /// What to prepare before `from..to` is written, both whole blocks, if it does not
    /// fit into what is prepared. `limit` is the largest size that the segment will have.
    pub fn before_write(&mut self, from: u64, to: u64, limit: u64) -> Option<Ahead> {
        if to <= self.prepared_to {
            return None;
        }
        let start = self.prepared_to;
        let is_large = to - from >= LARGE_GROUP_BYTES;
        let step = if is_large {
            let step = self.reserve_step;
            self.reserve_step = (step * 2).min(RESERVE_STEP_BYTES_MAX);
            step
        } else {
            let step = self.zero_step;
            self.zero_step = (step * 2).min(ZERO_STEP_BYTES_MAX);
            step
        };
        let end = to.max((start + step).min(limit));
        self.prepared_to = end;
        Some(if is_large {
            Ahead::Reserve {
                from: start,
                to: end,
            }
        } else {
            Ahead::Zero {
                from: start,
                to: end,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_grows_with_use_and_stops_at_the_segment_s_size() {
        let mut space = Space::after(0);
        assert_eq!(
            space.before_write(0, 4096, 1 << 30),
            Some(Ahead::Zero { from: 0, to: 65536 })
        );
        assert_eq!(space.before_write(4096, 65536, 1 << 30), None);
        assert_eq!(
            space.before_write(65536, 69632, 1 << 30),
            Some(Ahead::Zero {
                from: 65536,
                to: 65536 + 131072
            })
        );
        let limit = 300 << 10;
        assert_eq!(
            space.before_write(196608, 200704, limit),
            Some(Ahead::Zero {
                from: 196608,
                to: limit
            })
        );
    }

    #[test]
    fn a_large_group_gets_reserved_space() {
        let mut space = Space::after(0);
        assert_eq!(
            space.before_write(0, 3 << 20, 1 << 30),
            Some(Ahead::Reserve {
                from: 0,
                to: 3 << 20
            })
        );
    }

    /// Rounded down, the zeros went over the last block of a reopened log: a crash before
    /// the write behind them took flushed records away.
    #[test]
    fn zeros_ahead_of_a_reopened_log_spare_the_block_it_ends_in() {
        let mut space = Space::after(5000);
        assert_eq!(space.before_write(4096, 8192, 1 << 30), None);
        assert_eq!(
            space.before_write(4096, 12288, 1 << 30),
            Some(Ahead::Zero {
                from: 8192,
                to: 8192 + 65536
            })
        );
    }
}
