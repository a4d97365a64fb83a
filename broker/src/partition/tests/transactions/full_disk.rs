//! What a full disk takes back (ADR 0009) is undone for transactions as well.

use std::time::Duration;

use naru_engine::log::LogError;
use naru_record_batch::TransactionResult::{Abort, Commit};
use naru_runtime::Handle;
use naru_runtime::sim::Machine;

use super::super::super::{AckError, Acks, AppendError, MarkerError};
use super::super::simulate;
use super::model::Kind::{Plain, Transactional};
use super::world::{World, batch};

/// Waits until the disk has taken back all but what was committed.
async fn taken_back(world: &mut World) {
    let committed = world.partition.committed();
    let end = world.model.end_offset();
    let lost = world.partition.acknowledged(end, Acks::All).await;
    assert!(
        matches!(lost, Err(AckError::Log(LogError::Full { .. }))),
        "{lost:?}"
    );
    let left = world.log.end_offset();
    assert!(committed <= left && left < end, "{committed} {left} {end}");
    world.model.cut(left);
}

fn fill(machine: &Machine) {
    machine.with_disk(|disk| disk.set_room(0));
}

/// Room comes back, and the log takes appends again.
async fn room(machine: &Machine, io: &Handle, world: &mut World) {
    machine.with_disk(|disk| disk.set_room(1 << 30));
    loop {
        let sender = world.model.sender(9);
        let one = batch(9, sender.epoch, sender.next_sequence, Plain);
        match world.partition.append(&one, 0) {
            Ok(_) => break,
            Err(AppendError::Log(LogError::Full { .. })) => {}
            Err(error) => panic!("{error}"),
        }
        io.sleep(Duration::from_millis(1)).await;
    }
    world.note_plain(9);
}

#[test]
fn a_transaction_whose_marker_was_taken_back_is_open_again() {
    for bumps_epochs in [false, true] {
        for result in [Abort, Commit] {
            simulate(async |machine, io| {
                let mut world = World::new(&io, bumps_epochs);
                world.send(1, Transactional);
                world.send(1, Transactional);
                world.commit().await;
                world.check().await;
                fill(&machine);
                for _ in 0..30 {
                    world.send(2, Plain);
                }
                let marker = world.marker(1, result);
                world.append_marker(&marker).unwrap();
                if bumps_epochs {
                    // The next transaction of the same producer is gone with it.
                    world.send(1, Transactional);
                }
                taken_back(&mut world).await;
                let refused = world.append_marker(&marker).unwrap_err();
                assert!(matches!(refused, MarkerError::Log(LogError::Full { .. })));
                room(&machine, &io, &mut world).await;
                world.commit().await;
                world.check().await;
                assert_eq!(world.partition.last_stable_offset(), 0);
                // The coordinator says it again, and the producer goes on.
                world.append_marker(&marker).unwrap();
                world.send(1, Transactional);
                world.commit().await;
                world.check().await;
                let mut world = world.restart().await;
                world.check().await;
            });
        }
    }
}

#[test]
fn a_transaction_that_was_taken_back_never_began() {
    simulate(async |machine, io| {
        let mut world = World::new(&io, false);
        world.send(2, Plain);
        world.commit().await;
        fill(&machine);
        for _ in 0..30 {
            world.send(2, Plain);
        }
        world.send(1, Transactional);
        taken_back(&mut world).await;
        room(&machine, &io, &mut world).await;
        world.commit().await;
        world.check().await;
        assert_eq!(
            world.partition.last_stable_offset(),
            world.model.end_offset()
        );
        world.end(1, Abort);
        world.commit().await;
        world.check().await;
    });
}
