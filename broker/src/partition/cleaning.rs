//! What the cleaner is told of a partition, and does to it: the log stays behind its door.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use naru_engine::compaction::{Choice, CleanError, Cleaned, LastOfProducer, Limits};

use naru_engine::log::{AbortedTransaction, Cleaning, ReadError, Replaced};

use super::Partition;

impl Partition {
    /// Begins a cleaning, when no other is under way.
    ///
    /// # Errors
    /// When the log has ended, or is about to.
    pub async fn begin_cleaning(&self) -> Result<Cleaning, CleanError> {
        let begun = self.log.begin_cleaning().await;
        begun.map_err(|_| CleanError::Stopped)
    }

    /// What is to be cleaned, of what is stable: nothing of it is ever cut off, and all of its
    /// transactions have ended.
    pub async fn choose_cleaning(&self, limits: &Limits) -> Option<Choice> {
        let stable_offset = limits.stable_offset.min(self.last_stable_offset());
        let limits = Limits {
            stable_offset,
            ..*limits
        };
        self.log.choose(&limits).await
    }

    /// See [`naru_engine::log::Log::roll_if_older`].
    pub fn roll_if_older(&self, max_lag_ms: i64, now_ms: i64) {
        self.log.roll_if_older(max_lag_ms, now_ms);
    }

    /// See [`naru_engine::log::Log::changes_count`].
    pub fn changes_count(&self) -> u64 {
        self.log.changes_count()
    }

    /// Where the files are that a cleaning reads and writes.
    pub fn dir(&self) -> &Path {
        self.log.dir()
    }

    /// The aborted transactions that have a part in what is to be cleaned.
    ///
    /// # Errors
    /// When the log was cut or dropped meanwhile, or cannot be read.
    pub async fn aborted_in(&self, choice: &Choice) -> Result<Vec<AbortedTransaction>, CleanError> {
        let (Some(first), Some(last)) = (choice.segments.first(), choice.segments.last()) else {
            return Ok(Vec::new());
        };
        // What is below the start of the log is nobody's.
        let from = first.base_offset.max(self.log.start_offset());
        let found = self.log.aborted_transactions(from, last.next_offset).await;
        found.map_err(|error| match error {
            ReadError::OffsetOutOfRange { .. } => CleanError::Stopped,
            ReadError::Io { path, cause } => CleanError::Io {
                path,
                cause: io::Error::other(cause.to_string()),
            },
            ReadError::Damaged { path, position } => CleanError::Damaged { path, position },
        })
    }

    /// What must be left of each producer, by its id.
    pub fn last_of_producers(&self) -> HashMap<i64, LastOfProducer> {
        let producers = self.producers.borrow();
        let last = producers.last_of_each();
        last.map(|(producer_id, epoch, last_data_offset)| {
            let last = LastOfProducer {
                last_data_offset,
                epoch,
            };
            (producer_id, last)
        })
        .collect()
    }

    /// Puts what was cleaned in its place; see [`naru_engine::log::Log::replace`].
    ///
    /// # Errors
    /// When the log is not what it was, or its files could not be exchanged.
    pub async fn replace(&self, cleaning: &Cleaning, by: &Cleaned) -> Result<Replaced, CleanError> {
        self.log.replace(cleaning, by, self.checkpointed()).await
    }

    /// A cleaning has come to its end: all before `offset` is clean.
    ///
    /// # Errors
    /// When that could not be written down.
    pub async fn cleaned_to(&self, cleaning: &Cleaning, offset: i64) -> Result<(), CleanError> {
        self.log.cleaned_to(cleaning, offset).await
    }
}
