//! Every limit is measured, even in a moment, and nothing is left behind.
#![allow(clippy::unwrap_used)]

use std::fs;

use naru_bench::limits::{Limits, measure};

#[test]
fn a_moment_is_enough_for_every_figure() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut heard = Vec::new();
    let progress = &mut |probe: &str| heard.push(probe.to_owned());
    let limits = measure(directory.path(), 0.01, progress).unwrap();

    let mut kinds: Vec<_> = limits
        .disk_writes
        .iter()
        .map(|writes| (writes.block_bytes, writes.depth, writes.is_flushed))
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), 20);
    for writes in &limits.disk_writes {
        assert!(writes.mb_per_second > 0.0 && writes.writes_per_second > 0.0);
        assert!(writes.latency_us_p50 > 0 && writes.latency_us_p99 >= writes.latency_us_p50);
        assert!(writes.cpu_s_per_gb > 0.0, "{writes:?}");
    }
    let (turn, stream) = (&limits.turn, &limits.stream);
    assert!(turn.us_mean > 0.0 && turn.us_p50 > 0);
    assert!(
        turn.cpu_us_client > 0.0 && turn.cpu_us_server > 0.0,
        "{turn:?}"
    );
    assert!(stream.mb_per_second > 0.0);
    assert!(stream.cpu_s_per_gb_sender > 0.0 && stream.cpu_s_per_gb_receiver > 0.0);
    assert!(limits.memory_copy_gb_per_second > 0.0);
    assert_eq!(limits.checksums.len(), 3);
    assert!(
        limits
            .checksums
            .iter()
            .all(|checksum| checksum.gb_per_second > 0.0)
    );

    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    assert!(
        heard
            .iter()
            .any(|probe| probe.contains("flushed writes of 16KiB, 8 at once"))
    );
    let text = limits.to_string();
    assert!(
        text.contains("CRC-32C of 1MiB") && text.contains("MB/s"),
        "{text}"
    );
    // JSON's fractions come back to within their last digit only.
    let stored = serde_json::to_string(&limits).unwrap();
    let back: Limits = serde_json::from_str(&stored).unwrap();
    assert_eq!(back.environment, limits.environment);
    assert_eq!(back.to_string(), text);
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let error = measure(&missing, 0.01, &mut |_| {})
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("missing") && error.contains("--dir"),
        "{error}"
    );
}
