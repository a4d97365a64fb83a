//! What a start makes of files that are cut short or damaged.

use bytes::Bytes;

use super::super::{log, snapshot};
use super::*;

fn groups() -> Vec<Vec<Command>> {
    vec![
        vec![register(1, 1), create("a", 1, 1)],
        vec![create("b.c", 2, 2), create("b_c", 3, 1)],
        vec![alter(1, "flush.ms", Some("7"), false), delete(2)],
    ]
}

/// A machine with one log of these groups, and the state after each.
fn written() -> (Sim, Vec<ClusterImage>) {
    let sim = machine(1);
    let node = open(&sim);
    let mut images = vec![image(&node)];
    for group in groups() {
        propose(&sim, &node, &group).unwrap();
        images.push(image(&node));
    }
    (sim, images)
}

fn log_of(sim: &Sim) -> (PathBuf, Bytes) {
    files_of(sim, log::PREFIX).remove(0)
}

#[test]
fn a_log_cut_at_any_byte_reads_as_a_prefix() {
    let (sim, _) = written();
    let (path, whole) = log_of(&sim);
    let frames = log::parse(&path, &whole, 1).unwrap().frames;
    let mut found = 0;
    for length in 32..=whole.len() {
        let contents = log::parse(&path, &whole[..length], 1).unwrap();
        assert_eq!(contents.frames, frames[..contents.frames.len()]);
        assert!(contents.frames.len() >= found, "a longer log holds no less");
        found = contents.frames.len();
    }
    assert_eq!(found, groups().len());
}

#[test]
fn a_log_that_was_cut_reopens_and_takes_new_commands() {
    let (sim, images) = written();
    let (path, whole) = log_of(&sim);
    for length in 32..=whole.len() {
        sim.put(&path, whole.slice(..length)).unwrap();
        let node = open(&sim);
        assert!(images.contains(&image(&node)));
        let command = Command::AllocateProducerIds { count: 1 };
        propose(&sim, &node, &[command]).unwrap();
        assert_eq!(image(&open(&sim)), image(&node));
    }
}

#[test]
fn a_tail_of_zeros_is_a_torn_write() {
    let (sim, images) = written();
    let (path, whole) = log_of(&sim);
    let mut bytes = whole.to_vec();
    bytes.extend_from_slice(&[0; 5000]);
    sim.put(&path, bytes.into()).unwrap();
    assert_eq!(image(&open(&sim)), images[3]);
}

#[test]
fn damage_is_either_a_torn_tail_or_an_error_never_another_state() {
    let (sim, images) = written();
    let (path, whole) = log_of(&sim);
    let frame_bytes = |at: usize| 32 + u32::from_le_bytes(whole[at..at + 4].try_into().unwrap());
    let second = 32 + frame_bytes(32) as usize;
    let third = second + frame_bytes(second) as usize;
    for at in 0..whole.len() {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 0x40;
        sim.put(&path, bytes.into()).unwrap();
        match open_with(&sim, NO_SNAPSHOT) {
            Ok(node) => {
                assert!(at >= third, "byte {at} was damaged and passed");
                assert_eq!(image(&node), images[2]);
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
fn a_damaged_snapshot_is_an_error() {
    let sim = machine(2);
    let node = open_with(&sim, 1).unwrap();
    for group in groups() {
        propose(&sim, &node, &group).unwrap();
    }
    let (path, whole) = files_of(&sim, snapshot::PREFIX).remove(0);
    for at in 0..whole.len() {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 1;
        sim.put(&path, bytes.into()).unwrap();
        assert!(open_with(&sim, NO_SNAPSHOT).is_err(), "byte {at}");
    }
}

#[test]
fn a_snapshot_without_the_log_that_continues_it_is_not_enough() {
    let sim = machine(3);
    let node = open_with(&sim, 1).unwrap();
    for group in groups() {
        propose(&sim, &node, &group).unwrap();
    }
    let (path, _) = log_of(&sim);
    sim.remove(&path).unwrap();
    let opened = open_with(&sim, NO_SNAPSHOT);
    assert!(matches!(opened, Err(StorageError::Corrupt { .. })));
}

proptest! {
    #[test]
    fn no_bytes_after_the_header_make_it_panic(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        let sim = machine(4);
        drop(open(&sim));
        let (path, whole) = log_of(&sim);
        let mut bytes = whole.to_vec();
        bytes.extend_from_slice(&tail);
        let _ = log::parse(&path, &bytes, 1);
    }
}
