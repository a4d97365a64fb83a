//! What those who propose commands see of the control actor, on a simulated machine.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use naru_runtime::Spawn;

use super::super::control::PROPOSALS_MAX;
use super::*;

type Answer = Result<Outcome, ClusterError>;

/// Answers in the order in which they were given.
type Answers = Arc<Mutex<Vec<(usize, Answer)>>>;

struct Machine {
    sim: Sim,
    handle: ControlHandle,
    stop: Stop,
    answers: Answers,
    has_ended: Rc<RefCell<bool>>,
}

/// A control actor on a machine of its own; it runs while the machine does.
fn start(seed: u64) -> Machine {
    let sim = machine(seed);
    let node = open(&sim);
    let (control, handle, stop) = Control::new(node);
    let has_ended = Rc::new(RefCell::new(false));
    let (env, ended) = (sim.env(), Rc::clone(&has_ended));
    sim.env().spawn(async move {
        control.run(env).await;
        *ended.borrow_mut() = true;
    });
    Machine {
        sim,
        handle,
        stop,
        answers: Answers::default(),
        has_ended,
    }
}

impl Machine {
    fn ask(&self, number: usize, command: Command) {
        let answers = Arc::clone(&self.answers);
        let reply = move |answer| answers.lock().unwrap().push((number, answer));
        self.handle.propose(command, Box::new(reply));
    }

    /// Runs until `is_so`; a machine that stands still before is a panic.
    fn run_until(&self, is_so: impl Fn() -> bool) {
        let until = std::future::poll_fn(|context| {
            if is_so() {
                return std::task::Poll::Ready(());
            }
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        });
        self.sim.set_steps_max(self.sim.steps() + 100_000);
        self.sim.run(until).unwrap();
    }

    fn answered(&self) -> usize {
        self.answers.lock().unwrap().len()
    }
}

/// A shard that has the next image, and has not said that it took it.
fn takes_next(machine: &Machine, reader: &mut ImageReader) -> Arc<ClusterImage> {
    machine.sim.run(reader.next()).unwrap()
}

#[test]
fn whoever_hears_created_finds_the_topic_on_every_shard() {
    let machine = start(1);
    let images = machine.handle.images().clone();
    let mut shards = [images.subscribe(), images.subscribe()];
    machine.ask(0, register(1, 1));
    machine.ask(1, create("a", 1, 1));
    let [first, second] = &mut shards;
    while takes_next(&machine, first).index < 2 {}
    first.acknowledge_deletions();
    first.acknowledge();
    // The other shard is slow: it has not even seen the image.
    machine.run_until(|| images.newest().index == 2);
    assert_eq!(machine.answered(), 0);
    while takes_next(&machine, second).index < 2 {}
    assert_eq!(machine.answered(), 0);
    second.acknowledge_deletions();
    assert_eq!(machine.answered(), 0);
    second.acknowledge();
    machine.run_until(|| machine.answered() == 2);
}

#[test]
fn a_slow_shard_holds_up_answers_and_nothing_else() {
    let machine = start(2);
    let images = machine.handle.images().clone();
    let mut slow = images.subscribe();
    machine.ask(0, register(1, 1));
    machine.run_until(|| images.newest().index == 1);
    // The log goes on while the shard sleeps.
    for id in 1..=20 {
        machine.ask(id, create(&format!("t{id}"), id as u128, 1));
    }
    machine.run_until(|| images.newest().index == 21);
    assert_eq!(machine.answered(), 0);
    // It takes everything at once when it wakes up.
    let image = takes_next(&machine, &mut slow);
    assert_eq!(image.index, 21);
    slow.acknowledge_deletions();
    slow.acknowledge();
    machine.run_until(|| machine.answered() == 21);
    let answers = machine.answers.lock().unwrap();
    let order: Vec<usize> = answers.iter().map(|(number, _)| *number).collect();
    assert_eq!(order, (0..=20).collect::<Vec<_>>());
    assert!(answers.iter().all(|(_, answer)| answer.is_ok()));
}

#[test]
fn a_refusal_too_waits_until_its_reason_can_be_seen() {
    let machine = start(3);
    let images = machine.handle.images().clone();
    let mut shard = images.subscribe();
    machine.ask(0, register(1, 1));
    machine.ask(1, create("a", 1, 1));
    machine.ask(2, create("a", 2, 1));
    machine.run_until(|| images.newest().index == 2);
    assert_eq!(machine.answered(), 0);
    takes_next(&machine, &mut shard);
    drop(shard);
    machine.run_until(|| machine.answered() == 3);
    let answers = machine.answers.lock().unwrap();
    let exists = Refusal::TopicAlreadyExists("a".into());
    assert_eq!(answers[2], (2, Err(ClusterError::Refused(exists))));
}

#[test]
fn what_was_queued_before_the_stop_is_carried_out_and_what_comes_later_is_told_so() {
    let machine = start(4);
    for number in 1..100 {
        machine.ask(number, register(1, number as u128));
    }
    let Machine { stop, .. } = machine;
    stop.stop();
    let has_ended = Rc::clone(&machine.has_ended);
    let late = Arc::clone(&machine.answers);
    let until = std::future::poll_fn(|context| {
        if *has_ended.borrow() {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    });
    machine.sim.run(until).unwrap();
    assert_eq!(late.lock().unwrap().len(), 99);
    assert!(
        late.lock()
            .unwrap()
            .iter()
            .all(|(_, answer)| answer.is_ok())
    );
    let reply = {
        let late = Arc::clone(&late);
        move |answer| late.lock().unwrap().push((100, answer))
    };
    machine.handle.propose(register(1, 7), Box::new(reply));
    let last = late.lock().unwrap().pop();
    assert_eq!(last, Some((100, Err(ClusterError::Stopped))));
}

#[test]
fn an_actor_that_is_dropped_midway_says_that_the_outcome_is_unknown() {
    let machine = start(5);
    let images = machine.handle.images().clone();
    let _shard = images.subscribe();
    machine.ask(0, register(1, 1));
    machine.run_until(|| images.newest().index == 1);
    let Machine { sim, answers, .. } = machine;
    drop(sim);
    let answers = answers.lock().unwrap();
    assert!(matches!(
        answers[..],
        [(0, Err(ClusterError::OutcomeUnknown { .. }))]
    ));
}

#[test]
fn more_proposals_than_may_be_unanswered_are_refused_at_once() {
    let machine = start(6);
    let images = machine.handle.images().clone();
    let shard = images.subscribe();
    for number in 0..PROPOSALS_MAX {
        machine.ask(number, register(1, number as u128 + 1));
    }
    // Those that are carried out count until they are answered: the shard is slow.
    machine.run_until(|| images.newest().index == PROPOSALS_MAX as u64);
    assert_eq!(machine.answered(), 0);
    machine.ask(PROPOSALS_MAX, register(1, 1));
    let busy = ClusterError::Busy {
        limit: PROPOSALS_MAX,
    };
    let refused = machine.answers.lock().unwrap().pop();
    assert_eq!(refused, Some((PROPOSALS_MAX, Err(busy))));
    drop(shard);
    machine.run_until(|| machine.answered() == PROPOSALS_MAX);
    machine.ask(PROPOSALS_MAX, register(1, 1));
    machine.run_until(|| machine.answered() == PROPOSALS_MAX + 1);
}

#[test]
fn the_cluster_keeps_its_id_over_restarts_of_its_thread() {
    let directory = tempfile::tempdir().unwrap();
    let start = || ControlThread::start(directory.path(), 1).unwrap();
    let id_of = |control: &ControlThread| {
        let image = control.handle().images().newest();
        image.cluster_id().unwrap().to_owned()
    };
    let first = start();
    let id = id_of(&first);
    assert_eq!(id.len(), 22);
    assert_eq!(first.handle().images().leader(), Some(1));
    let second = ControlThread::start(directory.path(), 1);
    assert!(matches!(second, Err(StorageError::Locked { .. })));
    first.stop();
    let second = start();
    assert_eq!(id_of(&second), id);
    second.stop();
}
