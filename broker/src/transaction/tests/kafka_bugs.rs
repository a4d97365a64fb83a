//! What Kafka's coordinator got wrong once. Each test is named for its issue.

use super::*;
use TransactionError as E;

const LAST: i16 = i16::MAX - 1;

/// The client was told the exhausted epoch instead of the new producer id; and the new producer
/// was fenced while the markers of its last transaction were being written.
#[test]
fn kafka_18660_the_answer_has_the_new_producer_id_and_it_waits_for_the_markers() {
    let mut world = World::new(TransactionVersion::V2);
    world.put_ongoing(LAST);
    let number = world.start_end(producer(7, LAST), COMMIT);
    world.flush();
    let told = world.answers[number].unwrap().unwrap();
    assert_eq!(told, producer(1000, 0));
    let number = world.start_add(told, &[of("t", 0)]);
    assert_eq!(world.answers[number], Some(Err(E::ConcurrentTransactions)));
    world.settle();
    // The markers are of the id that the data has, at the epoch that is left for fencing.
    let fence = producer(7, i16::MAX);
    let markers = [(of("t", 0), fence, COMMIT), (of("t", 1), fence, COMMIT)];
    assert_eq!(world.written, markers);
    // A retry, by who it was.
    assert_eq!(world.end(producer(7, LAST), COMMIT), Ok(told));
    assert_eq!(world.add(told, &[of("t", 0)]), Ok(told));
    let late = world.end(producer(7, LAST), COMMIT);
    assert!(late.is_err(), "{late:?}");
    assert_eq!(world.state(), TransactionState::Ongoing);
}

/// InitProducerId raised the epoch for the fence, and the abort raised it again: beyond the last.
#[test]
fn kafka_19367_taking_over_an_open_transaction_raises_the_epoch_once() {
    let mut world = World::new(TransactionVersion::V2);
    world.put_ongoing(5);
    assert_eq!(world.init(), Err(E::ConcurrentTransactions));
    assert_eq!(world.written[0].1, producer(7, 6));
    assert_eq!(world.metadata().producer_epoch, 6);
    assert_eq!(world.init(), Ok(producer(7, 7)));

    let mut world = World::new(TransactionVersion::V2);
    world.put_ongoing(LAST);
    assert_eq!(world.init(), Err(E::ConcurrentTransactions));
    assert_eq!(world.written[0].1, producer(7, i16::MAX));
    let next = world.init().unwrap();
    assert_eq!((next.producer_id >= 1000, next.producer_epoch), (true, 1));
}

/// A transaction at the last epoch timed out; the late abort was taken for a retry and told
/// epoch 32767, with which a transaction could be begun but never ended.
#[test]
fn kafka_20090_no_producer_is_told_the_epoch_that_is_left_for_fencing() {
    let mut world = World::new(TransactionVersion::V2);
    world.put_ongoing(LAST);
    world.pass(60_000);
    world.tick();
    world.settle();
    let told = world.end(producer(7, LAST), ABORT).unwrap();
    assert_eq!((told.producer_id >= 1000, told.producer_epoch), (true, 0));
    assert_eq!(world.add(told, &[of("t", 0)]), Ok(told));
    let ended = world.end(told, COMMIT);
    assert_eq!(ended, Ok(producer(told.producer_id, 1)));
}

/// A takeover of the old flow fences with that epoch. The producer's own end, in the new flow by
/// then, looks like a retry.
#[test]
fn kafka_20090_nor_is_a_producer_that_was_taken_over_before_the_new_flow() {
    let mut world = World::new(TransactionVersion::V0);
    world.put_ongoing(LAST);
    assert_eq!(world.init(), Err(E::ConcurrentTransactions));
    assert_eq!(world.metadata().producer_epoch, i16::MAX);
    world.version = TransactionVersion::V2;
    let ended = world.end(producer(7, LAST), ABORT);
    assert_eq!(ended, Err(E::ProducerFenced));
}

/// A log that Kafka has left such a transaction in is got out of it.
#[test]
fn kafka_20090_an_open_transaction_at_the_last_of_all_epochs_is_aborted() {
    for version in [TransactionVersion::V0, TransactionVersion::V2] {
        let mut world = World::new(version);
        world.put_ongoing(i16::MAX);
        assert_eq!(world.init(), Err(E::ConcurrentTransactions));
        assert_eq!(world.state(), TransactionState::CompleteAbort);
        let next = world.init().unwrap();
        assert!(next.producer_id >= 1000, "{next:?}");
    }
}

/// The ids before and after were not stored: with exhausted epochs the producer was fenced by its
/// own retry, or the transaction never got its new id.
#[test]
fn kafka_20310_exhausted_epochs_survive_a_restart() {
    let mut world = World::new(TransactionVersion::V2);
    world.put_ongoing(LAST);
    let number = world.start_end(producer(7, LAST), COMMIT);
    world.flush();
    let told = world.answers[number].unwrap().unwrap();
    // Decided, and then the power is cut.
    world.restart(true);
    world.settle();
    assert_eq!(world.metadata().identity(), told);
    assert_eq!(world.end(producer(7, LAST), COMMIT), Ok(told));
    // And again, once it is complete.
    world.restart(true);
    world.settle();
    assert_eq!(world.end(producer(7, LAST), COMMIT), Ok(told));
    assert_eq!(world.add(told, &[of("t", 0)]), Ok(told));
}

/// Nobody wrote the markers of a transaction after a failure, so that it stayed in Prepare*.
#[test]
fn kafka_16352_what_is_decided_goes_on_whatever_fails() {
    for version in [TransactionVersion::V0, TransactionVersion::V2] {
        let mut world = World::new(version);
        world.put_ongoing(5);
        let number = world.start_end(producer(7, 5), COMMIT);
        world.flush();
        assert!(world.answers[number].unwrap().is_ok());
        // One marker is written, then the process dies: both are written again.
        world.write_marker();
        world.restart(false);
        assert_eq!(world.markers.len(), 2);
        // There is no room for Complete*, until there is.
        world.is_full = true;
        world.settle();
        assert_eq!(world.state(), TransactionState::PrepareCommit);
        world.tick();
        assert_eq!(world.state(), TransactionState::PrepareCommit);
        world.is_full = false;
        assert!(world.coordinator.is_due(world.now));
        world.tick();
        assert_eq!(world.state(), TransactionState::CompleteCommit);
    }
}

/// Jepsen, Bufstream 0.1.0: an EndTxn that was delayed on its way ended the next transaction. By
/// version 2 it is a retry of the one that it belongs to, or fenced.
#[test]
fn a_delayed_end_does_not_end_the_next_transaction() {
    let mut world = World::new(TransactionVersion::V2);
    let first = world.init().unwrap();
    world.add(first, &[of("t", 0)]).unwrap();
    let second = world.end(first, COMMIT).unwrap();
    world.add(second, &[of("t", 0)]).unwrap();
    for commits in [COMMIT, ABORT] {
        assert_eq!(world.end(first, commits), Err(E::ProducerFenced));
        assert_eq!(world.state(), TransactionState::Ongoing);
    }
    world.end(second, ABORT).unwrap();
    assert_eq!(world.end(first, COMMIT), Err(E::ProducerFenced));
    assert_eq!(world.written.last().unwrap().2, ABORT);
}
