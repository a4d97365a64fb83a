//! Waiting for the end of what an id is in the middle of.

use super::*;
use crate::transaction::settled::WAITERS_PER_ID_MAX;
use TransactionError as E;

/// A transaction in two partitions that is decided; the producer that goes on.
fn decided(world: &mut World) -> ProducerIdAndEpoch {
    let first = world.init().unwrap();
    world.add(first, &[of("t", 0), of("t", 1)]).unwrap();
    let end = world.start_end(first, COMMIT);
    world.flush();
    world.answers[end].unwrap().unwrap()
}

#[test]
fn an_addition_that_came_too_early_is_taken_when_the_last_marker_is_written() {
    let mut world = World::new(TransactionVersion::V2);
    let next = decided(&mut world);
    let early = world.start_add(next, &[of("t", 0)]);
    assert_eq!(world.answers[early], Some(Err(E::ConcurrentTransactions)));
    let began = world.now;
    let waiter = world.start_await();
    assert!(world.write_marker());
    assert_eq!(world.answers[waiter], None, "a marker is missing");
    assert!(world.write_marker());
    assert_eq!(world.answers[waiter], Some(Ok(next)));
    assert_eq!(world.add(next, &[of("t", 0)]), Ok(next));
    assert_eq!(world.now, began, "no time has passed");
}

#[test]
fn what_is_settled_before_the_wait_begins_is_not_missed() {
    let mut world = World::new(TransactionVersion::V2);
    let next = decided(&mut world);
    let early = world.start_add(next, &[of("t", 0)]);
    assert_eq!(world.answers[early], Some(Err(E::ConcurrentTransactions)));
    world.settle();
    let waiter = world.start_await();
    assert_eq!(world.answers[waiter], Some(Ok(next)));
}

#[test]
fn a_change_under_way_is_waited_for_whatever_comes_of_it() {
    let mut world = World::new(TransactionVersion::V2);
    let nobody = world.start_await();
    assert_eq!(
        world.answers[nobody],
        Some(Err(E::InvalidProducerIdMapping))
    );
    let first = world.init().unwrap();
    world.start_add(first, &[of("t", 0)]);
    let waiter = world.start_await();
    assert_eq!(world.answers[waiter], None);
    world.flush();
    assert_eq!(world.answers[waiter], Some(Ok(first)));

    let end = world.start_end(first, COMMIT);
    let waiter = world.start_await();
    assert!(world.fail_flush());
    assert_eq!(world.answers[end], Some(Err(E::NotCoordinator)));
    assert_eq!(world.answers[waiter], Some(Ok(first)));
}

#[test]
fn what_cannot_be_completed_is_waited_for_until_it_can() {
    let mut world = World::new(TransactionVersion::V2);
    let next = decided(&mut world);
    let waiter = world.start_await();
    world.is_full = true;
    world.settle();
    assert_eq!(world.answers[waiter], None);
    world.is_full = false;
    world.tick();
    assert_eq!(world.answers[waiter], Some(Ok(next)));
}

#[test]
fn the_waiters_of_an_id_have_a_bound() {
    let mut world = World::new(TransactionVersion::V2);
    let next = decided(&mut world);
    let waiters: Vec<_> = (0..=WAITERS_PER_ID_MAX)
        .map(|_| world.start_await())
        .collect();
    let longest = Some(Err(E::ConcurrentTransactions));
    assert_eq!(world.answers[waiters[0]], longest);
    assert_eq!(world.answers[waiters[1]], None);
    world.settle();
    for waiter in &waiters[1..] {
        assert_eq!(world.answers[*waiter], Some(Ok(next)));
    }
    assert!(world.coordinator.unsettled.is_empty());
}
