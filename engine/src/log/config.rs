//! What a log is told from outside: its settings, and what it shares with the other logs
//! of its shard.

use std::rc::Rc;

use bytes::Bytes;

use super::{Fence, TailBudget};

/// Settings of one log; may change while it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// A segment that would grow beyond this is sealed first, in bytes.
    pub segment_bytes: u64,
    /// A segment older than this is sealed at the next append, in ms.
    pub segment_ms: i64,
    /// Records older than this may be deleted, in ms; `None` keeps them.
    pub retention_ms: Option<i64>,
    /// What the log may hold before its oldest segments are deleted, in bytes.
    pub retention_bytes: Option<u64>,
    /// The content of `partition.metadata`, written when the directory is made.
    pub identity: Bytes,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            retention_ms: None,
            retention_bytes: None,
            identity: Bytes::new(),
        }
    }
}

/// What the logs of a shard share.
#[derive(Clone)]
pub struct Shared {
    pub fence: Fence,
    pub tails: Rc<TailBudget>,
}
