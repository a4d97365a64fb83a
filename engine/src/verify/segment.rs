//! One segment: every batch, and the files beside it that were derived from it.

use std::io;
use std::path::Path;

use naru_record_batch::{BatchHeader, HEADER_BYTES, crc_is_valid};
use naru_runtime::{BLOCK_BYTES, Disk, File, Open, read_file};

use super::Finding;
use crate::index::{IndexEntry, SegmentIndex, decode_aborted};
use crate::recovery::{SegmentSnapshot, scan};
use crate::segment::{aborted_path, index_path, snapshot_path};

/// What a segment was found to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFound {
    /// After the last good batch, in bytes.
    pub position: u64,
    /// The offset after the last good batch.
    pub next_offset: i64,
    pub file_bytes: u64,
    pub batches: u64,
    pub records: u64,
    /// There are bytes after it that are no good batch, other than zeros.
    pub is_torn: bool,
    /// A batch begins at the position that was asked about, or the log ends there; with its offset.
    pub asked: Option<i64>,
}

/// Reads a segment from `path`. `asked` is a position of which it is to be said whether a batch
/// begins there.
pub(super) async fn read<D: Disk>(
    disk: &D,
    dir: &Path,
    base: i64,
    path: &Path,
    asked: Option<u64>,
    findings: &mut Vec<Finding>,
) -> io::Result<SegmentFound> {
    let file = disk.open(path, Open::Direct).await?;
    let file_bytes = file.length().await?;
    let index = index(disk, dir, base, file_bytes, findings).await?;
    let mut entries = index
        .iter()
        .flat_map(|index| index.index.entries())
        .peekable();
    let mut wrong_entry: Option<IndexEntry> = None;
    let mut found = SegmentFound {
        position: 0,
        next_offset: base,
        file_bytes,
        batches: 0,
        records: 0,
        is_torn: false,
        asked: None,
    };
    let end = scan(&file, file_bytes, 0, base, |header, position, _| {
        found.batches += 1;
        found.records += u64::try_from(header.records_count).unwrap_or(0);
        if asked == Some(position) {
            found.asked = Some(header.base_offset);
        }
        while let Some(entry) = entries.next_if(|entry| entry.position <= position) {
            let fits = entry.position == position && entry.offset == header.base_offset;
            wrong_entry = wrong_entry.or((!fits).then_some(*entry));
        }
    });
    let end = end.await?;
    (found.position, found.next_offset) = (end.position, end.next_offset);
    found.is_torn = end.is_torn;
    if asked == Some(end.position) {
        found.asked = Some(end.next_offset);
    }
    // What comes after damage cannot be compared.
    let is_whole = end.position == file_bytes;
    let unseen = entries.next().filter(|_| is_whole).copied();
    if let Some(entry) = wrong_entry.or(unseen) {
        let what = "the index names a place where no such batch begins: readers are led astray; \
                    remove the file, it is built again";
        let finding = Finding::problem(index_path(dir, base), what);
        findings.push(finding.at(entry.position, entry.offset));
    }
    let differs = |index: &SegmentIndex| is_whole && index.next_offset != end.next_offset;
    if let Some(index) = index.filter(differs) {
        let what = format!(
            "the index says that the segment ends before offset {}, and it does before {}",
            index.next_offset, end.next_offset
        );
        findings.push(Finding::problem(index_path(dir, base), what));
    }
    beside(disk, dir, base, findings).await?;
    Ok(found)
}

/// The segment's index, if it is whole and of this segment.
async fn index<D: Disk>(
    disk: &D,
    dir: &Path,
    base: i64,
    file_bytes: u64,
    findings: &mut Vec<Finding>,
) -> io::Result<Option<SegmentIndex>> {
    let path = index_path(dir, base);
    let Some(content) = content(disk, &path).await? else {
        return Ok(None);
    };
    let index = SegmentIndex::decode(&content, file_bytes);
    if index.is_none() {
        let what = "the index is damaged, or not of this segment; it is built again";
        findings.push(Finding::note(path, what));
    }
    Ok(index)
}

/// The other files that belong to the segment.
async fn beside<D: Disk>(
    disk: &D,
    dir: &Path,
    base: i64,
    findings: &mut Vec<Finding>,
) -> io::Result<()> {
    let snapshot = snapshot_path(dir, base);
    if let Some(content) = content(disk, &snapshot).await?
        && SegmentSnapshot::decode(&content, base).is_none()
    {
        let what = "the snapshot is damaged, or a newer naru wrote it; an older one is used";
        findings.push(Finding::note(snapshot, what));
    }
    let aborted = aborted_path(dir, base);
    if let Some(content) = content(disk, &aborted).await?
        && decode_aborted(&content).is_none()
    {
        let what = "the transaction index is damaged; it is built again";
        findings.push(Finding::note(aborted, what));
    }
    Ok(())
}

/// A small file; `None` if there is none.
pub(super) async fn content<D: Disk>(disk: &D, path: &Path) -> io::Result<Option<bytes::Bytes>> {
    match read_file(disk, path).await {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Why there is no good batch at the end of what was found.
pub(super) async fn reason<D: Disk>(
    disk: &D,
    path: &Path,
    found: &SegmentFound,
) -> io::Result<String> {
    let file = disk.open(path, Open::Direct).await?;
    let read = async |length: usize| {
        let block = BLOCK_BYTES as u64;
        let start = found.position / block * block;
        let skipped = (found.position - start) as usize;
        let wanted = (skipped + length).next_multiple_of(BLOCK_BYTES);
        let bytes = file.read_at(start, wanted).await?;
        let to = bytes.len().min(skipped + length);
        io::Result::Ok(bytes.slice(skipped.min(to)..to))
    };
    let left = found.file_bytes - found.position;
    if left < HEADER_BYTES as u64 {
        return Ok(format!("{left} bytes are no batch"));
    }
    let header = match BatchHeader::parse(&read(HEADER_BYTES).await?) {
        Ok(header) => header,
        Err(error) => return Ok(format!("there is no batch: {error}")),
    };
    let size = header.size_bytes();
    if size as u64 > left {
        return Ok(format!(
            "a batch of {size} bytes, and the file has {left} more"
        ));
    }
    if header.base_offset < found.next_offset || header.last_offset_delta < 0 {
        return Ok(format!(
            "a batch of offsets {} to {}, where {} or a later one is next",
            header.base_offset,
            header.last_offset(),
            found.next_offset
        ));
    }
    if !crc_is_valid(&read(size).await?) {
        return Ok("the batch's checksum is wrong".to_owned());
    }
    Ok("there is no good batch".to_owned())
}
