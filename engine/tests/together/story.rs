//! One seed: some lives of one topic, each ended by a crash, and each held against what the
//! ones before promised.

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use naru_engine::log::Log;
use naru_runtime::sim::Sim;

use super::cleaner::key_reader;
use super::clients::{cold_reader, produce, producer, tail_reader, time_reader};
use super::dice::Dice;
use super::mix::{Feature, Mix};
use super::model::{Ending, Model};
use super::owner::{owner, put_aside, take_up};
use super::stage::{LOGS, Opened, Stage, dir, identity};

/// More than any life takes: who needs more goes round in a circle.
const STEPS_MAX: u64 = 2_000_000;
const LIVES: u64 = 3;
/// How often the others may go on before a log has taken up its work again.
const PATIENCE: u64 = 500;

/// What a story came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub mix: String,
    pub steps: u64,
    /// The order of all that happened, and all that the disk held in the end.
    pub digest: u64,
}

/// What is known from one life to the next.
#[derive(Clone)]
struct Before {
    model: Model,
    /// The topic is being deleted: nobody was told yet that it is gone.
    is_deleting: bool,
    serial: u64,
    leader_epoch: i32,
    ending: Ending,
}

pub fn tell(seed: u64, allowed: &[Feature]) -> Outcome {
    tell_on(seed, allowed, |_| {})
}

/// As [`tell`], on a machine that `alter` makes otherwise, in each of its lives.
pub fn tell_on(seed: u64, allowed: &[Feature], alter: impl Fn(&Sim)) -> Outcome {
    let mut dice = Dice::new(seed);
    let mix = Mix::of(&mut dice, allowed);
    let mut sim = Sim::new(dice.next());
    sim.make_dir(LOGS.as_ref()).expect("the disk is empty");
    if mix.tears_within_sectors {
        sim.tear_within_sectors();
    }
    let mut before = Before {
        model: Model::new(1),
        is_deleting: false,
        serial: 1,
        leader_epoch: 0,
        ending: Ending::Kill,
    };
    let mut outcome = Outcome {
        mix: mix.name(),
        steps: 0,
        digest: 0,
    };
    for life in 0..LIVES {
        alter(&sim);
        let may_crash = life + 1 < LIVES;
        let is_fenced = live(&sim, &mix, dice.fork(), &mut before, may_crash);
        outcome.steps += sim.steps();
        outcome.digest = outcome.digest.rotate_left(7) ^ sim.digest();
        let image = dice.next();
        // After a failed flush only the device knows what is there.
        if is_fenced || dice.one_in(2) {
            before.ending = Ending::PowerCut;
            before.model.loses_power();
            sim = sim.power_cut(image);
        } else {
            before.ending = Ending::Kill;
            sim = sim.kill(image);
        }
        sim.set_room(u64::MAX);
    }
    let mut hasher = DefaultHasher::new();
    sim.contents(&dir()).unwrap_or_default().hash(&mut hasher);
    outcome.digest ^= hasher.finish();
    outcome
}

/// One life. Whether a flush failed in it.
fn live(sim: &Sim, mix: &Mix, mut dice: Dice, before: &mut Before, may_crash: bool) -> bool {
    let stage = Stage::new(sim.env(), mix.clone(), dice.fork(), before.model.clone());
    stage.serial.set(before.serial);
    stage.leader_epoch.set(before.leader_epoch);
    stage.is_deleting.set(before.is_deleting);
    sim.set_steps_max(STEPS_MAX);
    if may_crash && !dice.one_in(4) {
        sim.crash_at(sim.operations() + dice.below(600));
    }
    let ending = before.ending;
    let last = RefCell::new(None);
    sim.run(async {
        begin(&stage, sim, ending).await;
        go_on(&stage, sim, &mut dice).await;
        last.replace(Some(stage.opened().model.borrow().clone()));
        let_go(&stage).await;
    });
    before.model = last.take().unwrap_or_else(|| {
        let opened = stage.opened();
        opened.note();
        opened.model.borrow().clone()
    });
    before.is_deleting = stage.is_deleting.get();
    before.serial = stage.serial.get();
    before.leader_epoch = stage.leader_epoch.get() + 1;
    stage.shared.fence.check().is_err()
}

/// Takes up what the life before left.
async fn begin(stage: &Rc<Stage>, sim: &Sim, ending: Ending) {
    let mut model = stage.opened().model.borrow().clone();
    let found = sim.content(&dir().join("partition.metadata")).ok();
    let is_of = |incarnation| found.is_none() || found == Some(identity(incarnation));
    assert!(
        is_of(model.incarnation),
        "a deleted topic is back: {found:?}"
    );
    if stage.is_deleting.get() {
        let put_aside = put_aside(&stage.env, model.incarnation).await;
        put_aside.expect("nothing fails at the start");
        model = Model::new(model.incarnation + 1);
        stage.is_deleting.set(false);
        stage
            .opened
            .replace(Opened::new(stage.opened().log.clone(), model.clone()));
    }
    take_up(stage, model, ending).await;
}

async fn go_on(stage: &Rc<Stage>, sim: &Sim, dice: &mut Dice) {
    let mix = &stage.mix;
    let reads = 2 * mix.owner_steps;
    for _ in 0..mix.producers {
        stage.work(producer(
            Rc::clone(stage),
            stage.dice(),
            mix.owner_steps * 3 / 2,
        ));
    }
    for _ in 0..mix.cold_readers {
        stage.work(cold_reader(Rc::clone(stage), stage.dice(), reads));
    }
    for _ in 0..mix.tail_readers {
        stage.work(tail_reader(Rc::clone(stage), stage.dice()));
    }
    if mix.has(Feature::ByTime) {
        stage.work(time_reader(Rc::clone(stage), stage.dice(), reads));
    }
    if mix.has(Feature::Compaction) {
        stage.work(key_reader(Rc::clone(stage), stage.dice(), mix.owner_steps));
    }
    let is_alive = owner(stage, sim, dice.fork()).await;
    sim.heal();
    sim.set_room(u64::MAX);
    takes_up_its_work(stage, is_alive, dice).await;
    stage.is_over.set(true);
    stage.changed.notify_all();
    // Whoever waits for ever ends the simulation with a panic.
    stage.wait_until(|| stage.at_work.get() == 0).await;
    stage.opened().note();
}

/// Everything works again: so must the log, unless it failed for good.
async fn takes_up_its_work(stage: &Rc<Stage>, is_alive: bool, dice: &mut Dice) {
    let mut last = None;
    for _ in 0..PATIENCE {
        let opened = stage.opened();
        let produced = produce(stage, &opened, dice);
        let end = opened.log.end_offset();
        match opened.log.flushed(end).await {
            Ok(()) if produced => return,
            told => last = Some(told),
        }
        if stage.has_faults.get() || !is_alive {
            return;
        }
        stage.pause(1).await;
    }
    panic!("the log does not go on: {last:?}");
}

/// Nobody holds a log any more: nothing is kept in memory for one.
async fn let_go(stage: &Rc<Stage>) {
    let nowhere = Log::create(
        stage.env.clone(),
        dir(),
        stage.config(0),
        stage.shared.clone(),
    );
    stage.opened.replace(Opened::new(nowhere, Model::new(0)));
    stage.pause(PATIENCE).await;
    let used_bytes = stage.shared.tails.used_bytes();
    assert_eq!(used_bytes, 0, "bytes of logs that are gone");
}
