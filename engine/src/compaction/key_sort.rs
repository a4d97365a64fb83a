//! Sorting more entries than there is memory for: sorted runs in temporary files, merged.
//! What is left of them after a crash is removed by recovery, by its name.

use std::path::{Path, PathBuf};

use naru_runtime::Disk;

use super::key_entry::KeyEntry;
use super::key_file::{KeyFacts, KeyFile, KeyFileId, KeyReader, KeyWriter};
use super::key_merge::{FILES_MAX, KeyMerge};
use super::{CleanError, Pace};

/// What a reader or a writer holds at least, and at most, in bytes.
const BUFFER_BYTES_MIN: usize = 16 << 10;
const BUFFER_BYTES_MAX: usize = 256 << 10;

/// Memory of one of `count` that share `memory_bytes`.
pub(super) fn buffer_bytes(memory_bytes: usize, count: usize) -> usize {
    (memory_bytes / count.max(1)).clamp(BUFFER_BYTES_MIN, BUFFER_BYTES_MAX)
}

/// Runs of one sort, which are gone when it is done.
pub(super) struct Runs<'a, D> {
    disk: &'a D,
    /// The runs are named after this.
    stem: PathBuf,
    memory_bytes: usize,
    runs: Vec<(PathBuf, KeyFileId)>,
    named_count: u64,
}

impl<'a, D: Disk> Runs<'a, D> {
    pub fn new(disk: &'a D, stem: &Path, memory_bytes: usize) -> Self {
        Self {
            disk,
            stem: stem.to_owned(),
            memory_bytes,
            runs: Vec::new(),
            named_count: 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    async fn begin_run(&mut self) -> Result<(KeyWriter<D::File>, KeyFileId), CleanError> {
        let id = KeyFileId {
            base_offset: self.named_count as i64,
            segment_bytes: 0,
            next_offset: 0,
        };
        let mut path = self.stem.clone().into_os_string();
        path.push(format!(".{}.tmp", self.named_count));
        let path = PathBuf::from(path);
        self.named_count += 1;
        self.runs.push((path.clone(), id));
        let bytes = buffer_bytes(self.memory_bytes, FILES_MAX);
        Ok((KeyWriter::create(self.disk, path, id, bytes).await?, id))
    }

    /// Writes what is in `entries`, sorted, and empties it.
    pub async fn spill(
        &mut self,
        entries: &mut Vec<KeyEntry>,
        pace: &impl Pace,
    ) -> Result<(), CleanError> {
        entries.sort_unstable();
        let (mut writer, _) = self.begin_run().await?;
        for entry in entries.drain(..) {
            writer.push(entry, pace).await?;
        }
        writer.finish(KeyFacts::default(), pace).await
    }

    /// Merges `readers` into a run.
    pub async fn merge(
        &mut self,
        readers: Vec<KeyReader<D::File>>,
        pace: &impl Pace,
    ) -> Result<(), CleanError> {
        let mut merge = KeyMerge::start(readers, pace).await?;
        let (mut writer, _) = self.begin_run().await?;
        while let Some(entry) = merge.next(pace).await? {
            writer.push(entry, pace).await?;
        }
        writer.finish(KeyFacts::default(), pace).await
    }

    /// All runs as one.
    pub async fn merged(&mut self, pace: &impl Pace) -> Result<KeyMerge<D::File>, CleanError> {
        while self.runs.len() > FILES_MAX {
            let oldest: Vec<_> = self.runs.drain(..FILES_MAX).collect();
            let readers = self.readers(&oldest).await?;
            self.merge(readers, pace).await?;
            for (path, _) in oldest {
                self.remove(&path).await?;
            }
        }
        let runs = self.runs.clone();
        KeyMerge::start(self.readers(&runs).await?, pace).await
    }

    async fn readers(
        &self,
        runs: &[(PathBuf, KeyFileId)],
    ) -> Result<Vec<KeyReader<D::File>>, CleanError> {
        let bytes = buffer_bytes(self.memory_bytes, runs.len());
        let mut readers = Vec::with_capacity(runs.len());
        for (path, id) in runs {
            let file = KeyFile::open(self.disk, path, *id).await?;
            let file = file.ok_or_else(|| CleanError::KeyFile { path: path.clone() })?;
            readers.push(file.entries(bytes));
        }
        Ok(readers)
    }

    async fn remove(&self, path: &Path) -> Result<(), CleanError> {
        let removed = self.disk.remove_file(path).await;
        removed.map_err(CleanError::io(path))
    }

    /// Removes the runs.
    pub async fn end(self) -> Result<(), CleanError> {
        for (path, _) in &self.runs {
            self.remove(path).await?;
        }
        Ok(())
    }
}
