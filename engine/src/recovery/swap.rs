//! Swaps that a crash has interrupted: a segment that was written again, and has a name from
//! which there is no way back, takes the place of those that it replaces.
//!
//! It was flushed and checked before it got that name, so anything wrong with it is damage.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::{RecoveryError, scan};
use crate::segment::{
    aborted_path, index_path, keys_path, parse_log_name, parse_swap_name, segment_path,
    snapshot_path, swap_path,
};
use naru_runtime::{DirEntry, Disk, File, Open};

/// Puts every such segment in its place. Whether there was one.
pub(super) async fn finish<D: Disk>(
    disk: &D,
    dir: &Path,
    entries: &[DirEntry],
) -> Result<bool, RecoveryError> {
    let names = || entries.iter().map(|entry| entry.name.as_str());
    let swaps: BTreeSet<i64> = names().filter_map(parse_swap_name).collect();
    let plain: BTreeSet<i64> = names().filter_map(parse_log_name).collect();
    for &base in &swaps {
        let end = end_of(disk, dir, base).await?;
        let replaced: Vec<i64> = plain.range(base + 1..end).copied().collect();
        let files = [
            index_path(dir, base),
            keys_path(dir, base),
            aborted_path(dir, base),
        ];
        let files = files.into_iter().chain(replaced.iter().flat_map(|&base| {
            [
                index_path(dir, base),
                keys_path(dir, base),
                aborted_path(dir, base),
                snapshot_path(dir, base),
                segment_path(dir, base),
            ]
        }));
        for path in files {
            match disk.remove_file(&path).await {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                    return Err(RecoveryError::Io { path, cause });
                }
                _ => {}
            }
        }
        let sync = async || {
            disk.sync_dir(dir).await.map_err(|cause| RecoveryError::Io {
                path: dir.to_owned(),
                cause,
            })
        };
        // They must be gone when it has the name of the first: together they overlap.
        sync().await?;
        let path = segment_path(dir, base);
        let renamed = disk.rename(&swap_path(&path), &path).await;
        renamed.map_err(|cause| RecoveryError::Io { path, cause })?;
        sync().await?;
    }
    Ok(!swaps.is_empty())
}

/// The offset after the last record of a segment that is to take the place of others.
async fn end_of<D: Disk>(disk: &D, dir: &Path, base: i64) -> Result<i64, RecoveryError> {
    let path = swap_path(&segment_path(dir, base));
    let read = async {
        let file = disk.open(&path, Open::Direct).await?;
        let length = file.length().await?;
        let end = scan(&file, length, 0, base, |_, _, _| {}).await?;
        io::Result::Ok((length, end))
    };
    let (length, end) = read.await.map_err(|cause| RecoveryError::Io {
        path: path.clone(),
        cause,
    })?;
    if end.position == length && length > 0 {
        return Ok(end.next_offset);
    }
    Err(RecoveryError::Corrupt {
        file: path,
        position: end.position,
        offset: end.next_offset,
    })
}
