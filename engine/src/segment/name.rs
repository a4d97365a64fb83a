//! The names of a partition's files; Kafka's where Kafka has one.

use std::path::{Path, PathBuf};

/// The recovery point, with what recovery would otherwise have to read for.
pub const CHECKPOINT_FILE: &str = "checkpoint";
/// A lower bound of what is flushed, overwritten in place.
pub const FLUSHED_FILE: &str = "flushed";
/// Whose directory it is: Kafka's `partition.metadata`.
pub const METADATA_FILE: &str = "partition.metadata";

/// How far the log was compacted.
pub const CLEANED_FILE: &str = "cleaned";

const LOG_SUFFIX: &str = ".log";
const KEYS_SUFFIX: &str = ".narukeys";
const CLEANED_SUFFIX: &str = ".cleaned";
const SWAP_SUFFIX: &str = ".swap";
const INDEX_SUFFIX: &str = ".naruindex";
const ABORTED_SUFFIX: &str = ".txnindex";
const SNAPSHOT_SUFFIX: &str = ".narusnapshot";
const DELETED_SUFFIX: &str = ".deleted";

pub fn segment_path(dir: &Path, base_offset: i64) -> PathBuf {
    dir.join(format!("{base_offset:020}.log"))
}

pub fn index_path(dir: &Path, base_offset: i64) -> PathBuf {
    dir.join(format!("{base_offset:020}{INDEX_SUFFIX}"))
}

/// The aborted transactions of a segment: Kafka's transaction index.
pub fn aborted_path(dir: &Path, base_offset: i64) -> PathBuf {
    dir.join(format!("{base_offset:020}{ABORTED_SUFFIX}"))
}

/// The state of the log's user when the segment began.
pub fn snapshot_path(dir: &Path, base_offset: i64) -> PathBuf {
    dir.join(format!("{base_offset:020}{SNAPSHOT_SUFFIX}"))
}

/// The keys of a segment, where it was compacted.
pub fn keys_path(dir: &Path, base_offset: i64) -> PathBuf {
    dir.join(format!("{base_offset:020}{KEYS_SUFFIX}"))
}

/// What a file is called that a cleaning writes: worth nothing until it has another name.
pub fn cleaned_path(path: &Path) -> PathBuf {
    suffixed(path, CLEANED_SUFFIX)
}

/// A segment that is to take the place of others: from here on there is no way back.
pub fn swap_path(path: &Path) -> PathBuf {
    suffixed(path, SWAP_SUFFIX)
}

/// What a file is renamed to before it is removed.
pub fn deleted_path(path: &Path) -> PathBuf {
    suffixed(path, DELETED_SUFFIX)
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Whether a file of this name is worth nothing at a start: it was being written, or on its
/// way out.
pub fn is_leftover_name(name: &str) -> bool {
    let suffixes = [".tmp", DELETED_SUFFIX, CLEANED_SUFFIX];
    suffixes.iter().any(|suffix| name.ends_with(suffix))
}

/// The base offset in the name of a segment that is to take the place of others.
pub fn parse_swap_name(name: &str) -> Option<i64> {
    parse_log_name(name.strip_suffix(SWAP_SUFFIX)?)
}

/// The base offset in the name of a segment's keys.
pub fn parse_keys_name(name: &str) -> Option<i64> {
    parse_name(name, KEYS_SUFFIX)
}

/// The base offset in a segment's file name.
pub fn parse_log_name(name: &str) -> Option<i64> {
    parse_name(name, LOG_SUFFIX)
}

/// The base offset in the file name of a segment's snapshot.
pub fn parse_snapshot_name(name: &str) -> Option<i64> {
    parse_name(name, SNAPSHOT_SUFFIX)
}

/// The segment that a file beside it belongs to, by its name.
pub fn belongs_to(name: &str) -> Option<i64> {
    let suffixes = [INDEX_SUFFIX, ABORTED_SUFFIX, SNAPSHOT_SUFFIX, KEYS_SUFFIX];
    let mut bases = suffixes
        .iter()
        .filter_map(|suffix| parse_name(name, suffix));
    bases.next()
}

fn parse_name(name: &str, suffix: &str) -> Option<i64> {
    let digits = name.strip_suffix(suffix)?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_found_by_its_name() {
        let path = segment_path(Path::new("/d"), 4242);
        assert_eq!(path.to_str(), Some("/d/00000000000000004242.log"));
        assert_eq!(parse_log_name("00000000000000004242.log"), Some(4242));
        assert_eq!(parse_log_name("00000000000000004242.log.deleted"), None);
        assert_eq!(parse_log_name("4242.log"), None);
        let path = snapshot_path(Path::new("/d"), 4242);
        let name = "00000000000000004242.narusnapshot";
        assert_eq!(path, Path::new("/d").join(name));
        assert_eq!(parse_snapshot_name(name), Some(4242));
        assert_eq!(parse_log_name(name), None);
        let swap = "00000000000000004242.log.swap";
        let segment = segment_path(Path::new("/d"), 4242);
        assert_eq!(swap_path(&segment), Path::new("/d").join(swap));
        assert_eq!(parse_swap_name(swap), Some(4242));
        assert_eq!(parse_log_name(swap), None);
        assert!(!is_leftover_name(swap));
        for path in [cleaned_path(&segment), deleted_path(&segment)] {
            assert!(is_leftover_name(&path.to_string_lossy()));
        }
        assert_eq!(parse_keys_name("00000000000000000007.narukeys"), Some(7));
    }
}
