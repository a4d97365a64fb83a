//! Compaction of transactions, as a consumer of committed records sees it: what was aborted
//! never shows, what was committed never goes but for newer records, and markers go last.
#![allow(clippy::unwrap_used)]

mod cleaning;
mod world;

use bytes::Bytes;
use cleaning::transactions::{ABORT, COMMIT, Story};
use cleaning::{DELETE_RETENTION_MS, How, Known, clean_all, new_log};

fn run(seed: u64, story: impl AsyncFnOnce(Story)) {
    let (sim, _) = new_log(seed);
    let env = sim.env();
    sim.run(async { story(Story::begin(env).await).await })
        .unwrap();
}

#[test]
fn aborted_data_goes_and_its_marker_after_the_horizon() {
    run(1, async |mut story| {
        story.plain(10, 5);
        let data = story.write(7, &[(1, Some(666)), (2, Some(667))]);
        let marker = story.end(7, ABORT);
        story.plain(100, 5);
        story.clean().await.unwrap();
        assert_eq!(story.header_at(data).await, None);
        // In this pass its data was seen: it stays as it is, and with it the index.
        let seen = story.header_at(marker).await.unwrap();
        assert_eq!((seen.is_empty(), seen.delete_horizon_ms()), (false, None));
        let passes = [(5_000, true), (5_500, true), (6_000, false)];
        for (now_ms, stays) in passes {
            story.now_ms = now_ms;
            story.plain(100, 5);
            story.clean().await.unwrap();
            let found = story.header_at(marker).await;
            assert_eq!(found.is_some(), stays, "at {now_ms}");
            if let Some(found) = found {
                assert_eq!(found.delete_horizon_ms(), Some(5_000 + DELETE_RETENTION_MS));
            }
            let end = story.log.end_offset();
            let index = story.log.aborted_transactions(0, end).await.unwrap();
            assert_eq!(!index.is_empty(), stays, "at {now_ms}");
        }
    });
}

/// An aborted record is none: it supersedes no committed one.
#[test]
fn an_aborted_record_supersedes_nothing() {
    run(2, async |mut story| {
        story
            .committed
            .append(&story.log, &[(900, Some(1))], 10)
            .unwrap();
        story.write(7, &[(900, None), (901, Some(5))]);
        story.end(7, ABORT);
        story.plain(150, 3);
        story.clean().await.unwrap();
        let found = story.read_committed().await;
        assert!(found.iter().any(|record| record.offset == 0));
    });
}

/// KAFKA-8351: what was seen of a transaction was forgotten between two groups of segments, and
/// the marker in the second one went while its data in the first one stayed.
#[test]
fn a_transaction_over_several_groups_keeps_its_marker() {
    run(3, async |mut story| {
        let data = story.write(7, &[(900, Some(1)), (901, Some(2))]);
        story.plain(600, 590);
        story.write(8, &[(902, Some(1))]);
        let marker = story.end(7, COMMIT);
        let aborted = story.end(8, ABORT);
        story.plain(100, 3);
        for now_ms in [5_000, 7_000, 9_000] {
            story.now_ms = now_ms;
            let done = story.clean().await.unwrap();
            assert!(done.cleaned_to > marker, "{done:?}");
            assert!(story.header_at(data).await.is_some_and(|h| !h.is_empty()));
            let found = story.header_at(marker).await.unwrap();
            let state = (found.is_empty(), found.delete_horizon_ms());
            assert_eq!(state, (false, None), "at {now_ms}");
            story.plain(100, 3);
        }
        // That of the aborted one, whose data is gone, is gone by now.
        assert_eq!(story.header_at(aborted).await, None);
    });
}

/// KAFKA-14055: markers were told apart by their keys, which are equal, and an older one was
/// taken for superseded: its transaction was torn.
#[test]
fn markers_with_equal_keys_supersede_nothing() {
    run(4, async |mut story| {
        let mut markers = Vec::new();
        for producer_id in 10..20 {
            let key = 900 + producer_id as u32;
            let data = story.write(producer_id, &[(key, Some(1)), (1, Some(2))]);
            let result = if producer_id % 3 == 0 { ABORT } else { COMMIT };
            markers.push((data, story.end(producer_id, result), result));
        }
        story.plain(150, 2);
        for now_ms in [5_000, 7_000] {
            story.now_ms = now_ms;
            story.clean().await.unwrap();
            for &(data, marker, result) in &markers {
                if result == COMMIT {
                    assert!(story.header_at(data).await.is_some());
                    let found = story.header_at(marker).await;
                    assert!(found.is_some_and(|h| !h.is_empty()), "{marker}");
                }
            }
            story.plain(150, 2);
        }
    });
}

/// KAFKA-13727: what was not cleaned for want of memory was copied as it was, and the aborted
/// index did not cover it: aborted records showed.
#[test]
fn what_there_was_no_memory_for_keeps_its_aborted_index() {
    for memory_bytes in [1, 100, 700, 1 << 20] {
        run(5, async |mut story| {
            for round in 0..40 {
                story.write(7, &[(1, Some(round)), (2, Some(666))]);
                story.write(8, &[(round as u32, Some(round))]);
                story.plain(12, 9);
                story.end(7, ABORT);
                story.end(8, COMMIT);
            }
            let how = How {
                memory_bytes,
                ..story.how().await
            };
            for _ in 0..3 {
                clean_all(&story.env, &story.log, &how).await.unwrap();
                story.check("in little memory").await;
            }
        });
    }
}

/// The part from the first open transaction on is left alone.
#[test]
fn nothing_of_an_open_transaction_is_cleaned() {
    run(6, async |mut story| {
        story.plain(100, 3);
        let first = story.log.end_offset();
        story.write(7, &[(1, Some(1)), (2, Some(2))]);
        story.plain(200, 3);
        let done = story.clean().await.unwrap();
        assert!(done.cleaned_to <= first, "{done:?}");
        story.end(7, COMMIT);
        story.plain(10, 3);
        let done = story.clean().await.unwrap();
        assert!(done.cleaned_to > first, "{done:?}");
    });
}

/// Clean segments with transactions are read, and not written, when nothing in them changes.
#[test]
fn clean_transactions_are_not_written_again() {
    run(7, async |mut story| {
        for key in 0..150 {
            story.write(7, &[(key, Some(1)), (1_000 + key, Some(2))]);
            story.end(7, COMMIT);
        }
        let first = story.clean().await.unwrap();
        for key in 500..560 {
            story.write(7, &[(key, Some(1))]);
            story.end(7, COMMIT);
        }
        let second = story.clean().await.unwrap();
        let again = second.replaced.concat();
        let again = again.iter().filter(|&&base| base < first.cleaned_to);
        assert_eq!(again.count(), 0, "{first:?}, then {second:?}");
    });
}

/// Everything at once, by a seed, over three lives of the log.
#[test]
fn any_mix_of_transactions_reads_as_it_was_committed() {
    for seed in 0..60u64 {
        let (mut sim, _) = new_log(seed);
        let (mut committed, mut now_ms, mut state) = (Known::default(), 100, seed | 1);
        let mut next = move |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % below
        };
        for life in 0..3 {
            let env = sim.env();
            let known = committed.clone();
            let result = sim.run(async {
                let mut story = Story::begin(env).await;
                story.committed = known;
                story.now_ms = now_ms;
                for _ in 0..120 {
                    let producer_id = 10 + next(4) as i64;
                    let is_open = story.open.contains_key(&producer_id);
                    match next(8) {
                        0 if is_open => drop(story.end(producer_id, ABORT)),
                        1 | 2 if is_open => drop(story.end(producer_id, COMMIT)),
                        3 => story.plain(3, 7),
                        _ => {
                            let value = (next(5) > 0).then(|| next(1_000));
                            let pair = (next(25) as u32, value);
                            let more = (next(25) as u32, Some(next(9)));
                            story.write(producer_id, &[pair, more]);
                        }
                    }
                    if next(25) == 0 {
                        story.now_ms += next(900) as i64;
                        let how = story.how().await;
                        let how = How {
                            memory_bytes: 1 << next(16),
                            ..how
                        };
                        clean_all(&story.env, &story.log, &how).await.unwrap();
                        story.check(&format!("seed {seed}, life {life}")).await;
                    }
                }
                let open: Vec<i64> = story.open.keys().copied().collect();
                for producer_id in open {
                    story.end(producer_id, COMMIT);
                }
                story.log.flushed(story.log.end_offset()).await.unwrap();
                story.log.close(Bytes::from_static(b"owner")).await.unwrap();
                (story.committed.fork(), story.now_ms)
            });
            (committed, now_ms) = result.unwrap();
            sim = sim.power_cut(seed);
        }
    }
}
