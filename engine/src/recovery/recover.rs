//! Recovery of one partition's directory (the rules are in the module's docs).

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use naru_record_batch::{BatchHeader, EndTransactionMarker, TransactionResult};

use super::mark::Mark;
use super::{Checkpoint, CleanedMark, SegmentSnapshot, scan, swap};
use crate::index::{AbortedTransaction, Index, SegmentIndex, decode_aborted, encode_aborted};
use crate::segment::{
    CHECKPOINT_FILE, CLEANED_FILE, FLUSHED_FILE, METADATA_FILE, aborted_path, index_path,
    is_leftover_name, keys_path, parse_keys_name, parse_log_name, parse_snapshot_name,
    segment_path,
};
use naru_runtime::{Disk, File, Open, read_file, replace_file};

/// What the user of a log is told during recovery, in the order of the offsets.
#[derive(Debug)]
pub enum Replay<'a> {
    /// The user's state at the place that recovery starts from.
    UserState(&'a [u8]),
    /// A batch after it that is no marker.
    Batch(&'a BatchHeader),
    /// A transaction's marker after it.
    Marker(ReplayedMarker<'a>),
}

/// The marker of a transaction, for the log's user to say which one it ended: the log knows no
/// producers.
#[derive(Debug)]
pub struct ReplayedMarker<'a> {
    pub header: &'a BatchHeader,
    pub marker: EndTransactionMarker,
    aborted: &'a mut Option<AbortedTransaction>,
}

impl ReplayedMarker<'_> {
    /// It aborted this transaction.
    pub fn aborted(self, transaction: AbortedTransaction) {
        *self.aborted = Some(transaction);
    }
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
    /// How far it was compacted.
    pub cleaned: CleanedMark,
    /// What was found, or changed, is not known to survive a power cut: before any of it is given
    /// out, [`Disk::sync_file_system`] has to have succeeded.
    pub is_unsynced: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedFound {
    pub base_offset: i64,
    pub size_bytes: u64,
    pub max_timestamp_ms: i64,
    pub aborted: AbortedFound,
}

/// The transactions that were aborted in a sealed segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AbortedFound {
    /// Its file has so many.
    Stored { count: u32 },
    /// As the log said: the file may be missing, where there was no room for it.
    Read(Vec<AbortedTransaction>),
}

impl AbortedFound {
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Stored { count } => *count == 0,
            Self::Read(aborted) => aborted.is_empty(),
        }
    }
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

/// Brings a partition's directory into a state that can be opened, and makes it durable. A missing
/// directory is an empty log. `now_ms` dates a segment whose beginning nobody wrote down.
pub async fn recover<D: Disk>(
    disk: &D,
    dir: &Path,
    now_ms: i64,
    replay: &mut dyn FnMut(Replay<'_>),
) -> Result<Recovered, RecoveryError> {
    let mut recovered = recover_unsynced(disk, dir, now_ms, replay).await?;
    if recovered.is_unsynced {
        let synced = disk.sync_file_system(dir).await;
        synced.map_err(|cause| RecoveryError::Io {
            path: dir.to_owned(),
            cause,
        })?;
        recovered.is_unsynced = false;
    }
    Ok(recovered)
}

/// As [`recover`], but leaves it to the caller to sync: once for all partitions of a disk. Flushes
/// for each of thousands of partitions would be most of a start after a crash.
pub async fn recover_unsynced<D: Disk>(
    disk: &D,
    dir: &Path,
    now_ms: i64,
    replay: &mut dyn FnMut(Replay<'_>),
) -> Result<Recovered, RecoveryError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |cause| RecoveryError::Io { path, cause }
    };
    let mut entries = match disk.list(dir).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Recovered::default()),
        Err(cause) => return Err(at(dir)(cause)),
    };
    if swap::finish(disk, dir, &entries).await? {
        entries = disk.list(dir).await.map_err(at(dir))?;
    }
    let (mut bases, mut snapshots) = (BTreeSet::new(), Vec::new());
    let mut keys = Vec::new();
    for entry in &entries {
        if let Some(base) = parse_log_name(&entry.name) {
            bases.insert(base);
        } else if let Some(base) = parse_snapshot_name(&entry.name) {
            snapshots.push(base);
        } else if let Some(base) = parse_keys_name(&entry.name) {
            keys.push(base);
        } else if is_leftover_name(&entry.name) {
            let path = dir.join(&entry.name);
            match disk.remove_file(&path).await {
                // Whoever was to remove it came first.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(at(&path))?,
            }
        }
    }
    // Most of thousands of partitions have none of these, and looking for each costs a call.
    let is_there = |name: &str| entries.iter().any(|entry| entry.name == name);
    let checkpoint = match is_there(CHECKPOINT_FILE) {
        true => Checkpoint::read(disk, dir).await.map_err(at(dir))?,
        false => None,
    };
    let mark = match is_there(FLUSHED_FILE) {
        true => Mark::read(disk, dir).await.map_err(at(dir))?,
        false => None,
    };
    let cleaned = match is_there(CLEANED_FILE) {
        true => CleanedMark::read(disk, dir).await.map_err(at(dir))?,
        false => CleanedMark::default(),
    };
    // What it says of a segment that was written again since, it says of other bytes.
    let mark = mark.filter(|mark| mark.segment >= cleaned.rewritten_to);
    let mut recovery = Recovery {
        disk,
        dir,
        replay,
        out: Recovered::default(),
    };
    recovery.out.cleaned = cleaned;
    recovery.out.has_identity = is_there(METADATA_FILE);
    // Those of segments that were dropped: no segment is given such a name again.
    let (snapshots, orphans) = snapshots.iter().partition(|&base| bases.contains(base));
    keys.retain(|base| !bases.contains(base));
    let is_clean = recovery
        .run(bases, checkpoint, mark, snapshots, now_ms)
        .await?;
    SegmentSnapshot::remove_all(disk, dir, orphans).await;
    for base in keys {
        let path = keys_path(dir, base);
        if let Err(error) = disk.remove_file(&path).await {
            tracing::warn!("{}: {error}", path.display());
        }
    }
    let mut out = recovery.out;
    // Whoever made these names may have been killed before it synced them. What is appended from
    // now on must not hang on a name that a power cut takes away.
    out.is_unsynced = !is_clean;
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
        let rewritten_to = self.out.cleaned.rewritten_to;
        if rewritten_to > 0 && bases.last().is_none_or(|&last| last < rewritten_to) {
            return Err(self.missing(rewritten_to, rewritten_to));
        }
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
            None => SegmentSnapshot::newest(self.disk, self.dir, snapshots.clone())
                .await
                .map(SegmentSnapshot::into_checkpoint),
        };
        let resume = checkpoint.as_ref().map_or(i64::MIN, |c| c.segment);
        let mut sealed = Vec::new();
        for (&base, &next) in bases.iter().zip(bases.iter().skip(1)) {
            if next > resume {
                break;
            }
            sealed.push(self.sealed_before_checkpoint(base, flushed).await);
        }
        // What was aborted in a segment can only be told from the beginning of it, or earlier.
        let unknown = sealed
            .iter()
            .flatten()
            .find(|found| found.aborted.is_none());
        let checkpoint = match unknown.map(|found| found.base_offset) {
            None => checkpoint,
            Some(base) => {
                let fitting = snapshots.iter().copied().filter(|&at| at <= base);
                let newest = SegmentSnapshot::newest(self.disk, self.dir, fitting.collect());
                let newest = newest.await.map(SegmentSnapshot::into_checkpoint);
                tracing::warn!(
                    "{}: the transaction index is not whole, it is built again",
                    segment_path(self.dir, base).display()
                );
                newest
            }
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
        let mut sealed = sealed.into_iter();
        for &base in &bases {
            if base != self.out.next_offset {
                return Err(self.missing(self.out.next_offset, self.out.next_offset));
            }
            if base == last {
                break;
            }
            let from = checkpoint.as_ref().filter(|c| c.segment == base);
            match sealed.next() {
                Some(found) if base < resume => self.note_sealed(found?),
                _ => {
                    let flushed = flushed
                        .filter(|f| f.segment == base)
                        .map_or(0, |f| f.position);
                    self.sealed_after_checkpoint(base, flushed, from).await?;
                }
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

    /// A segment that recovery need not read: its index tells what is needed of it.
    async fn sealed_before_checkpoint(
        &self,
        base: i64,
        flushed: Option<Mark>,
    ) -> Result<SealedBefore, RecoveryError> {
        let (file, size_bytes) = self.open(base).await?;
        let flushed = flushed.filter(|f| f.segment == base);
        let flushed = flushed.map_or(0, |f| f.position);
        self.must_be_whole(base, size_bytes, base, flushed.max(size_bytes))?;
        let index = read_file(self.disk, &index_path(self.dir, base)).await.ok();
        let index = index.and_then(|bytes| SegmentIndex::decode(&bytes, size_bytes));
        let mut found = SealedBefore {
            base_offset: base,
            size_bytes,
            next_offset: base,
            max_timestamp_ms: i64::MIN,
            aborted: None,
        };
        match index {
            Some(index) => {
                found.next_offset = index.next_offset;
                found.max_timestamp_ms = index.max_timestamp_ms;
                let expected = index.aborted_count;
                let stored = match expected {
                    0 => Some(0),
                    _ => self.stored_aborted(base).await,
                };
                found.aborted = stored.filter(|&count| count == expected);
            }
            None => {
                let mut has_aborts = false;
                let end = scan(&file, size_bytes, 0, base, |header, _, batch| {
                    found.max_timestamp_ms = found.max_timestamp_ms.max(header.max_timestamp_ms);
                    let marker = EndTransactionMarker::parse(header, batch);
                    has_aborts |= marker.is_some_and(|m| m.result == TransactionResult::Abort);
                });
                let end = end.await.map_err(|cause| self.io(base, cause))?;
                self.must_be_whole(base, end.position, end.next_offset, size_bytes)?;
                found.next_offset = end.next_offset;
                found.aborted = match has_aborts {
                    false => Some(0),
                    true => self.stored_aborted(base).await,
                };
            }
        }
        Ok(found)
    }

    /// How many transactions a segment's file has, if it is whole.
    async fn stored_aborted(&self, base: i64) -> Option<u32> {
        let content = read_file(self.disk, &aborted_path(self.dir, base)).await;
        let entries = decode_aborted(&content.ok()?)?;
        Some(entries.len() as u32)
    }

    fn note_sealed(&mut self, found: SealedBefore) {
        let Some(count) = found.aborted else {
            unreachable!("recovery begins no later than at what is to be built again");
        };
        self.out.next_offset = found.next_offset;
        self.out.sealed.push(SealedFound {
            base_offset: found.base_offset,
            size_bytes: found.size_bytes,
            max_timestamp_ms: found.max_timestamp_ms,
            aborted: AbortedFound::Stored { count },
        });
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
        let aborted = read.index.aborted().to_vec();
        if !aborted.is_empty() {
            let path = aborted_path(self.dir, base);
            let written = replace_file(self.disk, &path, encode_aborted(&aborted)).await;
            if let Err(error) = written {
                // It is in memory until the next start, which does the same again.
                tracing::warn!("{}: {error}", path.display());
            }
        }
        self.out.sealed.push(SealedFound {
            base_offset: base,
            size_bytes,
            max_timestamp_ms: read.max_timestamp_ms,
            aborted: AbortedFound::Read(aborted),
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
            // Cut and lengthened again: what was after the end is gone for good, once it is synced.
            let cut = file.set_length(read.position).await;
            cut.map_err(|cause| self.io(base, cause))?;
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
        let mut index = from.map_or_else(Index::default, |c| {
            Index::from_entries(c.index.clone()).with_aborted(c.aborted.clone())
        });
        let mut max_timestamp_ms = from.map_or(i64::MIN, |c| c.max_timestamp_ms);
        let epochs = &mut self.out.epochs;
        let replay = &mut *self.replay;
        let end = scan(
            file,
            length,
            position,
            next_offset,
            |header, position, batch| {
                index.note(header, position, max_timestamp_ms);
                max_timestamp_ms = max_timestamp_ms.max(header.max_timestamp_ms);
                note_epoch(epochs, header.partition_leader_epoch, header.base_offset);
                let Some(marker) = EndTransactionMarker::parse(header, batch) else {
                    return replay(Replay::Batch(header));
                };
                let mut aborted = None;
                replay(Replay::Marker(ReplayedMarker {
                    header,
                    marker,
                    aborted: &mut aborted,
                }));
                if let Some(transaction) = aborted {
                    index.note_aborted(transaction);
                }
            },
        );
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

/// What is known of a segment that recovery need not read.
struct SealedBefore {
    base_offset: i64,
    size_bytes: u64,
    next_offset: i64,
    max_timestamp_ms: i64,
    /// How many of its transactions were aborted, if which is known.
    aborted: Option<u32>,
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
