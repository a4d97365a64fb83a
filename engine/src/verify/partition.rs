//! A partition's directory: its segments one after the other, and what else lies there.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use naru_runtime::Disk;

use super::segment::{SegmentFound, content, read, reason};
use super::{Finding, Severity};
use crate::recovery::mark::Mark;
use crate::recovery::{Checkpoint, CleanedMark};
use crate::segment::{
    CHECKPOINT_FILE, CLEANED_FILE, FLUSHED_FILE, METADATA_FILE, belongs_to, is_leftover_name,
    parse_log_name, parse_swap_name, segment_path,
};

/// What a partition's directory was found to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    pub segments: usize,
    pub batches: u64,
    pub records: u64,
    /// Of batches, without what is prepared ahead of the end.
    pub bytes: u64,
    /// The first offset that can be read, and the one after the last.
    pub start_offset: i64,
    pub next_offset: i64,
    /// What the log's user has in the checkpoint, for it to judge.
    pub user_state: Option<Vec<u8>>,
    pub findings: Vec<Finding>,
}

/// Looks through all of `dir`.
///
/// # Errors
/// When a file cannot be read.
pub async fn verify<D: Disk>(disk: &D, dir: &Path) -> io::Result<Verified> {
    let mut out = Verified::default();
    let entries = disk.list(dir).await?;
    let segments = segments(dir, entries.iter().map(|entry| entry.name.as_str()));
    for entry in &entries {
        other_files(dir, &entry.name, &segments, &mut out.findings);
    }
    let cleaned = CleanedMark::read(disk, dir).await?;
    let checkpoint = checkpoint(disk, dir, &mut out.findings).await?;
    // What was said of a segment that was written again since, was said of other bytes.
    let believed = checkpoint
        .as_ref()
        .filter(|c| c.segment >= cleaned.rewritten_to);
    let mark = Mark::read(disk, dir).await?;
    let named = believed.map(|c| Mark {
        segment: c.segment,
        position: c.position,
    });
    let flushed = mark
        .filter(|mark| mark.segment >= cleaned.rewritten_to)
        .max(named);
    let last = segments.keys().next_back().copied();
    let mut expected = None;
    let mut replaced_to = i64::MIN;
    for (&base, path) in &segments {
        if base < replaced_to {
            continue;
        }
        if let Some(end) = expected.filter(|end| *end != base) {
            let what =
                format!("the segment before it ends at offset {end}: what is between is lost");
            out.findings.push(Finding::problem(path, what).at(0, end));
        }
        let asked = believed.filter(|c| c.segment == base);
        let asked_at = asked.map(|c| c.position);
        let found = read(disk, dir, base, path, asked_at, &mut out.findings).await?;
        let flushed = flushed
            .filter(|f| f.segment == base)
            .map_or(0, |f| f.position);
        let is_last = last == Some(base);
        judge_end(disk, path, &found, is_last, flushed, &mut out.findings).await?;
        if let Some(checkpoint) = asked {
            judge_checkpoint(dir, checkpoint, &found, &mut out.findings);
        }
        if *path != segment_path(dir, base) {
            replaced_to = found.next_offset;
        }
        out.segments += 1;
        out.batches += found.batches;
        out.records += found.records;
        out.bytes += found.position;
        expected = Some(found.next_offset);
    }
    judge_log(
        dir,
        &segments,
        expected,
        checkpoint.as_ref(),
        flushed,
        &mut out,
    );
    out.user_state = checkpoint
        .map(|c| c.user_state)
        .filter(|state| !state.is_empty());
    Ok(out)
}

/// The segments by their first offsets. One that is about to take the place of others counts
/// instead of the one whose name it will have; those that it replaces may be there yet.
fn segments<'a>(dir: &Path, names: impl Iterator<Item = &'a str> + Clone) -> Segments {
    let swaps = names
        .clone()
        .filter_map(|name| Some((parse_swap_name(name)?, dir.join(name))));
    let plain = names.filter_map(|name| Some((parse_log_name(name)?, dir.join(name))));
    plain.chain(swaps).collect()
}

type Segments = BTreeMap<i64, PathBuf>;

/// What lies in the directory beside segments.
fn other_files(dir: &Path, name: &str, segments: &Segments, findings: &mut Vec<Finding>) {
    let is_known = [CHECKPOINT_FILE, CLEANED_FILE, FLUSHED_FILE, METADATA_FILE].contains(&name);
    if is_known || parse_log_name(name).is_some() {
        return;
    }
    let what = match belongs_to(name) {
        Some(base) if segments.contains_key(&base) => return,
        Some(_) => "it belongs to a segment that is gone",
        None if parse_swap_name(name).is_some() => {
            "a compaction was about to put it in the place of others; the next start does"
        }
        None if is_leftover_name(name) => {
            "it was being written or removed; the next start removes it"
        }
        None => "naru does not know this file",
    };
    findings.push(Finding::note(dir.join(name), what));
}

async fn checkpoint<D: Disk>(
    disk: &D,
    dir: &Path,
    findings: &mut Vec<Finding>,
) -> io::Result<Option<Checkpoint>> {
    let path = dir.join(CHECKPOINT_FILE);
    let Some(content) = content(disk, &path).await? else {
        return Ok(None);
    };
    let checkpoint = Checkpoint::decode(&content);
    if checkpoint.is_none() {
        let what = "the checkpoint is damaged, or a newer naru wrote it; the next start reads more";
        findings.push(Finding::note(path, what));
    }
    Ok(checkpoint)
}

/// Whether a segment ends as it may: sealed ones with their last batch, the last one with zeros or
/// with what a crash has left of unflushed writes.
async fn judge_end<D: Disk>(
    disk: &D,
    path: &Path,
    found: &SegmentFound,
    is_last: bool,
    flushed: u64,
    findings: &mut Vec<Finding>,
) -> io::Result<()> {
    let is_whole = found.position == found.file_bytes || (is_last && !found.is_torn);
    if is_whole && found.position >= flushed {
        return Ok(());
    }
    let finding = if found.position < flushed {
        let why = match found.position == found.file_bytes {
            true => "the file ends here".to_owned(),
            false => reason(disk, path, found).await?,
        };
        Finding::problem(path, format!("{why}; {flushed} bytes were flushed"))
    } else if is_last {
        let cut = found.file_bytes - found.position;
        let why = reason(disk, path, found).await?;
        let what =
            format!("{why}: a write that was under way; the next start cuts {cut} bytes off");
        Finding::note(path, what)
    } else if found.is_torn {
        Finding::problem(path, reason(disk, path, found).await?)
    } else {
        Finding::problem(
            path,
            "zeros follow the last batch of a segment that is not the last",
        )
    };
    findings.push(finding.at(found.position, found.next_offset));
    Ok(())
}

fn judge_checkpoint(
    dir: &Path,
    checkpoint: &Checkpoint,
    found: &SegmentFound,
    findings: &mut Vec<Finding>,
) {
    // After a compaction the next batch may be a later one.
    let fits = found
        .asked
        .is_some_and(|offset| offset >= checkpoint.next_offset);
    if !fits && found.position >= checkpoint.position {
        let (position, offset) = (checkpoint.position, checkpoint.next_offset);
        let what = format!(
            "it names byte {position} of segment {}, where no batch of offset {offset} begins",
            checkpoint.segment
        );
        findings.push(Finding::problem(dir.join(CHECKPOINT_FILE), what));
    }
}

/// What only all segments together show.
fn judge_log(
    dir: &Path,
    segments: &Segments,
    end: Option<i64>,
    checkpoint: Option<&Checkpoint>,
    flushed: Option<Mark>,
    out: &mut Verified,
) {
    let first = segments.keys().next().copied();
    let last = segments.keys().next_back().copied();
    let next_offset = end.or(checkpoint.map(|c| c.next_offset)).unwrap_or(0);
    out.next_offset = next_offset;
    out.start_offset = checkpoint
        .map_or(0, |c| c.start_offset)
        .max(first.unwrap_or(0));
    let lost = flushed.filter(|f| f.position > 0 && last.is_none_or(|last| f.segment > last));
    if let Some(mark) = lost {
        let what = format!(
            "the segment is missing, and {} bytes of it were flushed",
            mark.position
        );
        let finding = Finding::problem(segment_path(dir, mark.segment), what);
        out.findings.push(finding.at(0, mark.segment));
    }
    // Where it is damaged, that is told already.
    let is_told = |base| {
        let path = segment_path(dir, base);
        let mut problems = out
            .findings
            .iter()
            .filter(|f| f.severity == Severity::Problem);
        problems.any(|finding| finding.file == path)
    };
    let last = last.filter(|last| !is_told(*last));
    let known_end = checkpoint.map_or(0, |c| c.next_offset.max(c.start_offset));
    if let Some(last) = last.filter(|_| next_offset < known_end) {
        let what =
            format!("the log ends at offset {next_offset}, and was known to reach {known_end}");
        let finding = Finding::problem(segment_path(dir, last), what);
        out.findings.push(finding.at(0, next_offset));
    }
}
