//! Index entries in memory, and the two questions asked of them.

use std::sync::Arc;

use naru_record_batch::BatchHeader;

use super::AbortedTransaction;

/// Log bytes between two entries, at least.
const INTERVAL_BYTES: u64 = 64 << 10;

/// The start of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct IndexEntry {
    /// The first offset of the batch.
    pub offset: i64,
    /// Where it begins in the segment, in bytes.
    pub position: u64,
    /// The largest timestamp of all batches of the segment before it, in ms.
    pub max_timestamp_before_ms: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    entries: Vec<IndexEntry>,
    /// In the order of their markers, which are in this segment.
    aborted: Vec<AbortedTransaction>,
    /// Why they are not known; whoever reads all records does not need them.
    aborted_unread: Option<Arc<str>>,
}

impl Index {
    pub fn from_entries(entries: Vec<IndexEntry>) -> Self {
        Self {
            entries,
            aborted: Vec::new(),
            aborted_unread: None,
        }
    }

    /// Of a segment whose aborted transactions cannot be read, for this reason.
    #[must_use]
    pub fn without_aborted(self, reason: &str) -> Self {
        Self {
            aborted_unread: Some(reason.into()),
            ..self
        }
    }

    pub fn aborted_unread(&self) -> Option<&str> {
        self.aborted_unread.as_deref()
    }

    #[must_use]
    pub fn with_aborted(self, aborted: Vec<AbortedTransaction>) -> Self {
        Self { aborted, ..self }
    }

    /// # Panics
    /// Where they are not known: nothing aborted may be taken for committed.
    pub fn aborted(&self) -> &[AbortedTransaction] {
        assert!(
            self.aborted_unread.is_none(),
            "which transactions were aborted is not known: {:?}",
            self.aborted_unread
        );
        &self.aborted
    }

    /// Notes a transaction that was aborted, its marker being the last batch.
    ///
    /// # Panics
    /// When its marker is not after those of all that are known.
    pub fn note_aborted(&mut self, transaction: AbortedTransaction) {
        let last = self.aborted.last().map(|known| known.last_offset);
        assert!(
            last < Some(transaction.last_offset),
            "{transaction:?} comes after a marker at {last:?}"
        );
        self.aborted.push(transaction);
    }

    /// Forgets the transactions whose marker is at `offset` or after it.
    pub fn forget_aborted_from(&mut self, offset: i64) {
        let kept = self.aborted.partition_point(|a| a.last_offset < offset);
        self.aborted.truncate(kept);
    }

    pub fn entries(&self) -> &[IndexEntry] {
        &self.entries
    }

    /// Notes a batch at `position`; most are not worth an entry.
    pub fn note(&mut self, header: &BatchHeader, position: u64, max_timestamp_before_ms: i64) {
        let is_due = self
            .entries
            .last()
            .is_none_or(|last| position - last.position >= INTERVAL_BYTES);
        if is_due {
            self.entries.push(IndexEntry {
                offset: header.base_offset,
                position,
                max_timestamp_before_ms,
            });
        }
    }

    /// A batch start at or before `offset`, as near as the index knows; 0 is one.
    pub fn position_for_offset(&self, offset: i64) -> u64 {
        let after = self.entries.partition_point(|e| e.offset <= offset);
        self.before(after)
    }

    /// Where the first noted batch begins that holds only `offset` and later ones; all
    /// batches from there on do.
    pub fn position_from(&self, offset: i64) -> Option<u64> {
        let at = self.entries.partition_point(|e| e.offset < offset);
        self.entries.get(at).map(|entry| entry.position)
    }

    /// The last noted batch that begins before `position`.
    pub fn last_before(&self, position: u64) -> Option<IndexEntry> {
        let after = self.entries.partition_point(|e| e.position < position);
        self.entries.get(after.checked_sub(1)?).copied()
    }

    /// A batch start before which every timestamp is smaller than `timestamp_ms`.
    pub fn position_for_timestamp(&self, timestamp_ms: i64) -> u64 {
        let after = self
            .entries
            .partition_point(|e| e.max_timestamp_before_ms < timestamp_ms);
        self.before(after)
    }

    fn before(&self, after: usize) -> u64 {
        match after.checked_sub(1).and_then(|at| self.entries.get(at)) {
            Some(entry) => entry.position,
            None => 0,
        }
    }

    /// Forgets what is at `position` or after it.
    pub fn truncate(&mut self, position: u64) {
        self.entries.retain(|entry| entry.position < position);
    }
}
