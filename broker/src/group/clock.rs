//! The time of an event, by both clocks.

/// Passed in with every event: the coordinator has no clock of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Monotonic, from any beginning, in ms: for what is waited for (sessions, phases of a
    /// rebalance). A step of the wall clock evicts nobody.
    pub steady_ms: i64,
    /// Since 1970, in ms: for what is written into records, and how long offsets are kept.
    pub wall_ms: i64,
}
