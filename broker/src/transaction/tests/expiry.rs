//! Timeouts of transactions, and of ids.

use super::*;
use TransactionError as E;

const WEEK_MS: i64 = 604_800_000;

#[test]
fn a_transaction_that_is_open_too_long_is_aborted_and_its_producer_fenced() {
    for version in [
        TransactionVersion::V0,
        TransactionVersion::V1,
        TransactionVersion::V2,
    ] {
        let mut world = World::new(version);
        let first = world.init().unwrap();
        world.add(first, &[of("t", 0)]).unwrap();
        world.pass(59_999);
        world.tick();
        world.settle();
        assert_eq!(world.state(), TransactionState::Ongoing);
        world.pass(1);
        world.tick();
        world.settle();
        assert_eq!(world.state(), TransactionState::CompleteAbort);
        assert_eq!(world.written, [(of("t", 0), producer(1000, 1), ABORT)]);
        assert!(world.end(first, COMMIT).is_err());
        let zombie = world.add(first, &[of("t", 0)]);
        assert_eq!(zombie, Err(E::ProducerFenced));
        assert!(world.coordinator.deadlines.is_empty());
    }
}

#[test]
fn a_producer_of_version_2_recovers_from_a_timeout_with_its_late_abort() {
    let mut world = World::new(TransactionVersion::V2);
    let first = world.init().unwrap();
    world.add(first, &[of("t", 0)]).unwrap();
    world.pass(60_000);
    world.tick();
    world.settle();
    let next = producer(1000, 1);
    assert_eq!(world.end(first, ABORT), Ok(next));
    assert_eq!(world.add(next, &[of("t", 0)]), Ok(next));
}

#[test]
fn what_is_left_of_a_timeout_survives_a_restart() {
    let mut world = World::new(TransactionVersion::V2);
    let first = world.init().unwrap();
    world.add(first, &[of("t", 0)]).unwrap();
    world.pass(40_000);
    world.restart(true);
    world.pass(19_999);
    world.tick();
    world.settle();
    assert_eq!(world.state(), TransactionState::Ongoing);
    world.pass(1);
    world.tick();
    world.settle();
    assert_eq!(world.state(), TransactionState::CompleteAbort);
}

#[test]
fn a_timeout_is_counted_from_the_first_partition_and_ends_with_the_transaction() {
    let mut world = World::new(TransactionVersion::V0);
    let first = world.init().unwrap();
    world.pass(100_000);
    world.add(first, &[of("t", 0)]).unwrap();
    world.pass(30_000);
    world.add(first, &[of("t", 1)]).unwrap();
    world.pass(30_000);
    assert!(world.coordinator.is_due(world.now));
    world.end(first, COMMIT).unwrap();
    assert!(!world.coordinator.is_due(world.now));
}

#[test]
fn idle_ids_are_forgotten_and_others_are_not() {
    let mut world = World::new(TransactionVersion::V2);
    let first = world.init().unwrap();
    world.pass(WEEK_MS - 1);
    let (effects, next) = world.coordinator.expire(world.now, None);
    assert_eq!((effects.len(), next), (0, None));
    world.pass(1);
    let (effects, next) = world.coordinator.expire(world.now, None);
    assert_eq!(next, None);
    world.carry_out(effects);
    // Until its tombstone is written it is still there, but cannot change.
    let number = world.start_init(None);
    assert_eq!(world.answers[number], Some(Err(E::ConcurrentTransactions)));
    world.settle();
    let gone = world.coordinator.describe("tx");
    assert_eq!(gone, Err(E::TransactionalIdNotFound));
    assert!(world.stored().is_empty());
    let zombie = world.add(first, &[of("t", 0)]);
    assert_eq!(zombie, Err(E::InvalidProducerIdMapping));

    world.put_ongoing(3);
    world.now.wall_ms += 2 * WEEK_MS;
    let (effects, _) = world.coordinator.expire(world.now, None);
    assert!(effects.is_empty(), "a transaction is open: {effects:?}");
}

#[test]
fn ids_that_could_not_be_forgotten_stay() {
    let mut world = World::new(TransactionVersion::V2);
    world.init().unwrap();
    world.pass(WEEK_MS);
    world.is_full = true;
    let (effects, _) = world.coordinator.expire(world.now, None);
    world.carry_out(effects);
    world.is_full = false;
    assert_eq!(world.init(), Ok(producer(1000, 1)));
}

#[test]
fn many_ids_are_looked_at_in_steps() {
    let mut world = World::new(TransactionVersion::V2);
    for n in 0..1200 {
        let metadata = Metadata::new(n, 1, world.now.wall_ms);
        let id = format!("tx-{n}");
        let record = records::value_record(&id, &metadata, TransactionVersion::V2);
        world.log.push(record);
    }
    world.restart(false);
    world.pass(WEEK_MS);
    let (mut from, mut appends) = (None, 0);
    loop {
        let (effects, next) = world.coordinator.expire(world.now, from.as_deref());
        appends += effects.len();
        world.carry_out(effects);
        from = next;
        if from.is_none() {
            break;
        }
    }
    world.settle();
    assert_eq!(appends, 3);
    assert!(world.coordinator.ids.is_empty() && world.stored().is_empty());
}
