//! What has gone wrong elsewhere, and must not here: each story names where.

use naru_record_batch::TransactionResult::{Abort, Commit};
use naru_runtime::Handle;

use super::super::super::{
    AppendError, Isolation, Marker, MarkerError, MarkerRefusal, ProducerError, Readable,
    Verification, VerificationGuard, VerificationRequest, Watcher,
};
use super::super::{dir, simulate};
use super::model::Kind::{Plain, Transactional};
use super::world::{READ_BYTES, World, batch};
use std::rc::Rc;

fn guard(world: &World, id: i64, epoch: i16, base_sequence: i32) -> VerificationGuard {
    let request = VerificationRequest {
        producer_id: id,
        producer_epoch: epoch,
        base_sequence,
        bumps_epochs: world.bumps_epochs,
    };
    let guard = world.partition.begin_verification(request, 0);
    guard.expect("no transaction is open")
}

fn append(
    world: &World,
    (id, epoch, sequence): (i64, i16, i32),
    verification: Verification,
) -> Result<i64, ProducerError> {
    let batch = batch(id, epoch, sequence, Transactional);
    match world.partition.append_verified(&batch, verification, 0) {
        Ok(appended) => Ok(appended.base_offset),
        Err(AppendError::Producer(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

const NOT_VERIFIED: Result<i64, ProducerError> = Err(ProducerError::NotVerified { producer_id: 1 });

/// KAFKA-12671, KIP-890: data that is stored after its marker pins the last stable offset for ever.
#[test]
fn a_marker_that_overtakes_the_coordinators_answer_ends_its_guard() {
    simulate(async |_, io: Handle| {
        let mut world = World::new(&io, false);
        let confirmed = Verification::Confirmed(guard(&world, 1, 0, 0));
        // The transaction timed out meanwhile, and its coordinator is on another shard.
        world.end(1, Abort);
        assert_eq!(append(&world, (1, 0, 0), confirmed), NOT_VERIFIED);
        world.commit().await;
        assert_eq!(world.partition.last_stable_offset(), 1, "nothing is open");
    });
}

/// The same, one transaction later: the guard of the first must not speak for the second.
#[test]
fn a_late_answer_is_of_no_use_to_the_next_transaction() {
    simulate(async |_, io: Handle| {
        let mut world = World::new(&io, false);
        let first = guard(&world, 1, 0, 0);
        world.end(1, Abort);
        let second = guard(&world, 1, 0, 0);
        let late = Verification::Confirmed(first);
        assert_eq!(append(&world, (1, 0, 0), late), NOT_VERIFIED);
        assert_eq!(append(&world, (1, 0, 0), Verification::None), NOT_VERIFIED);
        let confirmed = Verification::Confirmed(second);
        assert_eq!(append(&world, (1, 0, 0), confirmed), Ok(1));
        // From here on the transaction is open, and nothing has to speak for it.
        assert_eq!(append(&world, (1, 0, 1), Verification::None), Ok(2));
        // Where nobody is asked, nothing has to, either.
        assert_eq!(append(&world, (2, 0, 0), Verification::Waived), Ok(3));
    });
}

/// KIP-890: of two batches that wait for one answer, the later one must not be the first.
#[test]
fn a_transaction_does_not_begin_in_the_middle() {
    simulate(async |_, io: Handle| {
        let world = World::new(&io, false);
        let first = guard(&world, 1, 0, 5);
        assert_eq!(guard(&world, 1, 0, 6), first, "they share a guard");
        let confirmed = Verification::Confirmed(first);
        let refused = append(&world, (1, 0, 6), confirmed);
        let expected = ProducerError::OutOfOrderSequence {
            producer_id: 1,
            sequence: 6,
            expected: 5,
        };
        assert_eq!(refused, Err(expected));
        assert_eq!(append(&world, (1, 0, 5), confirmed), Ok(0));
    });
    simulate(async |_, io: Handle| {
        let world = World::new(&io, true);
        let confirmed = Verification::Confirmed(guard(&world, 1, 0, 5));
        // With an epoch for each transaction, a first batch has the sequence 0.
        assert!(append(&world, (1, 0, 5), confirmed).is_err());
    });
}

/// A producer that was fenced hears that, not that its transaction is in a wrong state.
#[test]
fn a_stale_epoch_is_said_before_anything_else() {
    simulate(async |_, io: Handle| {
        let mut world = World::new(&io, true);
        world.send(1, Transactional);
        world.end(1, Commit);
        let stale = append(&world, (1, 0, 1), Verification::None);
        let expected = ProducerError::InvalidProducerEpoch {
            producer_id: 1,
            epoch: 0,
            current: 1,
        };
        assert_eq!(stale, Err(expected));
    });
}

#[test]
fn a_plain_batch_does_not_get_into_an_open_transaction() {
    simulate(async |_, io: Handle| {
        let mut world = World::new(&io, false);
        world.send(1, Transactional);
        let refused = world.partition.append(&batch(1, 0, 1, Plain), 0);
        let outside = ProducerError::OutsideTransaction { producer_id: 1 };
        assert!(matches!(refused, Err(AppendError::Producer(error)) if error == outside));
        world.end(1, Commit);
        world.send(1, Plain);
    });
}

/// KAFKA-19999, KIP-1228: a coordinator that comes back repeats its markers; one that is late
/// must not end the transaction that follows.
#[test]
fn a_marker_is_taken_again_and_a_late_one_is_not() {
    simulate(async |_, io: Handle| {
        let mut world = World::new(&io, true);
        world.send(1, Transactional);
        let marker = world.marker(1, Commit);
        world.append_marker(&marker).unwrap();
        world.append_marker(&marker).unwrap();
        world.send(1, Transactional);
        let late = world.append_marker(&marker).unwrap_err();
        let expected = MarkerRefusal::InvalidProducerEpoch {
            producer_id: 1,
            epoch: 1,
            current: 1,
        };
        assert!(matches!(late, MarkerError::Refused(refusal) if refusal == expected));
        // `kafka-transactions abort` sends the epoch that the partition knows.
        let by_hand = Marker {
            transaction_version: 0,
            ..marker
        };
        world.append_marker(&by_hand).unwrap();
        world.commit().await;
        world.check().await;
    });
}

#[test]
fn a_coordinator_of_an_older_epoch_is_fenced() {
    simulate(async |_, io: Handle| {
        let mut world = World::new(&io, false);
        world.end(1, Commit);
        let zombie = Marker {
            coordinator_epoch: 2,
            ..world.marker(1, Abort)
        };
        let refused = world.append_marker(&zombie).unwrap_err();
        let expected = MarkerRefusal::CoordinatorFenced {
            producer_id: 1,
            epoch: 2,
            current: 3,
        };
        assert!(matches!(refused, MarkerError::Refused(refusal) if refusal == expected));
    });
}

/// Redpanda 10671: a last stable offset that outran what was applied showed aborted records.
#[test]
fn a_transaction_is_shown_when_its_marker_is_committed_and_not_before() {
    simulate(async |_, io: Handle| {
        let mut world = World::new(&io, false);
        world.send(1, Transactional);
        world.send(2, Plain);
        world.commit().await;
        world.end(1, Abort);
        assert_eq!(world.partition.last_stable_offset(), 0);
        assert_eq!(world.partition.committed(), 2);
        world.commit().await;
        assert_eq!(world.partition.last_stable_offset(), 3);
        assert_eq!(world.read(0).await.visible, [1]);
    });
}

/// Redpanda 7819: what began before the first record that is read counts, too; and the list is
/// of exactly the records that are given out.
#[test]
fn transactions_that_began_before_a_fetch_are_told_of() {
    simulate(async |_, io: Handle| {
        let mut world = World::new(&io, false);
        for _ in 0..20 {
            world.send(1, Transactional);
            world.send(2, Transactional);
        }
        world.end(1, Abort);
        world.send(3, Transactional);
        world.end(2, Commit);
        world.end(3, Abort);
        world.commit().await;
        let read = world.read(30).await;
        assert!(read.next_offset < 40, "the segment ends before the markers");
        let aborted: Vec<_> = read
            .aborted
            .iter()
            .map(|a| (a.producer_id, a.first_offset))
            .collect();
        assert_eq!(aborted, [(1, 0)], "3 has no part in it");
        world.check().await;
    });
}

/// Older franz-go drops records of a list that it did not ask for.
#[test]
fn who_reads_uncommitted_records_gets_all_and_no_list() {
    simulate(async |_, io: Handle| {
        let mut world = World::new(&io, false);
        world.send(1, Transactional);
        world.commit().await;
        let all = Isolation::ReadUncommitted;
        let read = world
            .partition
            .read(0, READ_BYTES, true, all)
            .await
            .unwrap();
        assert!(read.aborted.is_none() && !read.records.is_empty());
        let latest = |isolation| world.partition.latest(isolation);
        assert_eq!(latest(all).await.unwrap(), 1);
        assert_eq!(latest(Isolation::ReadCommitted).await.unwrap(), 0);
        let committed = Isolation::ReadCommitted;
        assert_eq!(
            world
                .partition
                .offset_for_timestamp(0, committed)
                .await
                .unwrap(),
            None
        );
    });
}

#[test]
fn a_wait_for_committed_records_ends_with_the_marker() {
    simulate(async |_, io: Handle| {
        let mut world = World::new(&io, false);
        let watcher = Rc::new(Watcher::default());
        let committed = Isolation::ReadCommitted;
        let mut watch = world.partition.watch(0, u64::MAX, committed, &watcher, 0);
        world.send(1, Transactional);
        world.commit().await;
        assert_eq!(watcher.moved().await, [0]);
        assert_eq!(watch.readable().await, Readable::Bytes(0));
        world.end(1, Commit);
        let bytes = world.log.size_bytes();
        assert_eq!(watcher.moved().await, [0]);
        assert_eq!(watch.readable().await, Readable::Bytes(bytes));
    });
}

#[test]
fn a_producer_with_an_open_transaction_does_not_expire() {
    simulate(async |_, io: Handle| {
        let mut world = World::new(&io, false);
        world.send(1, Transactional);
        world.send(2, Plain);
        world.partition.expire_producers(1_000, 1_000);
        let active = world.partition.active_producers();
        let ids: Vec<_> = active
            .iter()
            .map(|a| (a.producer_id, a.open_from))
            .collect();
        assert_eq!(ids, [(1, Some(0))]);
        world.end(1, Commit);
        world.partition.expire_producers(1_000, 1_000);
        assert!(world.partition.active_producers().is_empty());
    });
}

/// A file that somebody deleted, or that rotted, is built again from the log: without it, aborted
/// records would be shown.
#[test]
fn a_transaction_index_that_is_gone_or_damaged_is_built_again() {
    for (round, remove_snapshots) in [(0, false), (1, false), (0, true), (1, true)] {
        simulate(async |machine, io| {
            let mut world = World::new(&io, true);
            for round in 0..12 {
                world.send(1, Transactional);
                world.send(2, Transactional);
                world.send(3, Plain);
                world.end(1, if round % 3 == 0 { Commit } else { Abort });
                if round % 2 == 0 {
                    world.end(2, Abort);
                }
                world.commit().await;
            }
            world.partition.close().await.unwrap();
            machine.with_disk(|disk| {
                let files = disk.contents(&dir()).unwrap();
                let named = |suffix: &'static str| {
                    let paths = files.iter().map(|(path, _)| path);
                    paths.filter(move |path| path.to_string_lossy().ends_with(suffix))
                };
                assert!(named(".txnindex").count() > 3);
                for path in named(".txnindex") {
                    match round {
                        0 => disk.remove(path).unwrap(),
                        _ => disk.flip_bit(path, 1, 0).unwrap(),
                    }
                }
                if remove_snapshots {
                    named(".narusnapshot").for_each(|path| disk.remove(path).unwrap());
                    named(".naruindex").for_each(|path| disk.remove(path).unwrap());
                }
            });
            let World { model, .. } = world;
            let mut again = World::restarted(&io, model, true).await;
            again.check().await;
            let again = again.restart().await;
            let files = machine.with_disk(|disk| disk.contents(&dir()).unwrap());
            let is_index =
                |path: &std::path::Path| path.extension().is_some_and(|e| e == "txnindex");
            assert!(files.iter().filter(|(path, _)| is_index(path)).count() > 3);
            drop(again);
        });
    }
}
