//! Where a story takes place: the log that is open now, the tasks at work, and what holds them.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bytes::Bytes;
use naru_engine::log::{Fence, Log, LogConfig, Shared, TailBudget};
use naru_runtime::sim::SimEnv;
use naru_runtime::sync::Notify;
use naru_runtime::{Disk, Spawn};

use super::dice::Dice;
use super::mix::{Feature, Mix};
use super::model::{Model, Offsets};

pub const LOGS: &str = "/logs";

pub fn dir() -> PathBuf {
    PathBuf::from("/logs/topic-0")
}

/// The content of `partition.metadata`.
pub fn identity(incarnation: u64) -> Bytes {
    Bytes::from(format!("version: 0\ntopic_id: {incarnation}\n"))
}

/// A log as it was opened, and what it was given.
pub struct Opened {
    pub log: Log<SimEnv>,
    pub model: RefCell<Model>,
    /// It is being deleted, or was closed: who asks may be told so.
    pub is_ended: Cell<bool>,
}

impl Opened {
    pub fn new(log: Log<SimEnv>, model: Model) -> Rc<Self> {
        Rc::new(Self {
            log,
            model: RefCell::new(model),
            is_ended: Cell::new(false),
        })
    }

    pub fn offsets(&self) -> Offsets {
        Offsets {
            start: self.log.start_offset(),
            flushed: self.log.flushed_offset(),
            end: self.log.end_offset(),
        }
    }

    /// Hears of batches that the log could not write, and took back.
    pub fn note_taken_back(&self) {
        if let Some(end) = self.log.taken_back() {
            self.model.borrow_mut().taken_back(end);
        }
    }

    /// Looks at the log, as a consumer does all the time.
    pub fn note(&self) {
        self.model.borrow_mut().note(self.offsets());
    }
}

pub struct Stage {
    pub env: SimEnv,
    pub shared: Shared,
    pub mix: Mix,
    pub dice: RefCell<Dice>,
    pub opened: RefCell<Rc<Opened>>,
    /// Appends are held back: the log is being truncated.
    pub is_held: Cell<bool>,
    pub is_over: Cell<bool>,
    /// The topic is being deleted, and nobody was told yet that it is gone.
    pub is_deleting: Cell<bool>,
    /// Something may fail in this life that is not for want of room.
    pub has_faults: Cell<bool>,
    /// There was no room at some time.
    pub was_full: Cell<bool>,
    /// Batches were told apart by this so far.
    pub serial: Cell<u64>,
    pub leader_epoch: Cell<i32>,
    /// Tasks at work, and those of them that wait for an acknowledgement.
    pub at_work: Cell<u64>,
    pub waiting: Cell<u64>,
    /// One of the above changed.
    pub changed: Notify,
}

impl Stage {
    pub fn new(env: SimEnv, mix: Mix, dice: Dice, model: Model) -> Rc<Self> {
        let shared = Shared {
            fence: Fence::new(PathBuf::from(LOGS)),
            tails: Rc::new(TailBudget::new(mix.tail_bytes)),
        };
        let config = config(&mix, model.incarnation);
        let log = Log::create(env.clone(), dir(), config, shared.clone());
        Rc::new(Self {
            env,
            shared,
            mix,
            dice: RefCell::new(dice),
            opened: RefCell::new(Opened::new(log, model)),
            is_held: Cell::new(false),
            is_over: Cell::new(false),
            is_deleting: Cell::new(false),
            has_faults: Cell::new(false),
            was_full: Cell::new(false),
            serial: Cell::new(1),
            leader_epoch: Cell::new(0),
            at_work: Cell::new(0),
            waiting: Cell::new(0),
            changed: Notify::new(),
        })
    }

    pub fn opened(&self) -> Rc<Opened> {
        Rc::clone(&self.opened.borrow())
    }

    pub fn config(&self, incarnation: u64) -> LogConfig {
        config(&self.mix, incarnation)
    }

    pub fn dice(&self) -> Dice {
        self.dice.borrow_mut().fork()
    }

    /// The broker's time, in ms: some ms after that of the last batch.
    pub fn now_ms(&self) -> i64 {
        1_000 + self.serial.get() as i64 * 10
    }

    /// Runs beside the others, and is waited for at the end.
    pub fn work(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) {
        count(&self.at_work, 1);
        let stage = Rc::clone(self);
        self.env.spawn(async move {
            task.await;
            count(&stage.at_work, -1);
            stage.changed.notify_all();
        });
    }

    /// Lets the others go on for a while.
    pub async fn pause(&self, operations: u64) {
        for _ in 0..operations {
            let listed = self.env.list(Path::new(LOGS)).await;
            listed.expect("listing does not fail here");
        }
    }

    pub async fn wait_until(&self, is_so: impl Fn() -> bool) {
        while !is_so() {
            self.changed.wait().await;
        }
    }

    /// Whether the owner, or a reader, may be told of an error.
    pub fn may_fail(&self, opened: &Opened) -> bool {
        self.has_faults.get() || opened.is_ended.get()
    }
}

pub fn count(of: &Cell<u64>, change: i64) {
    of.set(of.get().checked_add_signed(change).expect("counted twice"));
}

fn config(mix: &Mix, incarnation: u64) -> LogConfig {
    let has_retention = mix.has(Feature::Retention);
    LogConfig {
        segment_bytes: mix.segment_bytes,
        retention_bytes: has_retention.then_some(3 * mix.segment_bytes),
        identity: identity(incarnation),
        ..LogConfig::default()
    }
}
