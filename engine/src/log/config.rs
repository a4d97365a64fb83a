//! What a log is told from outside: its settings, and what it shares with the other logs
//! of its shard.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;

use super::Fence;

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

/// Memory in the tails of a shard's logs: bounded by making new chunks smaller, and old
/// ones go sooner, as it is used up.
#[derive(Debug)]
pub struct TailBudget {
    limit_bytes: usize,
    used_bytes: Cell<usize>,
}

impl TailBudget {
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            used_bytes: Cell::new(0),
        }
    }

    pub fn used_bytes(&self) -> usize {
        self.used_bytes.get()
    }

    pub(super) fn free_bytes(&self) -> usize {
        self.limit_bytes.saturating_sub(self.used_bytes.get())
    }

    pub(super) fn is_scarce(&self) -> bool {
        self.used_bytes.get() > self.limit_bytes / 2
    }

    pub(super) fn take(&self, bytes: usize) {
        self.used_bytes.set(self.used_bytes.get() + bytes);
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.used_bytes
            .set(self.used_bytes.get().saturating_sub(bytes));
    }
}
