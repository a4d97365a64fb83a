//! The states of a transactional id, and which may follow which.

/// Kafka's TransactionState; the numbers are those of the records. Dead and PrepareEpochFence are
/// not here: an id that expires and one that is being fenced have a transition under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionState {
    Empty = 0,
    Ongoing = 1,
    PrepareCommit = 2,
    PrepareAbort = 3,
    CompleteCommit = 4,
    CompleteAbort = 5,
}

impl TransactionState {
    pub const ALL: [Self; 6] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
    ];

    pub fn code(self) -> i8 {
        self as i8
    }

    pub fn from_code(code: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    /// Whether a state of this name exists in Kafka, though nothing may be seen in it.
    pub fn is_name(name: &str) -> bool {
        Self::ALL.iter().any(|state| state.name() == name)
            || ["Dead", "PrepareEpochFence"].contains(&name)
    }

    /// Decided, and its markers are being written.
    pub fn is_prepared(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }

    /// Nothing is open: the next transaction may begin.
    pub fn is_at_rest(self) -> bool {
        matches!(
            self,
            Self::Empty | Self::CompleteCommit | Self::CompleteAbort
        )
    }

    pub fn may_become(self, next: Self) -> bool {
        match next {
            Self::Empty => self.is_at_rest(),
            Self::Ongoing => self.is_at_rest() || self == Self::Ongoing,
            Self::PrepareCommit => self == Self::Ongoing,
            // Without a transaction it only raises the epoch (KIP-890).
            Self::PrepareAbort => self.is_at_rest() || self == Self::Ongoing,
            Self::CompleteCommit => self == Self::PrepareCommit,
            Self::CompleteAbort => self == Self::PrepareAbort,
        }
    }
}
