//! How `naru.memory` is divided. The uses do not lend each other anything: readers who
//! never read spend what is for answers, and producers go on.

/// Shares are counted in 32nds of the whole.
const PARTS: usize = 32;

/// The shares of `naru.memory`, in bytes. Their sum is the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// Buffers of connections for frames up to a megabyte, until they are served.
    pub frames: usize,
    /// Frames above that, each reserved as a whole.
    pub large_frames: usize,
    /// Answers, from before they are read until they are sent.
    pub answers: usize,
    /// What decompressors hold while batches are checked.
    pub checks: usize,
    /// Tails of logs and what is read ahead, over all shards.
    pub tails: usize,
    /// Free buffers that are kept for the next use.
    pub pool: usize,
}

impl Shares {
    pub fn of(memory_bytes: usize) -> Self {
        let part = memory_bytes / PARTS;
        let shares = Self {
            frames: 2 * part,
            answers: 6 * part,
            checks: part,
            tails: 8 * part,
            pool: part,
            large_frames: memory_bytes - 18 * part,
        };
        assert_eq!(shares.sum(), memory_bytes);
        shares
    }

    fn sum(&self) -> usize {
        self.frames + self.large_frames + self.answers + self.checks + self.tails + self.pool
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_the_whole_whatever_its_size() {
        for bytes in [0, 31, 16 << 20, (160 << 20) + 7, 4 << 30] {
            assert_eq!(Shares::of(bytes).sum(), bytes);
        }
    }

    /// 256 MiB is the least that a broker takes by itself.
    #[test]
    fn a_request_of_the_default_limit_fits_into_its_share() {
        assert!(Shares::of(256 << 20).large_frames >= 104_857_600);
    }
}
