//! DeleteRecords (KIP-107): a client raises the offset at which a partition begins.
//!
//! The start is durable before the answer. Segments that lie below it whole are dropped at once;
//! a batch that holds it stays, and clients skip its first records.

use std::path::PathBuf;

use naru_engine::log::LogError;

use super::{AckError, Isolation, Partition};

/// Stands for the high watermark in a request.
const HIGH_WATERMARK: i64 = -1;

/// What is left.
#[derive(Debug)]
pub struct Deleted {
    /// The first offset that may still be read: Kafka's low watermark, as no replica is behind.
    pub start_offset: i64,
    /// Files that nobody reads any more, once those who began have finished.
    pub files: Vec<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum DeleteRecordsError {
    #[error("cleanup.policy of the topic does not delete records")]
    PolicyViolation,
    #[error("offset {offset} is not between 0 and the high watermark {high_watermark}")]
    OutOfRange { offset: i64, high_watermark: i64 },
    #[error(transparent)]
    NotLeader(#[from] AckError),
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Partition {
    /// Deletes the records below `offset`, or all committed ones if it is -1. An offset below
    /// the start is no error, and changes nothing.
    pub async fn delete_records(&self, offset: i64) -> Result<Deleted, DeleteRecordsError> {
        let policy = self.config.borrow().cleanup_policy;
        if policy.compact && !policy.delete {
            return Err(DeleteRecordsError::PolicyViolation);
        }
        // What was acknowledged before may be deleted, flushed until now or not.
        let high_watermark = self.latest(Isolation::ReadUncommitted).await?;
        self.check_leads()?;
        let target = match offset {
            HIGH_WATERMARK => high_watermark,
            offset => offset,
        };
        if !(0..=high_watermark).contains(&target) {
            return Err(DeleteRecordsError::OutOfRange {
                offset,
                high_watermark,
            });
        }
        let files = self.log().advance_start(target).await?;
        // The last stable offset may have moved: what was deleted is undecided no more.
        self.high_watermark().wake();
        Ok(Deleted {
            start_offset: self.start_offset(),
            files,
        })
    }
}
