//! Which transactions a reader of committed records has to drop.
//!
//! An entry stands with its transaction's marker, which may be segments after what a reader
//! reads. An entry's last stable offset says when to stop looking: no transaction that began
//! below it has a later marker.

use super::read::Interrupted;
use super::{Log, ReadError};
use crate::index::AbortedTransaction;
use crate::segment::aborted_path;
use naru_runtime::Env;

impl<E: Env> Log<E> {
    /// Notes that a transaction was aborted, by the marker that was appended just before.
    ///
    /// # Panics
    /// When the last batch is not that marker.
    pub fn note_aborted(&self, transaction: AbortedTransaction) {
        let mut state = self.state();
        let end = state.end_offset();
        assert!(
            transaction.last_offset + 1 == end,
            "the log ends at {end}, not after the marker of {transaction:?}"
        );
        state.segments_mut().note_aborted(transaction);
    }

    /// The aborted transactions that a reader of the offsets from `from` up to, not including,
    /// `end` meets: also those that began before. In the order of their markers. All of what is
    /// read must lie below the last stable offset; what comes later adds nothing to the answer.
    ///
    /// # Errors
    /// `OffsetOutOfRange` when the log does not hold `from` any more; `Io` where a segment's
    /// aborted transactions cannot be read.
    pub async fn aborted_transactions(
        &self,
        from: i64,
        end: i64,
    ) -> Result<Vec<AbortedTransaction>, ReadError> {
        loop {
            match self.try_aborted_transactions(from, end).await {
                Err(Interrupted::Cut) => {}
                Err(Interrupted::Failed(error)) => return Err(error),
                Ok(found) => return Ok(found),
            }
        }
    }

    async fn try_aborted_transactions(
        &self,
        from: i64,
        end: i64,
    ) -> Result<Vec<AbortedTransaction>, Interrupted> {
        let (segments, cuts) = {
            let state = self.state();
            let segments = state.segments().with_aborted_from(from);
            (segments, state.readers.cuts())
        };
        let mut found = Vec::new();
        for segment in segments {
            let mut collect = |entries: &[AbortedTransaction]| {
                for entry in entries {
                    if entry.is_within(from, end) {
                        found.push(*entry);
                    }
                    if entry.last_stable_offset >= end {
                        return true;
                    }
                }
                false
            };
            let asked = self.ask_aborted(segment, |entries| collect(entries)).await;
            let state = self.state();
            if state.readers.cuts() != cuts {
                return Err(Interrupted::Cut);
            }
            let (start, log_end) = (state.start_offset(), state.end_offset());
            if from < start {
                let offset = from;
                let end = log_end;
                return Err(ReadError::OffsetOutOfRange { offset, start, end }.into());
            }
            if asked? {
                break;
            }
        }
        Ok(found)
    }

    /// Which transactions were aborted in a segment; an error where that is not known.
    pub(super) async fn ask_aborted<T>(
        &self,
        segment: i64,
        ask: impl FnOnce(&[AbortedTransaction]) -> T,
    ) -> Result<T, ReadError> {
        let asked = self.ask_index(segment, |index| match index.aborted_unread() {
            None => Ok(ask(index.aborted())),
            Some(reason) => Err(reason.into()),
        });
        asked.await?.map_err(|cause| ReadError::Io {
            path: aborted_path(&self.0.dir, segment),
            cause,
        })
    }
}
