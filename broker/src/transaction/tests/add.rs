//! AddPartitionsToTxn, and verification.

use super::*;
use TransactionError as E;

#[test]
fn partitions_are_added_once_they_are_durable() {
    let mut world = World::new(TransactionVersion::V2);
    let first = world.init().unwrap();
    let number = world.start_add(first, &[of("t", 0)]);
    assert_eq!(world.answers[number], None);
    assert_eq!(world.answer(number), Ok(first));
    assert_eq!(world.state(), TransactionState::Ongoing);
    // Those that are in it are not written again.
    let records = world.log.len();
    assert_eq!(world.add(first, &[of("t", 0)]), Ok(first));
    assert_eq!(world.log.len(), records);
    assert_eq!(world.add(first, &[of("t", 0), of("u", 1)]), Ok(first));
    assert_eq!(world.log.len(), records + 1);
    assert_eq!(world.metadata().start_ms, world.now.wall_ms);
}

#[test]
fn others_are_refused() {
    let mut world = World::new(TransactionVersion::V2);
    let unknown = Err(E::InvalidProducerIdMapping);
    assert_eq!(world.add(producer(1, 0), &[of("t", 0)]), unknown);
    world.init().unwrap();
    assert_eq!(world.add(producer(1, 0), &[of("t", 0)]), unknown);
    let stale = world.add(producer(1000, 1), &[of("t", 0)]);
    assert_eq!(stale, Err(E::ProducerFenced));
}

#[test]
fn what_is_decided_takes_no_more_partitions() {
    let mut world = World::new(TransactionVersion::V2);
    let first = world.init().unwrap();
    world.add(first, &[of("t", 0)]).unwrap();
    let end = world.start_end(first, COMMIT);
    world.flush();
    let next = world.answers[end].unwrap().unwrap();
    for producer in [first, next] {
        let number = world.start_add(producer, &[of("t", 1)]);
        assert_eq!(world.answers[number], Some(Err(E::ConcurrentTransactions)));
    }
    world.settle();
    assert_eq!(world.add(next, &[of("t", 1)]), Ok(next));
}

#[test]
fn verification_tells_of_each_partition_and_writes_nothing() {
    let mut world = World::new(TransactionVersion::V0);
    let first = world.init().unwrap();
    world.add(first, &[of("t", 0)]).unwrap();
    let records = world.log.len();
    let asked = [of("t", 1), of("t", 0)];
    let verify = |world: &World, producer| {
        let coordinator = &world.coordinator;
        coordinator.verify_partitions("tx", producer, &asked)
    };
    let one_of_two = Ok(vec![Err(E::TransactionAbortable), Ok(())]);
    assert_eq!(verify(&world, first), one_of_two);
    let other = verify(&world, producer(1, 0));
    assert_eq!(other, Err(E::InvalidProducerIdMapping));
    assert_eq!(verify(&world, producer(1000, 7)), Err(E::ProducerFenced));
    let number = world.start_end(first, COMMIT);
    // Under way, but not decided: the append is judged again.
    assert_eq!(verify(&world, first), one_of_two);
    world.flush();
    assert_eq!(world.answers[number], Some(Ok(first)));
    assert_eq!(verify(&world, first), Err(E::ConcurrentTransactions));
    world.settle();
    let none = Ok(vec![Err(E::TransactionAbortable); 2]);
    assert_eq!(verify(&world, first), none);
    assert_eq!(world.log.len(), records + 2);
}
