//! The shares of requests and answers, by what they are asked for.

use super::{Pot, Reservation, Shares};

/// A frame above this is reserved as a whole, once its first part has come.
pub const LARGE_FRAME_BYTES_MIN: usize = 1 << 20;

/// What requests that are being received and checked and answers that are being sent may
/// hold, over all shards.
#[derive(Clone, Debug)]
pub struct MemoryBudget {
    frames: Pot,
    large_frames: Pot,
    answers: Pot,
    checks: Pot,
}

/// On which side somebody waits for memory, so that peers who stall there are closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shortage {
    pub of_frames: bool,
    pub of_answers: bool,
}

impl Shortage {
    pub fn is_any(self) -> bool {
        self.of_frames || self.of_answers
    }
}

impl MemoryBudget {
    pub fn new(shares: &Shares) -> Self {
        Self {
            frames: Pot::new(shares.frames),
            large_frames: Pot::new(shares.large_frames),
            answers: Pot::new(shares.answers),
            checks: Pot::new(shares.checks),
        }
    }

    fn pot_of_frame(&self, buffer_bytes: usize) -> &Pot {
        if buffer_bytes > LARGE_FRAME_BYTES_MIN {
            &self.large_frames
        } else {
            &self.frames
        }
    }

    /// Memory for a receive buffer, if it is free.
    pub fn try_reserve_frame(&self, buffer_bytes: usize) -> Option<Reservation> {
        self.pot_of_frame(buffer_bytes).try_reserve(buffer_bytes)
    }

    /// Memory for a receive buffer, in turn. The buffer that it replaces, of `old_bytes`,
    /// stays reserved meanwhile.
    pub async fn reserve_frame(&self, buffer_bytes: usize, old_bytes: usize) -> Reservation {
        let pot = self.pot_of_frame(buffer_bytes);
        // What is held of the one pot keeps nobody from going on in the other.
        let is_same = buffer_bytes <= LARGE_FRAME_BYTES_MIN;
        let held_bytes = if is_same { old_bytes } else { 0 };
        pot.reserve(buffer_bytes, held_bytes).await
    }

    /// Whether memory for buffers runs out, so that they should start small.
    pub fn are_frames_tight(&self) -> bool {
        self.frames.used_bytes() > self.frames.limit_bytes() / 2
    }

    /// Memory for an answer, to be reserved before it is read; what turns out to be too
    /// much is given back with [`Reservation::set_bytes`].
    pub async fn reserve_answer(&self, bytes: usize) -> Reservation {
        self.answers.reserve(bytes, 0).await
    }

    /// Whether memory for answers runs out, so that they should be short.
    pub fn are_answers_tight(&self) -> bool {
        self.answers.used_bytes() > self.answers.limit_bytes() / 2
    }

    /// Counts an answer that is there already.
    pub fn charge_answer(&self, bytes: usize) -> Reservation {
        self.answers.charge(bytes)
    }

    /// Memory for the decompressor of a batch that is checked, in turn.
    pub async fn reserve_check(&self, bytes: usize) -> Reservation {
        self.checks.reserve(bytes, 0).await
    }

    /// The shares that requests and answers take from, each with its name.
    pub fn pots(&self) -> [(&'static str, &Pot); 4] {
        [
            ("frames", &self.frames),
            ("large_frames", &self.large_frames),
            ("answers", &self.answers),
            ("checks", &self.checks),
        ]
    }

    pub fn shortage(&self) -> Shortage {
        Shortage {
            of_frames: self.frames.is_short() || self.large_frames.is_short(),
            of_answers: self.answers.is_short(),
        }
    }
}
