//! Recovery of one partition's directory (the rules are in the module's docs).

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use naru_record_batch::BatchHeader;

use super::mark::Mark;
use super::{Checkpoint, SegmentSnapshot, scan};
use crate::index::{Index, SegmentIndex};
use crate::segment::{
    METADATA_FILE, index_path, parse_log_name, parse_snapshot_name, segment_path,
};
use naru_runtime::{Disk, File, Open, read_file};

/// What the user of a log is told during recovery, in the order of the offsets.
#[derive(Debug)]
pub enum Replay<'a> {
    /// The user's state at the place that recovery starts from.
    UserState(&'a [u8]),
    /// A batch after it.
    Batch(&'a BatchHeader),
}

/// A log as recovery found it: plain data, made on one thread and opened on another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovered {
    pub start_offset: i64,
    pub next_offset: i64,
    pub sealed: Vec<SealedFound>,
    pub active: Option<ActiveFound>,
    /// Leader epochs and their first offsets, ascending.
    pub epochs: Vec<(i32, i64)>,
    /// Bytes after the end of the log that were cut off.
    pub cut_bytes: u64,
    /// The directory says whose it is.
    pub has_identity: bool,
    /// What recovery has read after the checkpoint, and will read again after a crash, in
    /// bytes.
    pub replayed_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedFound {
    pub base_offset: i64,
    pub size_bytes: u64,
    pub max_timestamp_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveFound {
    pub base_offset: i64,
    /// The end of the log in this segment, in bytes.
    pub position: u64,
    pub max_timestamp_ms: i64,
    pub created_ms: i64,
    pub index: Index,
}

#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error("{path}: {cause}")]
    Io { path: PathBuf, cause: io::Error },
    #[error(
        "{file} is damaged at byte {position} (offset {offset}), before data that was flushed; \
         nothing was cut. Restore the file, or move the partition's directory away"
    )]
    Corrupt {
        file: PathBuf,
        position: u64,
        offset: i64,
    },
    #[error(
        "{file} is missing, or what follows it: the log ends at offset {offset}, and more was \
         flushed; nothing was cut. Restore the file, or move the partition's directory away"
    )]
    Missing { file: PathBuf, offset: i64 },
}

/// Brings a partition's directory into a state that can be opened. A missing directory is
/// an empty log. `now_ms` dates a segment whose beginning nobody wrote down.
pub async fn recover<D: Disk>(
    disk: &D,
    dir: &Path,
    now_ms: i64,
    replay: &mut dyn FnMut(Replay<'_>),
) -> Result<Recovered, RecoveryError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |cause| RecoveryError::Io { path, cause }
    };
    let entries = match disk.list(dir).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Recovered::default()),
        Err(cause) => return Err(at(dir)(cause)),
    };
    let (mut bases, mut snapshots) = (BTreeSet::new(), Vec::new());
    for entry in &entries {
        if let Some(base) = parse_log_name(&entry.name) {
            bases.insert(base);
        } else if let Some(base) = parse_snapshot_name(&entry.name) {
            snapshots.push(base);
        } else if entry.name.ends_with(".tmp") || entry.name.ends_with(".deleted") {
            let path = dir.join(&entry.name);
            match disk.remove_file(&path).await {
                // Whoever was to remove it came first.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(at(&path))?,
            }
        }
    }
    let checkpoint = Checkpoint::read(disk, dir).await.map_err(at(dir))?;
    let mark = Mark::read(disk, dir).await.map_err(at(dir))?;
    let mut recovery = Recovery {
        disk,
        dir,
        replay,
        out: Recovered::default(),
    };
    recovery.out.has_identity = entries.iter().any(|entry| entry.name == METADATA_FILE);
    // Those of segments that were dropped: no segment is given such a name again.
    let (snapshots, orphans) = snapshots.iter().partition(|&base| bases.contains(base));
    let is_clean = recovery
        .run(bases, checkpoint, mark, snapshots, now_ms)
        .await?;
    SegmentSnapshot::remove_all(disk, dir, orphans).await;
    let out = recovery.out;
    if !is_clean {
        // Whoever made these names may have been killed before it synced them. What is
        // appended from now on must not hang on a name that a power cut takes away.
        for named in [Some(dir), dir.parent()].into_iter().flatten() {
            disk.sync_dir(named).await.map_err(at(named))?;
        }
    }
    Ok(out)
}

struct Recovery<'a, D> {
    disk: &'a D,
    dir: &'a Path,
    replay: &'a mut dyn FnMut(Replay<'_>),
    out: Recovered,
}

impl<D: Disk> Recovery<'_, D> {
    /// Whether the log was closed and nothing was touched since.
    async fn run(
        &mut self,
        bases: BTreeSet<i64>,
        checkpoint: Option<Checkpoint>,
        mark: Option<Mark>,
        snapshots: Vec<i64>,
        now_ms: i64,
    ) -> Result<bool, RecoveryError> {
        // Both were written when what they name was durable.
        let named = checkpoint.as_ref().map(|c| Mark {
            segment: c.segment,
            position: c.position,
        });
        let flushed = mark.max(named);
        let Some(&last) = bases.last() else {
            // Nothing was ever written; or it was, and is gone.
            if let Some(flushed) = flushed.filter(|f| f.position > 0) {
                return Err(self.missing(flushed.segment, 0));
            }
            self.out.next_offset = checkpoint.map_or(0, |c| c.next_offset);
            self.out.start_offset = self.out.next_offset;
            return Ok(false);
        };
        let start_offset = checkpoint.as_ref().map_or(0, |c| c.start_offset);
        let known_end = checkpoint
            .as_ref()
            .map_or(0, |c| c.next_offset.max(start_offset));
        // The segment of an old one may have been dropped since; its user's part is then
        // of no use either.
        let checkpoint = match checkpoint.filter(|c| bases.contains(&c.segment)) {
            Some(checkpoint) => Some(checkpoint),
            None => SegmentSnapshot::newest(self.disk, self.dir, snapshots)
                .await
                .map(SegmentSnapshot::into_checkpoint),
        };
        if let Some(checkpoint) = checkpoint.as_ref().filter(|c| !c.user_state.is_empty()) {
            (self.replay)(Replay::UserState(&checkpoint.user_state));
        }
        if let Some(checkpoint) = &checkpoint {
            self.out.epochs.clone_from(&checkpoint.epochs);
        }
        let resume = checkpoint.as_ref().map_or(i64::MIN, |c| c.segment);
        let first = bases.first().copied().unwrap_or(last);
        self.out.next_offset = first;
        for &base in &bases {
            if base != self.out.next_offset {
                return Err(self.missing(self.out.next_offset, self.out.next_offset));
            }
            if base == last {
                break;
            }
            let from = checkpoint.as_ref().filter(|c| c.segment == base);
            let flushed = flushed
                .filter(|f| f.segment == base)
                .map_or(0, |f| f.position);
            if base < resume {
                self.sealed_before_checkpoint(base, flushed).await?;
            } else {
                self.sealed_after_checkpoint(base, flushed, from).await?;
            }
        }
        if let Some(flushed) = flushed.filter(|f| f.segment > last && f.position > 0) {
            return Err(self.missing(flushed.segment, self.out.next_offset));
        }
        let from = checkpoint.as_ref().filter(|c| c.segment == last);
        let flushed = flushed
            .filter(|f| f.segment == last)
            .map_or(0, |f| f.position);
        let is_clean = self.active(last, from, flushed, known_end, now_ms).await?;
        self.out.start_offset = start_offset.max(first);
        Ok(is_clean)
    }

    fn missing(&self, segment: i64, offset: i64) -> RecoveryError {
        RecoveryError::Missing {
            file: segment_path(self.dir, segment),
            offset,
        }
    }

    async fn open(&self, base: i64) -> Result<(D::File, u64), RecoveryError> {
        let path = segment_path(self.dir, base);
        let open = async {
            let file = self.disk.open(&path, Open::Direct).await?;
            let length = file.length().await?;
            io::Result::Ok((file, length))
        };
        open.await.map_err(|cause| self.io(base, cause))
    }

    fn io(&self, base: i64, cause: io::Error) -> RecoveryError {
        RecoveryError::Io {
            path: segment_path(self.dir, base),
            cause,
        }
    }

    /// A segment that recovery does not read: its index tells what is needed of it.
    async fn sealed_before_checkpoint(
        &mut self,
        base: i64,
        flushed: u64,
    ) -> Result<(), RecoveryError> {
        let (file, size_bytes) = self.open(base).await?;
        self.must_be_whole(base, size_bytes, base, flushed.max(size_bytes))?;
        let index = read_file(self.disk, &index_path(self.dir, base)).await.ok();
        let index = index.and_then(|bytes| SegmentIndex::decode(&bytes, size_bytes));
        let (next_offset, max_timestamp_ms) = match index {
            Some(index) => (index.next_offset, index.max_timestamp_ms),
            None => {
                let mut max_timestamp_ms = i64::MIN;
                let end = scan(&file, size_bytes, 0, base, |header, _| {
                    max_timestamp_ms = max_timestamp_ms.max(header.max_timestamp_ms);
                });
                let end = end.await.map_err(|cause| self.io(base, cause))?;
                self.must_be_whole(base, end.position, end.next_offset, size_bytes)?;
                (end.next_offset, max_timestamp_ms)
            }
        };
        self.out.next_offset = next_offset;
        self.out.sealed.push(SealedFound {
            base_offset: base,
            size_bytes,
            max_timestamp_ms,
        });
        Ok(())
    }

    fn must_be_whole(
        &self,
        base: i64,
        position: u64,
        offset: i64,
        size_bytes: u64,
    ) -> Result<(), RecoveryError> {
        if position == size_bytes {
            return Ok(());
        }
        Err(RecoveryError::Corrupt {
            file: segment_path(self.dir, base),
            position,
            offset,
        })
    }

    async fn sealed_after_checkpoint(
        &mut self,
        base: i64,
        flushed: u64,
        from: Option<&Checkpoint>,
    ) -> Result<(), RecoveryError> {
        let (file, size_bytes) = self.open(base).await?;
        self.must_be_whole(base, size_bytes, base, flushed.max(size_bytes))?;
        let read = self.read(&file, base, size_bytes, from).await?;
        self.must_be_whole(base, read.position, self.out.next_offset, size_bytes)?;
        self.out.sealed.push(SealedFound {
            base_offset: base,
            size_bytes,
            max_timestamp_ms: read.max_timestamp_ms,
        });
        Ok(())
    }

    async fn active(
        &mut self,
        base: i64,
        from: Option<&Checkpoint>,
        flushed: u64,
        known_end: i64,
        now_ms: i64,
    ) -> Result<bool, RecoveryError> {
        let (file, length) = self.open(base).await?;
        // Shorter than what was flushed of it: there is nothing to read from there on.
        self.must_be_whole(base, length, base, flushed.max(length))?;
        let read = self.read(&file, base, length, from).await?;
        self.must_be_whole(
            base,
            read.position,
            self.out.next_offset,
            flushed.max(read.position),
        )?;
        if self.out.next_offset < known_end {
            return Err(self.missing(base, self.out.next_offset));
        }
        if read.is_torn {
            self.out.cut_bytes = length - read.position;
        }
        // A clean checkpoint stays when the log is opened again, until the next one: what
        // was begun in between is torn, or was read.
        let is_clean =
            !read.is_torn && from.is_some_and(|c| c.is_clean && c.position == read.position);
        if !is_clean {
            let settle = async {
                // Cut and lengthened again: what was after the end is gone for good.
                file.set_length(read.position).await?;
                file.sync_data().await
            };
            settle.await.map_err(|cause| self.io(base, cause))?;
        }
        self.out.active = Some(ActiveFound {
            base_offset: base,
            position: read.position,
            max_timestamp_ms: read.max_timestamp_ms,
            created_ms: from.map_or(now_ms, |c| c.segment_created_ms),
            index: read.index,
        });
        Ok(is_clean)
    }

    /// Reads a segment from the recovery point on, or from its beginning.
    async fn read(
        &mut self,
        file: &D::File,
        base: i64,
        length: u64,
        from: Option<&Checkpoint>,
    ) -> Result<SegmentRead, RecoveryError> {
        let (position, next_offset) = from.map_or((0, base), |c| (c.position, c.next_offset));
        let mut index = from.map_or_else(Index::default, |c| Index::from_entries(c.index.clone()));
        let mut max_timestamp_ms = from.map_or(i64::MIN, |c| c.max_timestamp_ms);
        let epochs = &mut self.out.epochs;
        let replay = &mut *self.replay;
        let end = scan(file, length, position, next_offset, |header, position| {
            index.note(header, position, max_timestamp_ms);
            max_timestamp_ms = max_timestamp_ms.max(header.max_timestamp_ms);
            note_epoch(epochs, header.partition_leader_epoch, header.base_offset);
            replay(Replay::Batch(header));
        });
        let end = end.await.map_err(|cause| RecoveryError::Io {
            path: segment_path(self.dir, base),
            cause,
        })?;
        self.out.next_offset = end.next_offset;
        self.out.replayed_bytes += end.position - position;
        Ok(SegmentRead {
            position: end.position,
            is_torn: end.is_torn,
            max_timestamp_ms,
            index,
        })
    }
}

struct SegmentRead {
    position: u64,
    is_torn: bool,
    max_timestamp_ms: i64,
    index: Index,
}

/// Notes that `offset` was written in `epoch`, if that epoch is new.
pub(crate) fn note_epoch(epochs: &mut Vec<(i32, i64)>, epoch: i32, offset: i64) {
    if epochs.last().is_none_or(|&(last, _)| last < epoch) {
        epochs.push((epoch, offset));
    }
}
