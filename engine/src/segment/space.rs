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
    /// Where the last write ends that was asked about.
    needed_to: u64,
    zero_step: u64,
    reserve_step: u64,
    /// The file system can reserve space.
    can_reserve: bool,
}

impl Space {
    /// A file whose records end at `position`, in bytes. The block they end in counts as
    /// prepared: it holds records, so it is never zeroed.
    pub fn after(position: u64) -> Self {
        Self {
            prepared_to: position.next_multiple_of(BLOCK_BYTES as u64),
            needed_to: 0,
            zero_step: ZERO_STEP_BYTES_MIN,
            reserve_step: RESERVE_STEP_BYTES_MIN,
            can_reserve: true,
        }
    }

    /// What to prepare before `from..to` is written, both whole blocks, if it does not
    /// fit into what is prepared. `limit` is the largest size that the segment will have.
    pub fn before_write(&mut self, from: u64, to: u64, limit: u64) -> Option<Ahead> {
        self.needed_to = to;
        if to <= self.prepared_to {
            return None;
        }
        let start = self.prepared_to;
        let is_large = to - from >= LARGE_GROUP_BYTES;
        if is_large && !self.can_reserve {
            self.prepared_to = to;
            return None;
        }
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

impl Space {
    /// What was to be prepared last is not: there is only what the write itself takes. Where
    /// it is not possible at all, it is not asked for again.
    pub fn not_prepared(&mut self, ahead: Ahead, is_possible: bool) {
        self.prepared_to = self.needed_to;
        self.zero_step = ZERO_STEP_BYTES_MIN;
        self.reserve_step = RESERVE_STEP_BYTES_MIN;
        if matches!(ahead, Ahead::Reserve { .. }) {
            self.can_reserve = is_possible;
        }
    }

    /// All before `to` is prepared, a whole number of blocks.
    pub fn prepared(&mut self, to: u64) {
        self.prepared_to = self.prepared_to.max(to);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
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

    /// Zeros from where the preparation began would go over what was written since.
    #[test]
    fn space_that_could_not_be_prepared_is_asked_for_after_the_write() {
        let mut space = Space::after(0);
        let refused = space.before_write(0, 4096, 1 << 30);
        space.not_prepared(refused.unwrap(), true);
        assert_eq!(
            space.before_write(4096, 8192, 1 << 30),
            Some(Ahead::Zero {
                from: 4096,
                to: 4096 + 65536
            })
        );
    }

    #[test]
    fn what_the_file_system_cannot_reserve_is_not_asked_for_again() {
        let mut space = Space::after(0);
        let refused = space.before_write(0, 1 << 20, 1 << 30);
        space.not_prepared(refused.unwrap(), false);
        assert_eq!(space.before_write(1 << 20, 2 << 20, 1 << 30), None);
        assert_eq!(
            space.before_write(2 << 20, (2 << 20) + 4096, 1 << 30),
            Some(Ahead::Zero {
                from: 2 << 20,
                to: (2 << 20) + 65536
            })
        );
    }

    /// Rounded down, the zeros went over the last block of a reopened log: a crash before
    /// the write after them took flushed records away.
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
