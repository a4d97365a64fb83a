//! The process is killed, and the power is cut, at every operation of a life with transactions:
//! what consumers were shown stays, and what they may be shown next is what the log says.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::rc::Rc;
use std::task::Poll;

use naru_record_batch::TransactionResult::{Abort, Commit};
use naru_runtime::Handle;
use naru_runtime::sim::{Machine, Simulation};

use super::model::Kind::{Plain, Transactional};
use super::model::Model;
use super::world::World;

/// What is known of a life when it ends.
#[derive(Default)]
struct Known {
    model: RefCell<Model>,
    committed: Cell<i64>,
    stable: Cell<i64>,
    is_over: Cell<bool>,
}

impl Known {
    /// What is appended counts as soon as it may be on the disk.
    fn note(&self, world: &World) {
        self.model.borrow_mut().clone_from(&world.model);
        self.committed.set(world.partition.committed());
        self.stable.set(world.partition.last_stable_offset());
    }
}

async fn live(io: Handle, known: Rc<Known>) {
    let mut world = World::new(&io, true);
    for round in 0..6 {
        for (id, kind) in [
            (1, Transactional),
            (2, Transactional),
            (3, Plain),
            (1, Transactional),
        ] {
            world.send(id, kind);
        }
        known.note(&world);
        world.commit().await;
        known.note(&world);
        world.end(1, if round % 2 == 0 { Abort } else { Commit });
        if round % 3 == 2 {
            world.end(2, Abort);
        }
        known.note(&world);
        if round == 3 {
            let state = world.partition.checkpointed();
            world.log.checkpoint(state).await.unwrap();
        } else {
            world.commit().await;
        }
        known.note(&world);
    }
    world.partition.close().await.unwrap();
    known.is_over.set(true);
}

/// Lives up to an operation; whether there was one.
fn ends_at(operation: u64, end: impl Fn(&Machine)) -> bool {
    let simulation = Simulation::new(operation);
    let machine = simulation.machine(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
    machine.with_disk(|disk| disk.make_dir(&PathBuf::from("/logs")).unwrap());
    let io = machine.thread();
    let known = Rc::new(Known::default());
    let life = io.spawn_task(live(io.clone(), Rc::clone(&known)));
    simulation.run(poll_fn(|context| {
        let operations = machine.with_disk(|disk| disk.operations());
        if operations >= operation || known.is_over.get() {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }));
    end(&machine);
    drop(life);
    let (committed, stable) = (known.committed.get(), known.stable.get());
    let model = known.model.borrow().clone();
    simulation.run(async {
        let mut again = World::restarted(&machine.thread(), model, true).await;
        assert!(again.model.end_offset() >= committed, "at {operation}");
        assert!(
            again.partition.last_stable_offset() >= stable,
            "at {operation}"
        );
        again.check().await;
        // And it goes on: the coordinator repeats its markers, the producers send more.
        for id in [1, 2] {
            again.end(id, Abort);
            again.send(id, Transactional);
            again.end(id, Commit);
        }
        again.commit().await;
        again.check().await;
        assert_eq!(
            again.partition.last_stable_offset(),
            again.model.end_offset()
        );
    });
    !known.is_over.get()
}

#[test]
fn transactions_survive_a_kill_at_any_operation() {
    let count = (0..).take_while(|&at| ends_at(at, Machine::kill)).count();
    assert!(count > 100, "{count} operations");
}

#[test]
fn transactions_survive_a_power_cut_at_any_operation() {
    let count = (0..)
        .take_while(|&at| ends_at(at, Machine::power_cut))
        .count();
    assert!(count > 100, "{count} operations");
}
