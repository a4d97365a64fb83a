//! What a restart finds: after a stop at any byte, after damage, after snapshots.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::cluster::{disk, log, snapshot};

fn open(directory: &Path) -> SingleNode {
    SingleNode::open(directory).unwrap()
}

fn files(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    let files = disk::indexed_files(directory, prefix).unwrap();
    files.into_iter().map(|file| file.path).collect()
}

/// A directory with one log of these groups, and the state after each group.
fn written(directory: &Path, groups: &[Vec<Command>]) -> Vec<ClusterImage> {
    let mut node = open(directory);
    let mut images = vec![ClusterImage::clone(&node.durable_image())];
    for group in groups {
        node.commit(group.clone()).unwrap();
        images.push(ClusterImage::clone(&node.durable_image()));
    }
    images
}

fn groups() -> Vec<Vec<Command>> {
    vec![
        vec![register(1, 1), create("a", 1, 1)],
        vec![create("b.c", 2, 2), create("b_c", 3, 1)],
        vec![alter(1, "flush.ms", Some("7"), false), delete(2)],
    ]
}

#[test]
fn a_log_cut_at_any_byte_reads_as_a_prefix() {
    let directory = tempfile::tempdir().unwrap();
    written(directory.path(), &groups());
    let path = files(directory.path(), log::PREFIX).remove(0);
    let whole = fs::read(&path).unwrap();
    let frames = log::read(&path, 1).unwrap().frames;
    let mut found = 0;
    for length in 32..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let contents = log::read(&path, 1).unwrap();
        assert_eq!(contents.frames, frames[..contents.frames.len()]);
        assert!(contents.frames.len() >= found, "a longer log holds no less");
        found = contents.frames.len();
    }
    assert_eq!(found, groups().len());
}

#[test]
fn a_log_that_was_cut_reopens_and_takes_new_commands() {
    let directory = tempfile::tempdir().unwrap();
    let images = written(directory.path(), &groups());
    let path = files(directory.path(), log::PREFIX).remove(0);
    let whole = fs::read(&path).unwrap();
    // Each of these is some flushes to the device; the cut at every byte is told above.
    for length in (32..=whole.len()).step_by(61) {
        fs::write(&path, &whole[..length]).unwrap();
        let mut node = open(directory.path());
        assert!(images.contains(&node.durable_image()));
        node.commit(vec![Command::AllocateProducerIds { count: 1 }])
            .unwrap();
        let image = node.durable_image();
        drop(node);
        assert_eq!(open(directory.path()).durable_image(), image);
    }
}

#[test]
fn a_tail_of_zeros_is_a_torn_write() {
    let directory = tempfile::tempdir().unwrap();
    let images = written(directory.path(), &groups());
    let path = files(directory.path(), log::PREFIX).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(&[0; 5000]);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(*open(directory.path()).durable_image(), images[3]);
}

#[test]
fn damage_is_either_a_torn_tail_or_an_error_never_another_state() {
    let directory = tempfile::tempdir().unwrap();
    let images = written(directory.path(), &groups());
    let path = files(directory.path(), log::PREFIX).remove(0);
    let whole = fs::read(&path).unwrap();
    let frame_bytes = |at: usize| 16 + u32::from_le_bytes(whole[at..at + 4].try_into().unwrap());
    let second = 32 + frame_bytes(32) as usize;
    let third = second + frame_bytes(second) as usize;
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        fs::write(&path, &bytes).unwrap();
        match SingleNode::open(directory.path()) {
            Ok(node) => {
                assert!(at >= third, "byte {at} was damaged and passed");
                assert_eq!(*node.durable_image(), images[2]);
            }
            Err(StorageError::Corrupt { offset, .. }) => {
                assert!(at < third, "byte {at} of the last frame");
                assert!(offset <= at);
            }
            Err(StorageError::NewerVersion { .. }) => assert!((8..12).contains(&at)),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_snapshot_takes_the_place_of_the_log_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut node = SingleNode::open_with(directory.path(), 600).unwrap();
    node.commit(vec![register(1, 1)]).unwrap();
    for id in 1..50 {
        let answers = node.commit(vec![create(&format!("t{id}"), id, 1)]).unwrap();
        assert!(answers[0].is_ok());
    }
    let image = node.durable_image();
    drop(node);
    assert_eq!(files(directory.path(), snapshot::PREFIX).len(), 1);
    assert_eq!(files(directory.path(), log::PREFIX).len(), 1);
    assert_eq!(open(directory.path()).durable_image(), image);
}

#[test]
fn a_crash_between_the_steps_of_a_snapshot_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let images = written(directory.path(), &groups());
    let image = images.last().unwrap();
    // The snapshot is written under its temporary name, and the crash comes.
    let prepared = snapshot::prepare(directory.path(), image).unwrap();
    assert_eq!(*open(directory.path()).durable_image(), *image);
    drop(prepared);
    // The new log has its name, the snapshot has not.
    log::LogFile::create(directory.path(), image.index + 1).unwrap();
    assert_eq!(*open(directory.path()).durable_image(), *image);
    // Both have theirs, and nothing was tidied up.
    let prepared = snapshot::prepare(directory.path(), image).unwrap();
    prepared.publish().unwrap();
    let mut node = open(directory.path());
    assert_eq!(*node.durable_image(), *image);
    node.commit(vec![create("d", 4, 1)]).unwrap();
    let later = node.durable_image();
    drop(node);
    // The old log is gone.
    fs::remove_file(&files(directory.path(), log::PREFIX)[0]).unwrap();
    assert_eq!(open(directory.path()).durable_image(), later);
    // Without the log that continues it, a snapshot is not enough.
    fs::remove_file(&files(directory.path(), log::PREFIX)[0]).unwrap();
    assert!(matches!(
        SingleNode::open(directory.path()),
        Err(StorageError::Corrupt { .. })
    ));
}

#[test]
fn a_damaged_snapshot_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let images = written(directory.path(), &groups());
    let image = images.last().unwrap();
    let prepared = snapshot::prepare(directory.path(), image).unwrap();
    prepared.publish().unwrap();
    let path = files(directory.path(), snapshot::PREFIX).remove(0);
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(SingleNode::open(directory.path()).is_err(), "byte {at}");
    }
}

#[test]
fn two_brokers_cannot_share_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let node = open(directory.path());
    let second = SingleNode::open(directory.path());
    assert!(matches!(second, Err(StorageError::Locked { .. })));
    drop(node);
    open(directory.path());
}

#[test]
fn after_a_failed_write_no_command_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let metadata = directory.path().join(DIRECTORY);
    let mut node = SingleNode::open_with(&metadata, 1).unwrap();
    node.commit(vec![register(1, 1)]).unwrap();
    // The next command wants a snapshot, and there is no place for it any more.
    fs::remove_dir_all(&metadata).unwrap();
    let failed = node.commit(vec![create("a", 1, 1)]).unwrap_err();
    assert!(matches!(failed, ClusterError::Fenced { .. }), "{failed}");
    fs::create_dir_all(&metadata).unwrap();
    assert_eq!(node.commit(vec![create("b", 2, 1)]), Err(failed));
    assert!(node.durable_image().topic(TopicRef::Name("b")).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn snapshot_and_log_are_the_state(
        groups in prop::collection::vec(prop::collection::vec(any_command(), 0..5), 1..16),
        snapshot_after_bytes in 64u64..4096,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut node = SingleNode::open_with(directory.path(), snapshot_after_bytes).unwrap();
        for group in &groups {
            node.commit(group.clone()).unwrap();
        }
        let image = node.durable_image();
        drop(node);
        prop_assert_eq!(open(directory.path()).durable_image(), image);
    }

    #[test]
    fn no_bytes_behind_the_header_make_it_panic(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        let directory = tempfile::tempdir().unwrap();
        drop(log::LogFile::create(directory.path(), 1).unwrap());
        let path = files(directory.path(), log::PREFIX).remove(0);
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(&tail);
        fs::write(&path, &bytes).unwrap();
        let _ = SingleNode::open(directory.path());
    }
}
