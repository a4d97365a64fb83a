//! From a segment to its key file: every record is read and its key hashed.

use std::path::Path;

use naru_record_batch::{BatchHeader, RecordPieces};
use naru_runtime::Disk;

use super::key_entry::{ENTRY_BYTES, KeyEntry, KeyHasher, KeySum};
use super::key_file::{KeyFacts, KeyFileId, KeyWriter};
use super::key_sort::{Runs, buffer_bytes};
use super::transactions::Aborted;
use super::walk::{Walk, Walked};
use super::{CleanError, Pace};

/// What of the memory is for entries that are not sorted yet.
const ENTRIES_SHARE: usize = 2;
/// Decompressed bytes after which the pace is told.
const STEP_BYTES: usize = 256 << 10;

/// What was found while a segment was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Built {
    pub facts: KeyFacts,
    pub sum: KeySum,
    pub next_offset: i64,
    /// Batches that hold no record.
    pub empty_count: u64,
}

/// What is to be read, and where the keys go.
pub(super) struct KeyBuild<'a, D> {
    pub disk: &'a D,
    /// The segment, under whatever name it has.
    pub segment: &'a Path,
    pub id: KeyFileId,
    /// The key file, when it is done.
    pub target: &'a Path,
    pub aborted: &'a Aborted,
    pub memory_bytes: usize,
}

impl<D: Disk> KeyBuild<'_, D> {
    /// Reads the segment through, and writes its key file.
    pub async fn run(&self, pace: &impl Pace) -> Result<Built, CleanError> {
        let KeyFileId {
            base_offset,
            segment_bytes,
            ..
        } = self.id;
        let mut walk = Walk::open(self.disk, self.segment, segment_bytes, base_offset).await?;
        let mut built = Built::default();
        let mut runs = Runs::new(self.disk, self.target, self.memory_bytes);
        let entries_max = (self.memory_bytes / ENTRIES_SHARE / ENTRY_BYTES).max(1);
        let mut entries = Vec::new();
        while let Some(batch) = walk.next(pace).await? {
            let header = &batch.header;
            let attributes = header.attributes;
            built.facts.has_transactions |=
                attributes.is_transactional() || attributes.is_control();
            built.empty_count += u64::from(header.is_empty());
            if attributes.is_control() || self.aborted.holds(header) {
                continue;
            }
            let mut records = Records::open(&batch, &walk)?;
            while let Some(entry) = records.next(&mut built.facts)? {
                built.sum.add(entry);
                entries.push(entry);
                if entries.len() >= entries_max {
                    runs.spill(&mut entries, pace).await?;
                }
                if records.take_step() {
                    pace.moved(0).await?;
                }
            }
        }
        built.next_offset = walk.next_offset();
        self.write(entries, runs, built.facts, pace).await?;
        Ok(built)
    }

    async fn write(
        &self,
        mut entries: Vec<KeyEntry>,
        mut runs: Runs<'_, D>,
        facts: KeyFacts,
        pace: &impl Pace,
    ) -> Result<(), CleanError> {
        let mut temporary = self.target.to_owned().into_os_string();
        temporary.push(".tmp");
        let temporary = std::path::PathBuf::from(temporary);
        let bytes = buffer_bytes(self.memory_bytes, 2);
        let path = temporary.clone();
        let mut writer = KeyWriter::create(self.disk, path, self.id, bytes).await?;
        if runs.is_empty() {
            entries.sort_unstable();
            for entry in entries {
                writer.push(entry, pace).await?;
            }
        } else {
            runs.spill(&mut entries, pace).await?;
            drop(entries);
            let mut merged = runs.merged(pace).await?;
            while let Some(entry) = merged.next(pace).await? {
                writer.push(entry, pace).await?;
            }
            drop(merged);
            runs.end().await?;
        }
        writer.finish(facts, pace).await?;
        let renamed = self.disk.rename(&temporary, self.target).await;
        renamed.map_err(CleanError::io(self.target))
    }
}

/// The records of a batch, as entries.
struct Records<'a, F> {
    header: BatchHeader,
    pieces: RecordPieces<bytes::Bytes>,
    walk: &'a Walk<F>,
    told_bytes: usize,
}

impl<'a, F: naru_runtime::File> Records<'a, F> {
    fn open(batch: &Walked, walk: &'a Walk<F>) -> Result<Self, CleanError> {
        let pieces = RecordPieces::open(&batch.header, batch.payload());
        Ok(Self {
            header: batch.header,
            pieces: pieces.map_err(|_| walk.damaged())?,
            walk,
            told_bytes: 0,
        })
    }

    /// The next record that has a key.
    fn next(&mut self, facts: &mut KeyFacts) -> Result<Option<KeyEntry>, CleanError> {
        self.read(facts).map_err(|_| self.walk.damaged())
    }

    fn read(
        &mut self,
        facts: &mut KeyFacts,
    ) -> Result<Option<KeyEntry>, naru_record_batch::RecordError> {
        while let Some(front) = self.pieces.enter()? {
            let mut hasher = KeyHasher::default();
            if !self.pieces.key(|piece| hasher.update(piece))? {
                facts.unkeyed_count += 1;
                continue;
            }
            let is_tombstone = !self.pieces.has_value()?;
            if is_tombstone {
                match self.header.delete_horizon_ms() {
                    Some(at_ms) => facts.first_horizon_ms = facts.first_horizon_ms.min(at_ms),
                    None => facts.bare_tombstones_count += 1,
                }
            }
            return Ok(Some(KeyEntry {
                hash: hasher.finish(),
                offset: self.header.base_offset + i64::from(front.offset_delta),
                is_tombstone,
            }));
        }
        Ok(None)
    }

    /// Whether so much was decompressed that others are to have a turn.
    fn take_step(&mut self) -> bool {
        let produced = self.pieces.produced_bytes();
        let is_due = produced - self.told_bytes >= STEP_BYTES;
        if is_due {
            self.told_bytes = produced;
        }
        is_due
    }
}
