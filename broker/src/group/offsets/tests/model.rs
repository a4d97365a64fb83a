//! Random interleavings of commits, transactional commits, markers, deletions, expiry and
//! reloads, held against what the log says by definition.
//!
//! By definition: an offset is that of the last record for its key after the key's last
//! tombstone, of those that are of no transaction or of one whose marker says committed. It is
//! pending if there is such a record of a transaction without a marker.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{Logged, World, partitions, to_commit, txn_commit};
use crate::group::records::{Key, decode_offset_value};
use crate::group::{Coordinator, TransactionOutcome};

const GROUPS: [&str; 2] = ["g", "h"];
const TOPICS: [&str; 2] = ["t", "u"];
const PARTITIONS: i32 = 2;
const PRODUCERS: i64 = 3;

type Place = (String, String, i32);

/// What is committed, and what is pending.
#[derive(Debug, Default, PartialEq, Eq)]
struct Known {
    committed: BTreeMap<Place, i64>,
    pending: BTreeSet<Place>,
}

/// How the transaction of a record at `at` ended, if it did.
fn ended(log: &[Logged], at: usize, of: i64) -> Option<TransactionOutcome> {
    log[at..].iter().find_map(|logged| match logged {
        Logged::Marker {
            producer_id,
            outcome,
        } if *producer_id == of => Some(*outcome),
        _ => None,
    })
}

fn by_definition(log: &[Logged]) -> Known {
    let mut known = Known::default();
    for (at, logged) in log.iter().enumerate() {
        let Logged::Record {
            producer_id,
            record,
        } = logged
        else {
            continue;
        };
        let Ok(Key::Offset {
            group_id,
            topic,
            partition,
        }) = Key::decode(&record.key)
        else {
            continue;
        };
        let place = (group_id, topic, partition);
        let Some(value) = &record.value else {
            known.committed.remove(&place);
            known.pending.remove(&place);
            continue;
        };
        let offset = decode_offset_value(value).unwrap().offset;
        match producer_id.map(|id| ended(log, at, id)) {
            None | Some(Some(TransactionOutcome::Committed)) => {
                known.committed.insert(place, offset);
            }
            Some(Some(TransactionOutcome::Aborted)) => {}
            Some(None) => {
                known.pending.insert(place);
            }
        }
    }
    known
}

fn of(coordinator: &Coordinator<u32>) -> Known {
    let mut known = Known::default();
    for (group_id, group) in &coordinator.groups {
        for (topic, partition, stored) in group.offsets.committed() {
            let place = (group_id.clone(), topic.to_owned(), partition);
            known.committed.insert(place, stored.committed.offset);
        }
        for (topic, partition) in group.offsets.keys() {
            if group.offsets.is_pending(topic, partition) {
                let place = (group_id.clone(), topic.to_owned(), partition);
                known.pending.insert(place);
            }
        }
    }
    known
}

/// Takes out what a compaction may: all below the first open transaction that a later record of
/// its key makes needless, aborted records, and tombstones and markers whose time has come.
fn compact(log: &mut [Logged], below: &mut impl FnMut(u64) -> u64) {
    let open = |at: usize, log: &[Logged]| match &log[at] {
        Logged::Record {
            producer_id: Some(id),
            ..
        } => ended(log, at, *id).is_none(),
        _ => false,
    };
    let first_open = (0..log.len()).find(|at| open(*at, log));
    let end = first_open.unwrap_or(log.len());
    let end = below(end as u64 + 1) as usize;
    let is_aborted = |at: usize, log: &[Logged]| match &log[at] {
        Logged::Record {
            producer_id: Some(id),
            ..
        } => ended(log, at, *id) == Some(TransactionOutcome::Aborted),
        _ => false,
    };
    let aborted: Vec<bool> = (0..end).map(|at| is_aborted(at, log)).collect();
    let mut seen = BTreeSet::new();
    for at in (0..end).rev() {
        let Logged::Record { record, .. } = &log[at] else {
            continue;
        };
        let is_needless = aborted[at] || !seen.insert(record.key.clone());
        if is_needless || record.value.is_none() && below(2) == 0 {
            log[at] = Logged::Nothing;
        }
    }
    // A marker may go when no record of its transaction is left.
    for at in 0..end {
        let Logged::Marker { producer_id, .. } = log[at] else {
            continue;
        };
        let is_needed = log[..at].iter().any(|logged| {
            matches!(logged, Logged::Record { producer_id: Some(id), .. } if *id == producer_id)
        });
        if !is_needed && below(2) == 0 {
            log[at] = Logged::Nothing;
        }
    }
}

fn run(seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = move |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % bound
    };
    let mut world = World::new();
    for step in 0..120 {
        let group_id = GROUPS[below(2) as usize];
        let topic = TOPICS[below(2) as usize];
        let partition = below(PARTITIONS as u64) as i32;
        let producer_id = below(PRODUCERS as u64) as i64;
        world.is_full = below(20) == 0;
        match below(15) {
            0..=3 => world.commit(group_id, to_commit(topic, partition, step)),
            4..=7 => {
                // The next transaction of a producer begins when the markers of the last one are
                // acknowledged: the transaction coordinator sees to that.
                let is_of_this = |marker: &(i64, _, i64)| marker.0 == producer_id;
                while let Some(at) = world.unacknowledged_markers.iter().position(is_of_this) {
                    world.acknowledge_marker(at);
                }
                let offset = to_commit(topic, partition, step);
                world.commit_in_transaction(txn_commit(group_id, producer_id, offset));
            }
            8 | 9 if !world.is_full => {
                let outcome = if below(3) == 0 {
                    TransactionOutcome::Aborted
                } else {
                    TransactionOutcome::Committed
                };
                world.write_marker(producer_id, outcome);
            }
            // Whatever was appended first need not be acknowledged first, nor before a marker.
            10 if !world.unacknowledged.is_empty() => {
                let place = below(world.unacknowledged.len() as u64) as usize;
                world.acknowledge(place);
            }
            11 if !world.unacknowledged_markers.is_empty() => world.acknowledge_marker(0),
            12 => {
                // The model does not know of tombstones that found no room.
                world.is_full = false;
                world.delete(group_id, topic, partition);
            }
            13 => {
                world.is_full = false;
                world.pass(below(700_000) as i64);
            }
            14 => {
                world.is_full = false;
                match below(4) {
                    0 => {
                        let effects = world.coordinator.delete(group_id, 0);
                        world.take(effects);
                    }
                    1 => {
                        let effects = world.coordinator.forget_topic(topic, uuid::Uuid::nil());
                        world.take(effects);
                    }
                    _ => {
                        world.settle();
                        compact(&mut world.log, &mut below);
                        world.coordinator = world.restarted();
                    }
                }
            }
            _ => {}
        }
        world.answers.clear();
        // What clients are told is in the log, and of no transaction that is open.
        for group_id in GROUPS {
            for topic in TOPICS {
                let all: Vec<i32> = (0..PARTITIONS).collect();
                let wanted = [partitions(topic, &all)];
                for fetched in world.coordinator.fetch_offsets(group_id, Some(&wanted)) {
                    assert!(!fetched.is_unstable);
                }
            }
        }
        if below(4) == 0 {
            world.settle();
            let live = of(&world.coordinator);
            assert_eq!(live, by_definition(&world.log), "seed {seed}, step {step}");
            let restarted = world.restarted();
            assert_eq!(of(&restarted), live, "seed {seed}, step {step}: reload");
        }
    }
}

#[test]
fn a_coordinator_has_what_its_log_says() {
    for seed in 0..300 {
        run(seed);
    }
}
