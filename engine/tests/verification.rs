//! What a look at a stopped directory finds: nothing where nothing is wrong, every damage with its
//! file, position and offset, and nothing is ever changed.
#![allow(clippy::unwrap_used)]

mod world;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use naru_engine::segment::{CHECKPOINT_FILE, index_path, segment_path};
use naru_engine::verify::{Severity, Verified, verify};
use naru_record_batch::stamp;
use naru_runtime::sim::Sim;
use world::{Known, append_all, check, dir, machine};

/// Three sealed segments and one that is not, of 100 kB batches; closed, so that all are flushed
/// and there is a checkpoint.
fn closed_log() -> Sim {
    let sim = machine(31);
    let known = Known::default();
    sim.run(append_all(sim.env(), known.clone(), &[100_000; 7]))
        .unwrap();
    let sim = sim.kill(0);
    sim.run(async {
        let log = check(&sim.env(), &known, 7, "before").await;
        log.close(Bytes::from_static(b"owner")).await.unwrap();
    });
    sim.kill(1)
}

/// Looks a directory through, and sees that this changed nothing.
fn look(sim: &Sim) -> Verified {
    let before = sim.contents(&dir()).unwrap();
    let verified = sim.run(async { verify(&sim.env(), &dir()).await.unwrap() });
    assert!(
        before == sim.contents(&dir()).unwrap(),
        "a file was changed"
    );
    verified.unwrap()
}

/// The one thing that is found.
#[track_caller]
fn only(sim: &Sim) -> (Severity, PathBuf, Option<u64>, Option<i64>, String) {
    let mut findings = look(sim).findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    let found = findings.remove(0);
    (
        found.severity,
        found.file,
        found.position,
        found.offset,
        found.what,
    )
}

fn replace(sim: &Sim, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut content = sim.content(path).unwrap().to_vec();
    change(&mut content);
    sim.put(path, content.into()).unwrap();
}

#[test]
fn a_whole_log_is_counted_and_nothing_is_found() {
    let verified = look(&closed_log());
    assert_eq!(verified.findings, []);
    assert_eq!((verified.segments, verified.batches), (4, 7));
    assert_eq!((verified.start_offset, verified.next_offset), (0, 7));
    assert_eq!(verified.user_state.as_deref(), Some(&b"owner"[..]));
}

#[test]
fn a_flipped_bit_is_found_where_its_batch_begins() {
    let sim = closed_log();
    let path = segment_path(&dir(), 2);
    let second = sim.content(&path).unwrap().len() / 2;
    sim.flip_bit(&path, second as u64 + 5000, 3).unwrap();
    // What is lost after it shows as a gap, too.
    let findings = look(&sim).findings;
    let [batch, gap] = &findings[..] else {
        panic!("{findings:?}")
    };
    assert!(batch.what.contains("checksum is wrong"), "{batch:?}");
    assert!(gap.what.contains("what is between is lost"), "{gap:?}");
    assert_eq!((batch.severity, &batch.file), (Severity::Problem, &path));
    assert_eq!(
        (batch.position, batch.offset),
        (Some(second as u64), Some(3))
    );
}

#[test]
fn an_offset_that_goes_back_is_found() {
    let sim = closed_log();
    let path = segment_path(&dir(), 6);
    sim.remove(&dir().join(CHECKPOINT_FILE)).unwrap();
    // Outside of what the checksum covers.
    replace(&sim, &path, |content| stamp(content, 5, 0));
    let (severity, file, position, offset, what) = only(&sim);
    assert_eq!((severity, file), (Severity::Problem, path));
    assert_eq!((position, offset), (Some(0), Some(6)));
    assert!(
        what.contains("offsets 5 to 5, where 6 or a later one is next"),
        "{what}"
    );
}

#[test]
fn a_segment_that_is_gone_is_missed() {
    let sim = closed_log();
    sim.remove(&segment_path(&dir(), 2)).unwrap();
    let findings = look(&sim).findings;
    let gap = findings
        .iter()
        .find(|f| f.what.contains("what is between is lost"))
        .unwrap();
    assert_eq!((gap.severity, gap.offset), (Severity::Problem, Some(2)));
    assert_eq!(gap.file, segment_path(&dir(), 4));

    let sim = closed_log();
    sim.remove(&segment_path(&dir(), 6)).unwrap();
    let findings = look(&sim).findings;
    let lost = findings
        .iter()
        .find(|f| f.what.contains("the segment is missing"))
        .unwrap();
    assert_eq!(lost.file, segment_path(&dir(), 6));
}

#[test]
fn what_a_crash_has_left_at_the_tail_is_a_note() {
    let sim = closed_log();
    let path = segment_path(&dir(), 6);
    let end = sim.content(&path).unwrap().len() as u64;
    replace(&sim, &path, |content| content.extend([0; 4096]));
    assert_eq!(look(&sim).findings, [], "zeros are space ahead");
    replace(&sim, &path, |content| content.extend([7; 100]));
    let (severity, _, position, offset, what) = only(&sim);
    assert_eq!(
        (severity, position, offset),
        (Severity::Note, Some(end), Some(7))
    );
    assert!(
        what.contains("the next start cuts 4196 bytes off"),
        "{what}"
    );
    // The same bytes in a segment that is not the last are no tail.
    let sim = closed_log();
    replace(&sim, &segment_path(&dir(), 4), |content| {
        content.extend([7; 100])
    });
    let found = look(&sim).findings;
    assert!(
        found.iter().any(|f| f.severity == Severity::Problem),
        "{found:?}"
    );
}

#[test]
fn a_tail_that_is_shorter_than_what_was_flushed_is_a_problem() {
    let sim = closed_log();
    let path = segment_path(&dir(), 6);
    replace(&sim, &path, |content| content.truncate(4096));
    let findings = look(&sim).findings;
    let short = findings
        .iter()
        .find(|f| f.what.contains("were flushed"))
        .unwrap();
    assert_eq!((short.severity, &short.file), (Severity::Problem, &path));
    assert_eq!((short.position, short.offset), (Some(0), Some(6)));
}

#[test]
fn an_index_that_is_damaged_is_a_note_and_files_that_nobody_knows_are_named() {
    let sim = closed_log();
    let path = index_path(&dir(), 0);
    sim.flip_bit(&path, 20, 3).unwrap();
    assert_eq!(only(&sim).0, Severity::Note);

    for (name, what) in [
        (
            "00000000000000000000.log.deleted",
            "being written or removed",
        ),
        ("checkpoint.tmp", "being written or removed"),
        (
            "00000000000000000000.log.cleaned",
            "being written or removed",
        ),
        ("00000000000000000099.naruindex", "a segment that is gone"),
        ("core", "does not know"),
    ] {
        let sim = closed_log();
        sim.put(&dir().join(name), Bytes::from_static(b"x"))
            .unwrap();
        let found = only(&sim);
        assert_eq!((found.0, found.1), (Severity::Note, dir().join(name)));
        assert!(found.4.contains(what), "{}", found.4);
    }
}

#[test]
fn a_segment_that_was_about_to_replace_others_counts_in_their_place() {
    let sim = closed_log();
    let path = segment_path(&dir(), 2);
    // The first two segments in one, as a cleaning that finds nothing to drop would write them.
    let first = sim.content(&segment_path(&dir(), 0)).unwrap();
    let joined = [first, sim.content(&path).unwrap()].concat();
    sim.put(&dir().join("00000000000000000000.log.swap"), joined.into())
        .unwrap();
    let verified = look(&sim);
    assert!(
        verified
            .findings
            .iter()
            .all(|f| f.severity == Severity::Note),
        "{verified:?}"
    );
    assert!(
        verified
            .findings
            .iter()
            .any(|f| f.what.contains("compaction")),
        "{verified:?}"
    );
    assert_eq!((verified.batches, verified.next_offset), (7, 7));
}
