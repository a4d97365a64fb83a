//! The queues between shards: one bounded lock-free queue for each ordered pair, and one
//! for the threads that are no shards.
//!
//! A message is a job: a closure that runs on the target's thread, in the order in which
//! its sender sent it. Jobs of one sender never overtake each other; that is what keeps
//! the batches of a connection in order on their way to a partition of another shard.
//! The target is woken through its ring, and only when it sleeps.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use crossbeam::queue::{ArrayQueue, SegQueue};
use naru_runtime::sync::{Receiver, Sender, oneshot};
use naru_runtime::{Handle, RemoteWaker};
use slab::Slab;

use crate::partition::ShardId;

/// What a shard is asked to do, on its own thread.
pub type Job<S> = Box<dyn FnOnce(&Rc<S>) + Send>;

/// Gives an answer to the call that waits for it.
type Waiting = Box<dyn FnOnce(Box<dyn Any + Send>)>;

/// Jobs that one shard may have under way to another before its own later ones wait with
/// it.
const LANE_JOBS_MAX: usize = 1024;

/// How many jobs one turn of the loop takes from a lane, so that none starves the rest.
const JOBS_PER_TURN_MAX: usize = 128;

/// The queues of all ordered pairs, made once before the shards start.
pub struct Lanes<S>(Vec<Vec<Arc<ArrayQueue<Job<S>>>>>);

impl<S> Lanes<S> {
    pub fn new(shards: usize) -> Self {
        let row = || {
            (0..shards)
                .map(|_| Arc::new(ArrayQueue::new(LANE_JOBS_MAX)))
                .collect()
        };
        Self((0..shards).map(|_| row()).collect())
    }

    fn between(&self, from: usize, to: usize) -> Arc<ArrayQueue<Job<S>>> {
        Arc::clone(&self.0[from][to])
    }
}

/// What jobs run on: the state of a shard, which holds its end of the queues.
pub trait Meshed: Sized + 'static {
    fn mesh(&self) -> &Mesh<Self>;
    fn io(&self) -> &Handle;
}

/// A shard as the other threads see it (control, maintenance, signals).
///
/// Its queue has no bound of its own: each of its senders answers or announces something
/// that a shard asked for, so the demands bound it.
pub struct RemoteShard<S> {
    jobs: Arc<SegQueue<Job<S>>>,
    waker: RemoteWaker,
}

impl<S> Clone for RemoteShard<S> {
    fn clone(&self) -> Self {
        Self {
            jobs: Arc::clone(&self.jobs),
            waker: self.waker.clone(),
        }
    }
}

impl<S> RemoteShard<S> {
    pub fn new(waker: RemoteWaker) -> Self {
        Self {
            jobs: Arc::new(SegQueue::new()),
            waker,
        }
    }

    /// Runs `job` on the shard's thread.
    pub fn run(&self, job: impl FnOnce(&Rc<S>) + Send + 'static) {
        self.jobs.push(Box::new(job));
        self.waker.wake();
    }
}

/// A shard's own end of all queues.
pub struct Mesh<S> {
    id: ShardId,
    remotes: Vec<RemoteShard<S>>,
    out: Vec<Arc<ArrayQueue<Job<S>>>>,
    inbox: Vec<Arc<ArrayQueue<Job<S>>>>,
    /// Jobs that found their lane full, in order; they go before any later one.
    delayed: RefCell<Vec<VecDeque<Job<S>>>>,
    delayed_any: Cell<bool>,
    /// Calls under way to other shards, by the slot that their answers name.
    calls: RefCell<Slab<Waiting>>,
}

impl<S: Meshed> Mesh<S> {
    pub fn new(id: ShardId, lanes: &Lanes<S>, remotes: Vec<RemoteShard<S>>) -> Self {
        let shards = remotes.len();
        let own = id.index();
        Self {
            id,
            out: (0..shards).map(|to| lanes.between(own, to)).collect(),
            inbox: (0..shards).map(|from| lanes.between(from, own)).collect(),
            delayed: RefCell::new((0..shards).map(|_| VecDeque::new()).collect()),
            delayed_any: Cell::new(false),
            calls: RefCell::new(Slab::new()),
            remotes,
        }
    }

    pub fn shards(&self) -> usize {
        self.remotes.len()
    }

    /// Jobs that wait for this shard, and those that wait for room on the way to others.
    pub fn queued_jobs(&self) -> usize {
        let inbox = self.inbox.iter().map(|lane| lane.len());
        let delayed = self.delayed.borrow();
        let delayed = delayed.iter().map(VecDeque::len);
        let remote = self.remotes[self.id.index()].jobs.len();
        remote + inbox.chain(delayed).sum::<usize>()
    }

    /// This shard, for threads that will have something to tell it.
    pub fn own_remote(&self) -> RemoteShard<S> {
        self.remotes[self.id.index()].clone()
    }

    /// Puts a job on the way to `target`, after all that were sent there before.
    fn send(&self, target: ShardId, job: Job<S>) {
        let to = target.index();
        let mut delayed = self.delayed.borrow_mut();
        if delayed[to].is_empty() {
            match self.out[to].push(job) {
                Ok(()) => return self.remotes[to].waker.wake(),
                Err(job) => delayed[to].push_back(job),
            }
        } else {
            delayed[to].push_back(job);
        }
        self.delayed_any.set(true);
    }

    /// Runs `work` on `target`; the answer is what its future returns.
    ///
    /// `work` itself runs in the order of the calls, on the own shard before this
    /// returns: what must not be overtaken belongs there. Its future may wait.
    pub fn call<R, F, Work>(&self, shard: &Rc<S>, target: ShardId, work: Work) -> Call<R>
    where
        R: Send + 'static,
        F: Future<Output = R> + 'static,
        Work: FnOnce(&Rc<S>) -> F + Send + 'static,
    {
        if target == self.id {
            return Call::Here(Box::pin(work(shard)));
        }
        let (answer, answered) = oneshot::<R>();
        let slot = self.expect(answer);
        let origin = self.id;
        self.send(
            target,
            Box::new(move |there: &Rc<S>| {
                let future = work(there);
                let shard = Rc::clone(there);
                there.io().spawn(async move {
                    let value: Box<dyn Any + Send> = Box::new(future.await);
                    let reply: Job<S> =
                        Box::new(move |home: &Rc<S>| home.mesh().answer(slot, value));
                    shard.mesh().send(origin, reply);
                });
            }),
        );
        Call::There(answered)
    }

    /// A way back for threads that are no shards: what the closure is given, on whichever
    /// thread, arrives at the receiver here.
    pub fn callback<R: Send + 'static>(&self) -> (impl FnOnce(R) + Send + 'static, Receiver<R>) {
        let (answer, answered) = oneshot::<R>();
        let slot = self.expect(answer);
        let home = self.own_remote();
        let callback =
            move |value: R| home.run(move |home| home.mesh().answer(slot, Box::new(value)));
        (callback, answered)
    }

    /// Keeps a place for an answer of another thread.
    fn expect<R: Send + 'static>(&self, answer: Sender<R>) -> usize {
        self.calls.borrow_mut().insert(Box::new(move |value| {
            if let Ok(value) = value.downcast::<R>() {
                // Whoever asked may have gone away.
                let _ = answer.send(*value);
            }
        }))
    }

    /// Runs `job` on `target`, which answers nothing.
    pub fn tell(&self, target: ShardId, job: impl FnOnce(&Rc<S>) + Send + 'static) {
        self.send(target, Box::new(job));
    }

    fn answer(&self, slot: usize, value: Box<dyn Any + Send>) {
        let waiting = self.calls.borrow_mut().try_remove(slot);
        if let Some(waiting) = waiting {
            waiting(value);
        }
    }

    /// Takes what has arrived; true if there was anything. Called every turn of the loop.
    pub fn drain(&self, shard: &Rc<S>) -> bool {
        let mut progress = self.send_delayed();
        for _ in 0..JOBS_PER_TURN_MAX {
            match self.remotes[self.id.index()].jobs.pop() {
                Some(job) => job(shard),
                None => break,
            }
            progress = true;
        }
        for lane in &self.inbox {
            for _ in 0..JOBS_PER_TURN_MAX {
                match lane.pop() {
                    Some(job) => job(shard),
                    None => break,
                }
                progress = true;
            }
        }
        progress
    }

    /// Sends what waited for room; true while anything waits, so that the loop looks again.
    fn send_delayed(&self) -> bool {
        if !self.delayed_any.get() {
            return false;
        }
        let mut delayed = self.delayed.borrow_mut();
        let mut any = false;
        for (to, jobs) in delayed.iter_mut().enumerate() {
            while let Some(job) = jobs.pop_front() {
                if let Err(job) = self.out[to].push(job) {
                    jobs.push_front(job);
                    any = true;
                    break;
                }
                self.remotes[to].waker.wake();
            }
        }
        self.delayed_any.set(any);
        any
    }
}

/// An answer on its way from the shard that was asked.
pub enum Call<R> {
    Here(Pin<Box<dyn Future<Output = R>>>),
    There(Receiver<R>),
}

impl<R> Future for Call<R> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        match &mut *self {
            Self::Here(future) => future.as_mut().poll(context),
            // A shard drops no job while it runs; one that is going down answers no more,
            // and neither does the connection that asked.
            Self::There(receiver) => match Pin::new(receiver).poll(context) {
                Poll::Ready(Some(value)) => Poll::Ready(value),
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            },
        }
    }
}
