//! Carrying out a plan, group by group: the segments of a group are written again, into one,
//! and that is read back before anybody may rely on it.

use naru_record_batch::BatchHeader;
use naru_runtime::Disk;
use roaring::RoaringBitmap;

use super::filter::{Fate, Filter, NotRecords};
use super::key_build::KeyBuild;
use super::key_entry::KeySum;
use super::key_file::{KeyFile, KeyFileId};
use super::key_sort::buffer_bytes;
use super::output::Output;
use super::plan::{Group, Plan, Segment};
use super::transactions::Aborted;
use super::walk::Walk;
use super::{CleanError, Pace};
use crate::index::SegmentIndex;
use crate::segment::{cleaned_path, keys_path, segment_path};

/// A segment that waits to take the place of others, in files of its own.
#[derive(Clone, Debug)]
pub struct Cleaned {
    /// Those whose place it takes.
    pub segments: Vec<Segment>,
    pub index: SegmentIndex,
}

impl Cleaned {
    pub fn base_offset(&self) -> i64 {
        self.segments[0].base_offset
    }

    pub fn size_before_bytes(&self) -> u64 {
        self.segments.iter().map(|s| s.size_bytes).sum()
    }

    pub fn size_bytes(&self) -> u64 {
        self.index.segment_bytes
    }
}

/// Cleans the next group that is to be written again; `None` when there is none left.
///
/// # Errors
/// When it is called off, or cannot be read or written. The plan is then worth nothing.
pub async fn clean<D: Disk>(
    disk: &D,
    plan: &mut Plan,
    pace: &impl Pace,
) -> Result<Option<Cleaned>, CleanError> {
    while let Some(group) = plan.groups.pop_front() {
        if !group.is_due && !is_due_for_transactions(disk, plan, &group, pace).await? {
            continue;
        }
        return rewrite(disk, plan, &group, pace).await.map(Some);
    }
    Ok(None)
}

/// Whether transactions that have ended change anything in a group. If not, what was seen of
/// them is noted.
async fn is_due_for_transactions<D: Disk>(
    disk: &D,
    plan: &mut Plan,
    group: &Group,
    pace: &impl Pace,
) -> Result<bool, CleanError> {
    let segments = &plan.segments[group.segments.clone()];
    if segments.iter().all(|s| !s.facts.has_transactions) {
        return Ok(false);
    }
    let mut transactions = plan.transactions.clone();
    for (at, planned) in segments.iter().enumerate() {
        let segment = planned.segment;
        let path = segment_path(&plan.request.dir, segment.base_offset);
        let filter = Filter::new(&plan.request, planned);
        let mut walk = Walk::open(disk, &path, segment.size_bytes, segment.base_offset).await?;
        while let Some(batch) = walk.next(pace).await? {
            let verdict = transactions.see(&batch.header, &batch.bytes, &plan.aborted);
            let is_last = at + 1 == segments.len() && walk.is_at_end();
            if filter.is_changed_by(&batch.header, verdict, is_last) {
                return Ok(true);
            }
        }
    }
    plan.transactions = transactions;
    Ok(false)
}

async fn rewrite<D: Disk>(
    disk: &D,
    plan: &mut Plan,
    group: &Group,
    pace: &impl Pace,
) -> Result<Cleaned, CleanError> {
    let request = &plan.request;
    let segments = &plan.segments[group.segments.clone()];
    let base_offset = segments[0].segment.base_offset;
    let log_path = cleaned_path(&segment_path(&request.dir, base_offset));
    let mut output = Output::create(disk, log_path.clone(), base_offset).await?;
    let mut expected = KeySum::default();
    let mut next_offset = base_offset;
    for (at, planned) in segments.iter().enumerate() {
        let segment = planned.segment;
        let path = segment_path(&request.dir, segment.base_offset);
        let mut filter = Filter::new(request, planned);
        let mut walk = Walk::open(disk, &path, segment.size_bytes, segment.base_offset).await?;
        while let Some(batch) = walk.next(pace).await? {
            let header = &batch.header;
            let verdict = plan.transactions.see(header, &batch.bytes, &plan.aborted);
            let is_last = at + 1 == segments.len() && walk.is_at_end();
            let fate = filter.judge(&batch, verdict, is_last, pace).await;
            let fate = fate.map_err(|error| match error {
                NotRecords::Clean(error) => error,
                NotRecords::Record(_) | NotRecords::Build(_) => walk.damaged(),
            })?;
            let is_emptied;
            match fate {
                Fate::Copied => {
                    is_emptied = header.is_empty();
                    output.push(header, &batch.bytes, pace).await?;
                }
                Fate::Rewritten(bytes) => {
                    let header = BatchHeader::parse(&bytes).map_err(|_| walk.damaged())?;
                    is_emptied = header.is_empty();
                    output.push(&header, &bytes, pace).await?;
                }
                Fate::Gone => continue,
            }
            let is_marker = header.attributes.is_control() && !is_emptied;
            if let Some(transaction) = plan.aborted.by_marker(header.base_offset)
                && is_marker
            {
                output.note_aborted(transaction);
            }
        }
        next_offset = segment.next_offset;
        let gone = filter.gone_tombstones();
        expect(
            disk,
            plan,
            group.segments.start + at,
            &gone,
            &mut expected,
            pace,
        )
        .await?;
    }
    let index = output.finish(pace).await?;
    let request = &plan.request;
    let target = cleaned_path(&keys_path(&request.dir, base_offset));
    let build = KeyBuild {
        disk,
        segment: &log_path,
        id: KeyFileId {
            base_offset,
            segment_bytes: index.segment_bytes,
            next_offset,
        },
        target: &target,
        // Nothing of them may be there any more.
        aborted: &Aborted::default(),
        memory_bytes: request.memory_bytes,
    };
    let built = build.run(pace).await?;
    if built.sum != expected || built.next_offset != next_offset {
        let reason = format!(
            "it holds {} keys and ends at offset {}; {} were planned, and {next_offset}",
            built.sum.count, built.next_offset, expected.count
        );
        let path = log_path;
        return Err(CleanError::Refuted { path, reason });
    }
    let segments = plan.segments[group.segments.clone()].iter();
    Ok(Cleaned {
        segments: segments.map(|planned| planned.segment).collect(),
        index,
    })
}

/// Adds to `sum` what is to stay of a segment, as its key file has it.
async fn expect<D: Disk>(
    disk: &D,
    plan: &Plan,
    at: usize,
    gone_tombstones: &RoaringBitmap,
    sum: &mut KeySum,
    pace: &impl Pace,
) -> Result<(), CleanError> {
    let planned = &plan.segments[at];
    let segment = planned.segment;
    let path = keys_path(&plan.request.dir, segment.base_offset);
    let file = KeyFile::open(disk, &path, segment.id()).await?;
    let file = file.ok_or(CleanError::KeyFile { path })?;
    let mut entries = file.entries(buffer_bytes(plan.request.memory_bytes, 1));
    while let Some(entry) = entries.next(pace).await? {
        let relative = u32::try_from(entry.offset - segment.base_offset);
        let goes = relative.is_ok_and(|relative| {
            let is_spent = entry.is_tombstone && gone_tombstones.contains(relative);
            planned.superseded.contains(relative) || is_spent
        });
        if !goes {
            sum.add(entry);
        }
    }
    Ok(())
}
