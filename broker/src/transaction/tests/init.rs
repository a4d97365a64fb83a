//! InitProducerId.

use super::*;
use TransactionError as E;

#[test]
fn a_new_id_gets_a_producer_id_at_epoch_0_and_the_next_producer_the_next_epoch() {
    for version in [
        TransactionVersion::V0,
        TransactionVersion::V1,
        TransactionVersion::V2,
    ] {
        let mut world = World::new(version);
        assert_eq!(world.init(), Ok(producer(1000, 0)));
        assert_eq!(world.init(), Ok(producer(1000, 1)));
        assert_eq!(world.state(), TransactionState::Empty);
        world.restart(true);
        assert_eq!(world.init(), Ok(producer(1000, 2)));
    }
}

#[test]
fn an_answer_waits_for_the_disk() {
    let mut world = World::new(TransactionVersion::V2);
    let number = world.start_init(None);
    assert_eq!(world.answers[number], None);
    world.flush();
    assert_eq!(world.answers[number], Some(Ok(producer(1000, 0))));
}

#[test]
fn one_change_of_an_id_at_a_time() {
    let mut world = World::new(TransactionVersion::V2);
    let first = world.start_init(None);
    let second = world.start_init(None);
    // Whoever it says it is: what is under way is looked at first.
    let stranger = world.start_init(Some(producer(55, 5)));
    let busy = Some(Err(E::ConcurrentTransactions));
    assert_eq!(world.answers[second], busy);
    assert_eq!(world.answers[stranger], busy);
    assert_eq!(world.answer(first), Ok(producer(1000, 0)));
}

#[test]
fn an_id_that_could_not_be_written_is_not_kept() {
    let mut world = World::new(TransactionVersion::V2);
    world.is_full = true;
    assert_eq!(world.init(), Err(E::NotCoordinator));
    assert!(world.coordinator.ids.is_empty());
    world.is_full = false;
    assert_eq!(world.init().map(|p| p.producer_epoch), Ok(0));
}

#[test]
fn timeouts_have_bounds() {
    let mut world = World::new(TransactionVersion::V2);
    for timeout_ms in [0, -1, 900_001] {
        let request = InitProducer {
            transactional_id: "tx".to_owned(),
            timeout_ms,
            expected: None,
        };
        let effects = world.coordinator.init_producer(world.now, request, 0);
        let refused = Effect::Answer(0, Err(E::InvalidTransactionTimeout));
        assert_eq!(effects, [refused], "{timeout_ms}");
    }
}

#[test]
fn a_producer_that_recovers_names_its_epoch() {
    let mut world = World::new(TransactionVersion::V2);
    world.init().unwrap();
    assert_eq!(world.recover(producer(1000, 0)), Ok(producer(1000, 1)));
    // The answer was lost: the same again.
    assert_eq!(world.recover(producer(1000, 0)), Ok(producer(1000, 1)));
    assert_eq!(world.recover(producer(1000, 1)), Ok(producer(1000, 2)));
    assert_eq!(world.recover(producer(1000, 0)), Err(E::ProducerFenced));
    assert_eq!(world.recover(producer(999, 2)), Err(E::ProducerFenced));
}

#[test]
fn a_new_producer_fences_one_that_recovers() {
    let mut world = World::new(TransactionVersion::V2);
    world.init().unwrap();
    world.recover(producer(1000, 0)).unwrap();
    assert_eq!(world.init(), Ok(producer(1000, 2)));
    assert_eq!(world.recover(producer(1000, 1)), Err(E::ProducerFenced));
    assert_eq!(world.recover(producer(1000, 0)), Err(E::ProducerFenced));
}

/// As in Kafka: the epoch before is not in the records.
#[test]
fn the_retry_of_a_recovery_is_fenced_after_a_restart() {
    let mut world = World::new(TransactionVersion::V2);
    world.init().unwrap();
    world.recover(producer(1000, 0)).unwrap();
    world.restart(true);
    assert_eq!(world.recover(producer(1000, 0)), Err(E::ProducerFenced));
}

#[test]
fn an_open_transaction_is_aborted_first_and_the_retry_gets_the_epoch_after_the_fence() {
    for version in [TransactionVersion::V0, TransactionVersion::V2] {
        let mut world = World::new(version);
        world.init().unwrap();
        world.add(producer(1000, 0), &[of("t", 0)]).unwrap();
        assert_eq!(world.init(), Err(E::ConcurrentTransactions));
        assert_eq!(world.written, [(of("t", 0), producer(1000, 1), ABORT)]);
        assert_eq!(world.state(), TransactionState::CompleteAbort);
        assert_eq!(world.init(), Ok(producer(1000, 2)));
        let zombie = world.end(producer(1000, 0), COMMIT);
        assert_eq!(zombie, Err(E::ProducerFenced));
    }
}

#[test]
fn a_producer_whose_epochs_are_exhausted_recovers_into_another_producer_id() {
    let mut world = World::new(TransactionVersion::V0);
    world.put_ongoing(i16::MAX - 1);
    let last = producer(7, i16::MAX - 1);
    world.end(last, COMMIT).unwrap();
    let next = world.recover(last).unwrap();
    assert_eq!((next.producer_id >= 1000, next.producer_epoch), (true, 0));
    // Its answer was lost: the epoch that it names is the one before.
    assert_eq!(world.recover(last), Ok(next));
}

#[test]
fn exhausted_epochs_are_followed_by_another_producer_id_that_fences_the_one_before() {
    let mut world = World::new(TransactionVersion::V0);
    world.put_ongoing(i16::MAX - 1);
    let last = producer(7, i16::MAX - 1);
    world.end(last, COMMIT).unwrap();
    let next = world.init().unwrap();
    assert_eq!((next.producer_id >= 1000, next.producer_epoch), (true, 0));
    assert_eq!(world.recover(last), Err(E::ProducerFenced));
    let zombie = world.add(last, &[of("t", 0)]);
    assert_eq!(zombie, Err(E::InvalidProducerIdMapping));
}
