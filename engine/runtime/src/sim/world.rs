//! The executor of a simulation: its tasks, the operations under way, and which of all
//! these goes on next.
//!
//! An operation takes effect at the moment it completes, and which of those under way that
//! is follows from the seed; so do the races between tasks and completions.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crossbeam::queue::SegQueue;
use slab::Slab;

use super::OpKind;
use super::faults::{Faults, Outcome};
use super::history::History;
use super::rng::Rng;
use super::storage::{Done, Op, Storage};

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The task that `run` was called with.
const MAIN: usize = usize::MAX;

pub(super) struct World {
    pub state: RefCell<State>,
    ready: Arc<SegQueue<usize>>,
}

pub(super) struct State {
    pub storage: Storage,
    pub rng: Rng,
    pub under_way: Vec<UnderWay>,
    pub faults: Faults,
    pub history: History,
    /// Operations that changed something, or were to.
    pub changes_count: u64,
    /// How often each kind was completed, for the faults.
    kind_counts: [u64; OpKind::COUNT],
    pub crash_at: Option<u64>,
    tasks: Slab<Option<Task>>,
}

pub(super) struct UnderWay {
    pub op: Op,
    reply: Rc<RefCell<Reply>>,
}

#[derive(Default)]
struct Reply {
    result: Option<io::Result<Done>>,
    waker: Option<Waker>,
    /// Nobody waits for it any more.
    is_dropped: bool,
}

/// An operation that was handed in. Dropped before it completes, it may still happen.
struct Submitted(Rc<RefCell<Reply>>);

impl Future for Submitted {
    type Output = io::Result<Done>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut reply = self.0.borrow_mut();
        match reply.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                reply.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Submitted {
    fn drop(&mut self) {
        self.0.borrow_mut().is_dropped = true;
    }
}

struct WakeTask {
    id: usize,
    ready: Arc<SegQueue<usize>>,
}

impl Wake for WakeTask {
    fn wake(self: Arc<Self>) {
        self.ready.push(self.id);
    }
}

impl World {
    pub fn new(seed: u64, storage: Storage) -> Rc<Self> {
        Rc::new(Self {
            state: RefCell::new(State {
                storage,
                rng: Rng::new(seed),
                under_way: Vec::new(),
                faults: Faults::default(),
                history: History::default(),
                changes_count: 0,
                kind_counts: [0; OpKind::COUNT],
                crash_at: None,
                tasks: Slab::new(),
            }),
            ready: Arc::default(),
        })
    }

    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let id = self.state.borrow_mut().tasks.insert(Some(Box::pin(task)));
        self.ready.push(id);
    }

    /// Hands an operation in. With a future that is dropped it may happen or not.
    pub fn submit(&self, op: Op) -> impl Future<Output = io::Result<Done>> + use<> {
        let reply = Rc::new(RefCell::new(Reply::default()));
        self.state.borrow_mut().under_way.push(UnderWay {
            op,
            reply: Rc::clone(&reply),
        });
        Submitted(reply)
    }

    /// Runs everything until `main` is done, or the world ends: `None`.
    pub fn run<T>(&self, main: impl Future<Output = T>) -> Option<T> {
        let mut main = std::pin::pin!(main);
        self.ready.push(MAIN);
        loop {
            if self.completes_next()? {
                continue;
            }
            let id = self.ready.pop();
            let Some(id) = id else {
                panic!("every task waits, and nothing is under way");
            };
            self.state.borrow_mut().history.note_turn(id);
            let waker = Waker::from(Arc::new(WakeTask {
                id,
                ready: Arc::clone(&self.ready),
            }));
            let mut context = Context::from_waker(&waker);
            if id == MAIN {
                if let Poll::Ready(result) = main.as_mut().poll(&mut context) {
                    return Some(result);
                }
                continue;
            }
            // Out of its place while it runs: it may spawn others.
            let task = self
                .state
                .borrow_mut()
                .tasks
                .get_mut(id)
                .and_then(Option::take);
            let Some(mut task) = task else { continue };
            let is_done = task.as_mut().poll(&mut context).is_ready();
            let mut state = self.state.borrow_mut();
            if is_done {
                state.tasks.remove(id);
            } else if let Some(place) = state.tasks.get_mut(id) {
                *place = Some(task);
            }
        }
    }

    /// Completes an operation, if it is the turn of one: always when no task is ready, and
    /// sometimes before. `None` at the end of the world.
    fn completes_next(&self) -> Option<bool> {
        {
            let mut state = self.state.borrow_mut();
            if state.under_way.is_empty() || !self.ready.is_empty() && state.rng.below(4) > 0 {
                return Some(false);
            }
        }
        self.complete_one(|_| {}).then_some(true)
    }

    /// Completes one of the operations under way, of which there are some; `written` is shown the
    /// bytes of a write. False at the end of the world.
    pub fn complete_one(&self, mut written: impl FnMut(&[u8])) -> bool {
        let (reply, result) = {
            let mut state = self.state.borrow_mut();
            let count = state.under_way.len();
            let at = state.rng.below(count);
            if state.under_way[at].op.kind().is_change() {
                if state.crash_at == Some(state.changes_count) {
                    return false;
                }
                state.changes_count += 1;
            }
            let UnderWay { op, reply } = state.under_way.remove(at);
            if let Op::Write { data, .. } = &op {
                data.iter().for_each(|piece| written(piece));
            }
            let is_dropped = reply.borrow().is_dropped;
            let result = state.complete(&op, is_dropped);
            state.history.note_operation(&op, result.is_ok());
            (reply, result)
        };
        let waker = {
            let mut reply = reply.borrow_mut();
            reply.result = Some(result);
            reply.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Drops every task: they hold on to this world.
    pub fn end(&self) {
        let tasks = std::mem::take(&mut self.state.borrow_mut().tasks);
        drop(tasks);
        let under_way = std::mem::take(&mut self.state.borrow_mut().under_way);
        drop(under_way);
    }
}

impl State {
    fn complete(&mut self, op: &Op, is_dropped: bool) -> io::Result<Done> {
        let kind = op.kind();
        let number = self.kind_counts[kind as usize];
        self.kind_counts[kind as usize] += 1;
        if is_dropped {
            match self.rng.below(4) {
                0 => return Err(io::Error::from_raw_os_error(libc::ECANCELED)),
                1 => {
                    self.storage.apply_in_part(op, &mut self.rng);
                    return Err(io::Error::from_raw_os_error(libc::ECANCELED));
                }
                _ => {}
            }
        }
        let outcome = self
            .faults
            .outcome(kind, number, || self.storage.paths_of(op));
        match outcome {
            None => self.storage.apply(op),
            Some(Outcome::Lies) => self.storage.apply_lying(op),
            Some(Outcome::Fails(errno)) => {
                match (errno, op) {
                    (libc::ENOSPC, Op::Write { .. }) => {
                        self.storage.apply_in_part(op, &mut self.rng);
                    }
                    _ => self.storage.apply_failed(op, &mut self.rng),
                }
                Err(io::Error::from_raw_os_error(errno))
            }
        }
    }

    pub fn count_of(&self, kind: OpKind) -> u64 {
        self.kind_counts[kind as usize]
    }
}

impl Op {
    pub fn kind(&self) -> OpKind {
        match self {
            Self::Open { .. } => OpKind::Open,
            Self::CreateDirAll(_) => OpKind::CreateDir,
            Self::List(_) => OpKind::List,
            Self::Rename { .. } => OpKind::Rename,
            Self::RemoveFile(_) | Self::RemoveDirAll(_) => OpKind::Remove,
            Self::SyncDir { .. } => OpKind::SyncDir,
            Self::SyncFileSystem { .. } => OpKind::SyncFileSystem,
            Self::Write { is_durable, .. } => match is_durable {
                true => OpKind::WriteDurable,
                false => OpKind::Write,
            },
            Self::Read { .. } | Self::Length { .. } => OpKind::Read,
            Self::SyncData { .. } => OpKind::SyncData,
            Self::Allocate { .. } => OpKind::Allocate,
            Self::SetLength { .. } => OpKind::SetLength,
        }
    }
}
