//! EndTxn, by both versions.

use super::*;
use TransactionError as E;

#[test]
fn a_decision_is_answered_when_it_is_durable_before_its_markers() {
    let mut world = World::new(TransactionVersion::V2);
    let first = world.init().unwrap();
    world.add(first, &[of("t", 0), of("u", 0)]).unwrap();
    let number = world.start_end(first, COMMIT);
    assert_eq!((world.answers[number], world.markers.len()), (None, 0));
    world.flush();
    assert_eq!(world.answers[number], Some(Ok(producer(1000, 1))));
    assert_eq!(world.state(), TransactionState::PrepareCommit);
    assert!(world.write_marker());
    // Those without a marker yet are what is described.
    let described = world.coordinator.describe("tx").unwrap();
    assert_eq!(described.partitions, [of("u", 0)]);
    assert_eq!(described.state, TransactionState::PrepareCommit);
    assert!(world.write_marker());
    assert_eq!(world.state(), TransactionState::CompleteCommit);
    let bumped = producer(1000, 1);
    let markers = [(of("t", 0), bumped, COMMIT), (of("u", 0), bumped, COMMIT)];
    assert_eq!(world.written, markers);
}

#[test]
fn by_the_old_version_all_transactions_have_one_epoch() {
    let mut world = World::new(TransactionVersion::V0);
    let first = world.init().unwrap();
    assert_eq!(world.end(first, COMMIT), Err(E::InvalidTxnState));
    assert_eq!(world.end(first, ABORT), Err(E::InvalidTxnState));
    for (commits, state) in [
        (COMMIT, TransactionState::CompleteCommit),
        (ABORT, TransactionState::CompleteAbort),
    ] {
        world.add(first, &[of("t", 0)]).unwrap();
        assert_eq!(world.end(first, commits), Ok(first));
        assert_eq!(world.state(), state);
        // A retry, and a contradiction.
        assert_eq!(world.end(first, commits), Ok(first));
        assert_eq!(world.end(first, !commits), Err(E::InvalidTxnState));
        let later = world.end(producer(1000, 1), commits);
        assert_eq!(later, Err(E::ProducerFenced));
        let other = world.end(producer(1, 0), commits);
        assert_eq!(other, Err(E::InvalidProducerIdMapping));
    }
    let sent: Vec<_> = world.written.iter().map(|marker| marker.1).collect();
    assert_eq!(sent, [first, first]);
}

/// The table in Kafka's TransactionCoordinator.
#[test]
fn by_version_2_the_epoch_tells_a_retry_from_the_next_transaction() {
    use TransactionState::{CompleteAbort, CompleteCommit, Empty};
    let (retry, current, bumped) = (producer(1000, 4), producer(1000, 5), producer(1000, 6));
    let (older, newer, other) = (producer(1000, 3), producer(1000, 6), producer(1, 5));
    for (state, who, commits, expected) in [
        (Empty, retry, ABORT, Err(E::ProducerFenced)),
        (Empty, current, ABORT, Ok(bumped)),
        (Empty, retry, COMMIT, Err(E::ProducerFenced)),
        (Empty, current, COMMIT, Err(E::InvalidTxnState)),
        (CompleteAbort, retry, ABORT, Ok(current)),
        (CompleteAbort, current, ABORT, Ok(bumped)),
        (CompleteAbort, retry, COMMIT, Err(E::InvalidTxnState)),
        (CompleteAbort, current, COMMIT, Err(E::InvalidTxnState)),
        (CompleteCommit, retry, ABORT, Err(E::InvalidTxnState)),
        (CompleteCommit, current, ABORT, Ok(bumped)),
        (CompleteCommit, retry, COMMIT, Ok(current)),
        (CompleteCommit, current, COMMIT, Err(E::InvalidTxnState)),
        (CompleteCommit, older, COMMIT, Err(E::ProducerFenced)),
        (CompleteCommit, newer, COMMIT, Err(E::ProducerFenced)),
        (
            CompleteCommit,
            other,
            COMMIT,
            Err(E::InvalidProducerIdMapping),
        ),
    ] {
        let mut world = World::new(TransactionVersion::V2);
        let mut metadata = Metadata::new(1000, 60_000, 1);
        metadata.producer_epoch = 5;
        metadata.previous_producer_id = 1000;
        metadata.state = state;
        world.put(&metadata);
        let told = world.end(who, commits);
        assert_eq!(told, expected, "{state:?}, {who:?}, commits: {commits}");
    }
}

#[test]
fn an_abort_of_nothing_only_raises_the_epoch() {
    let mut world = World::new(TransactionVersion::V2);
    let first = world.init().unwrap();
    assert_eq!(world.end(first, ABORT), Ok(producer(1000, 1)));
    assert_eq!(world.state(), TransactionState::CompleteAbort);
    assert!(world.written.is_empty());
}

#[test]
fn while_markers_are_written_everyone_waits() {
    for version in [TransactionVersion::V0, TransactionVersion::V2] {
        let mut world = World::new(version);
        let first = world.init().unwrap();
        world.add(first, &[of("t", 0)]).unwrap();
        world.start_end(first, COMMIT);
        world.flush();
        let busy = Some(Err(E::ConcurrentTransactions));
        for commits in [COMMIT, ABORT] {
            let number = world.start_end(first, commits);
            assert_eq!(world.answers[number], busy);
        }
        let number = world.start_init(None);
        assert_eq!(world.answers[number], busy);
        world.settle();
        assert!(world.end(first, COMMIT).is_ok());
    }
}

#[test]
fn a_decision_that_could_not_be_written_is_none() {
    let mut world = World::new(TransactionVersion::V2);
    let first = world.init().unwrap();
    world.add(first, &[of("t", 0)]).unwrap();
    world.is_full = true;
    assert_eq!(world.end(first, COMMIT), Err(E::NotCoordinator));
    assert_eq!(world.state(), TransactionState::Ongoing);
    world.is_full = false;
    assert_eq!(world.end(first, ABORT), Ok(producer(1000, 1)));
}
