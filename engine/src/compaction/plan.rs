//! What a cleaning is to do: which offsets are superseded, which segments are written again,
//! and which of them together.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::path::PathBuf;

use naru_runtime::Disk;
use roaring::RoaringBitmap;

use super::key_build::KeyBuild;
use super::key_entry::KeyEntry;
use super::key_file::{KeyFacts, KeyFile, KeyFileId, KeyReader};
use super::key_merge::{FILES_MAX, KeyMerge};
use super::key_sort::{Runs, buffer_bytes};
use super::transactions::{Aborted, LastOfProducer, Transactions};
use super::{CleanError, Pace};
use crate::index::AbortedTransaction;
use crate::segment::{keys_path, segment_path};

/// Segments of which nothing is superseded are made one when there are so many side by side.
const MERGED_SEGMENTS_MIN: usize = 4;
/// Of the memory, what the superseded offsets may take.
const SETS_SHARE: usize = 2;
/// Superseded offsets after which it is counted what they take, at most.
const COUNT_EVERY_MAX: u64 = 1 << 16;
/// What an offset takes in a set, in bytes, if it is far from the others.
const OFFSET_BYTES: usize = 8;

/// A sealed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub base_offset: i64,
    pub size_bytes: u64,
    /// Where the next segment begins.
    pub next_offset: i64,
}

impl Segment {
    pub(super) fn id(&self) -> KeyFileId {
        KeyFileId {
            base_offset: self.base_offset,
            segment_bytes: self.size_bytes,
            next_offset: self.next_offset,
        }
    }
}

/// What is to be cleaned, and how.
#[derive(Clone, Debug)]
pub struct Request {
    pub dir: PathBuf,
    /// All segments up to where the cleaning ends, from the oldest one on.
    pub segments: Vec<Segment>,
    /// The aborted transactions that these segments have a part of.
    pub aborted: Vec<AbortedTransaction>,
    /// By producer id, those that are active.
    pub producers: HashMap<i64, LastOfProducer>,
    pub now_ms: i64,
    /// `delete.retention.ms`: how long a tombstone stays after a cleaning has first seen it.
    pub delete_retention_ms: i64,
    /// `segment.bytes`: segments are made one up to this.
    pub segment_bytes_max: u64,
    /// What may be held of keys and offsets (`log.cleaner.dedupe.buffer.size`), in bytes.
    pub memory_bytes: usize,
}

/// A segment, and what is to become of its records. Offsets are relative to its base offset.
pub(super) struct Planned {
    pub segment: Segment,
    pub facts: KeyFacts,
    /// Another record of the same key comes later.
    pub superseded: RoaringBitmap,
    /// Tombstones whose key has no other record.
    pub lone_tombstones: RoaringBitmap,
    /// There was no room for what is superseded: next time.
    is_put_off: bool,
    /// Whether its tombstones get their delete horizon: not while an older value of their keys
    /// may have been put off. Who has read that value has `delete.retention.ms` from when it is
    /// gone to come to the tombstone (KIP-534).
    pub sets_horizons: bool,
}

/// Segments that become one, if they are written at all.
#[derive(Clone, Debug)]
pub struct Group {
    /// Of the plan's segments.
    pub(super) segments: Range<usize>,
    /// Whether it is known that they are written.
    pub(super) is_due: bool,
}

/// What is left to do of a cleaning.
pub struct Plan {
    pub(super) request: Request,
    pub(super) segments: Vec<Planned>,
    pub(super) groups: VecDeque<Group>,
    pub(super) transactions: Transactions,
    pub(super) aborted: Aborted,
    is_whole: bool,
}

impl Plan {
    /// Whether the plan covers all that is superseded; else another one has to follow.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// How many offsets are superseded.
    pub fn superseded_count(&self) -> u64 {
        self.segments.iter().map(|s| s.superseded.len()).sum()
    }
}

/// Builds the key files that are missing, and merges them all. A key file that turns out to
/// be damaged (it is not flushed, and a power cut may have torn it) is built again.
pub async fn plan<D: Disk>(
    disk: &D,
    request: Request,
    pace: &impl Pace,
) -> Result<Plan, CleanError> {
    let aborted = Aborted::new(request.aborted.clone());
    let mut attempts_left = request.segments.len();
    let segments = loop {
        match judge(disk, &request, &aborted, pace).await {
            Err(CleanError::KeyFile { path }) if attempts_left > 0 => {
                attempts_left -= 1;
                tracing::warn!("{} is damaged, and is built again", path.display());
                let removed = disk.remove_file(&path).await;
                removed.map_err(CleanError::io(path))?;
            }
            judged => break judged?,
        }
    };
    let is_whole = segments.iter().all(|planned| !planned.is_put_off);
    let groups = group(&request, &segments);
    Ok(Plan {
        request,
        segments,
        groups,
        transactions: Transactions::default(),
        aborted,
        is_whole,
    })
}

/// What is to become of the records of each segment.
async fn judge<D: Disk>(
    disk: &D,
    request: &Request,
    aborted: &Aborted,
    pace: &impl Pace,
) -> Result<Vec<Planned>, CleanError> {
    let mut segments = Vec::with_capacity(request.segments.len());
    for &segment in &request.segments {
        let facts = match open_keys(disk, request, segment).await? {
            Some(file) => file.facts(),
            None => build_keys(disk, request, segment, aborted, pace).await?,
        };
        segments.push(Planned {
            segment,
            facts,
            superseded: RoaringBitmap::new(),
            lone_tombstones: RoaringBitmap::new(),
            is_put_off: false,
            sets_horizons: true,
        });
    }
    let mut sets = Sets::new(segments, request.memory_bytes / SETS_SHARE);
    merge(disk, request, &mut sets, pace).await?;
    let mut segments = sets.segments;
    let first_put_off = segments.iter().position(|planned| planned.is_put_off);
    for planned in segments
        .iter_mut()
        .skip(first_put_off.unwrap_or(usize::MAX))
    {
        planned.sets_horizons = false;
    }
    Ok(segments)
}

async fn open_keys<D: Disk>(
    disk: &D,
    request: &Request,
    segment: Segment,
) -> Result<Option<KeyFile<D::File>>, CleanError> {
    let path = keys_path(&request.dir, segment.base_offset);
    KeyFile::open(disk, &path, segment.id()).await
}

async fn build_keys<D: Disk>(
    disk: &D,
    request: &Request,
    segment: Segment,
    aborted: &Aborted,
    pace: &impl Pace,
) -> Result<KeyFacts, CleanError> {
    let path = segment_path(&request.dir, segment.base_offset);
    let build = KeyBuild {
        disk,
        segment: &path,
        id: segment.id(),
        target: &keys_path(&request.dir, segment.base_offset),
        aborted,
        memory_bytes: request.memory_bytes,
    };
    let built = build.run(pace).await?;
    if built.next_offset != segment.next_offset {
        let position = segment.size_bytes;
        return Err(CleanError::Damaged { path, position });
    }
    Ok(built.facts)
}

/// Reads all keys in order, many files at a time.
async fn merge<D: Disk>(
    disk: &D,
    request: &Request,
    sets: &mut Sets,
    pace: &impl Pace,
) -> Result<(), CleanError> {
    let stem = request.dir.join("merge.narukeys");
    let mut runs = Runs::new(disk, &stem, request.memory_bytes / SETS_SHARE);
    let mut merged = if request.segments.len() <= FILES_MAX {
        KeyMerge::start(readers(disk, request, &request.segments).await?, pace).await?
    } else {
        for some in request.segments.chunks(FILES_MAX) {
            let readers = readers(disk, request, some).await?;
            runs.merge(readers, pace).await?;
        }
        runs.merged(pace).await?
    };
    let mut last = None;
    let mut is_alone = true;
    while let Some(entry) = merged.next(pace).await? {
        if let Some(before) = last.replace(entry) {
            let before: KeyEntry = before;
            let is_same = before.hash == entry.hash;
            sets.take(before, is_same, is_alone);
            is_alone = !is_same;
        }
    }
    if let Some(entry) = last {
        sets.take(entry, false, is_alone);
    }
    drop(merged);
    runs.end().await
}

async fn readers<D: Disk>(
    disk: &D,
    request: &Request,
    segments: &[Segment],
) -> Result<Vec<KeyReader<D::File>>, CleanError> {
    let bytes = buffer_bytes(request.memory_bytes / SETS_SHARE, segments.len());
    let mut readers = Vec::with_capacity(segments.len());
    for &segment in segments {
        let file = open_keys(disk, request, segment).await?;
        let file = file.ok_or_else(|| CleanError::KeyFile {
            path: keys_path(&request.dir, segment.base_offset),
        })?;
        readers.push(file.entries(bytes));
    }
    Ok(readers)
}

/// What is superseded, while it is found out, in bounded memory: when it takes too much, the
/// newest segments that have some are put off.
struct Sets {
    segments: Vec<Planned>,
    bytes_max: usize,
    count_every: u64,
    taken_count: u64,
}

impl Sets {
    fn new(segments: Vec<Planned>, bytes_max: usize) -> Self {
        Self {
            segments,
            bytes_max,
            count_every: ((bytes_max / OFFSET_BYTES) as u64).clamp(1, COUNT_EVERY_MAX),
            taken_count: 0,
        }
    }

    fn take(&mut self, entry: KeyEntry, is_superseded: bool, is_alone: bool) {
        let is_lone_tombstone = entry.is_tombstone && is_alone && !is_superseded;
        if !is_superseded && !is_lone_tombstone {
            return;
        }
        let after = self
            .segments
            .partition_point(|s| s.segment.base_offset <= entry.offset);
        let Some(planned) = after
            .checked_sub(1)
            .and_then(|at| self.segments.get_mut(at))
        else {
            return;
        };
        let relative = u32::try_from(entry.offset - planned.segment.base_offset);
        let (Ok(relative), false) = (relative, planned.is_put_off) else {
            return;
        };
        match is_superseded {
            true => planned.superseded.insert(relative),
            false => planned.lone_tombstones.insert(relative),
        };
        self.taken_count += 1;
        if self.taken_count.is_multiple_of(self.count_every) {
            self.make_room();
        }
    }

    fn make_room(&mut self) {
        let bytes_of = |set: &RoaringBitmap| match set.is_empty() {
            true => 0,
            false => set.serialized_size(),
        };
        let bytes =
            |planned: &Planned| bytes_of(&planned.superseded) + bytes_of(&planned.lone_tombstones);
        let mut total: usize = self.segments.iter().map(bytes).sum();
        for planned in self.segments.iter_mut().rev() {
            if total <= self.bytes_max {
                return;
            }
            if bytes(planned) == 0 {
                continue;
            }
            total -= bytes(planned);
            planned.superseded = RoaringBitmap::new();
            planned.lone_tombstones = RoaringBitmap::new();
            planned.is_put_off = true;
        }
    }
}

impl Planned {
    /// Whether it has to be written again, as far as its keys tell.
    fn is_due(&self, now_ms: i64) -> bool {
        let has_spent = !self.lone_tombstones.is_empty() && self.facts.first_horizon_ms <= now_ms;
        !self.superseded.is_empty()
            || self.facts.unkeyed_count > 0
            || (self.facts.bare_tombstones_count > 0 && self.sets_horizons)
            || has_spent
    }
}

/// Segments side by side, up to the size of one. A large one of which nothing is superseded
/// stays as it is.
fn group(request: &Request, segments: &[Planned]) -> VecDeque<Group> {
    let bytes_max = request.segment_bytes_max;
    let mut groups: VecDeque<Group> = VecDeque::new();
    let mut group_bytes = 0;
    let mut is_closed = true;
    for (at, planned) in segments.iter().enumerate() {
        let Segment {
            size_bytes,
            next_offset,
            ..
        } = planned.segment;
        let is_due = planned.is_due(request.now_ms) && !planned.is_put_off;
        let stands_alone = !is_due && size_bytes > bytes_max / 2;
        let joined = groups.back_mut().filter(|group| {
            let first = segments[group.segments.start].segment.base_offset;
            let fits = group_bytes + size_bytes <= bytes_max;
            !is_closed && !stands_alone && fits && next_offset - first <= i64::from(i32::MAX)
        });
        match joined {
            Some(group) => {
                group.segments.end = at + 1;
                group.is_due |= is_due;
                group_bytes += size_bytes;
            }
            None => {
                groups.push_back(Group {
                    segments: at..at + 1,
                    is_due,
                });
                group_bytes = size_bytes;
                is_closed = stands_alone;
            }
        }
    }
    for group in &mut groups {
        group.is_due |= group.segments.len() >= MERGED_SEGMENTS_MIN;
    }
    groups
}
