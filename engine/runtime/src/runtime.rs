//! The loop of a shard's thread: tasks, turn hooks, timers, and one entry into the ring.
//!
//! A turn runs the tasks that are ready (a bounded number), then the hooks, then the
//! timers, and enters the kernel at most once: without waiting if anything is ready, else
//! until a completion, a timer or a wake-up from another thread. An idle runtime makes no
//! system call.
//!
//! What turns here is a thread with a ring. A thread of a simulated machine has the same tasks,
//! hooks and timers, and `sim::simulation` turns it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use super::backend::Backend;
use super::disk::Spawn;
use super::executor::{Executor, Task};
use super::metrics::{Counter, Distribution, ThreadTimes};
use super::ring::{Ring, RingConfig, Wait};
use super::timers::{TimerKey, Timers};
use super::wake::RemoteWaker;

/// Tasks polled before the ring is looked at again.
const TASKS_PER_TURN_MAX: usize = 128;

/// The deadline of [`Handle::timeout`] passed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the deadline has passed")]
pub struct Elapsed;

/// A function that a turn calls; `true` when it made progress.
type TurnHook = Box<dyn FnMut() -> bool>;

pub(super) struct Shared {
    backend: Backend,
    executor: Executor,
    timers: RefCell<Timers>,
    hooks: RefCell<Vec<TurnHook>>,
    waker: RemoteWaker,
    began: Instant,
    turns: Counter,
    /// Time spent in the kernel until something happened.
    waited: Cell<Duration>,
}

/// The ring and the executor of the thread that made it. Dropping it drops the tasks and
/// waits until the kernel has given back their buffers.
pub struct Runtime {
    shared: Rc<Shared>,
    ring: Ring,
}

/// What tasks use of their runtime: spawning, time, and (by its other `impl`s) disk and
/// sockets. Belongs to the runtime's thread.
#[derive(Clone)]
pub struct Handle {
    shared: Rc<Shared>,
}

impl Runtime {
    /// A runtime for the calling thread.
    ///
    /// # Errors
    /// When the host refuses a ring; the message says what to change.
    ///
    /// # Panics
    /// When the thread has a runtime already.
    pub fn new(config: RingConfig) -> io::Result<Self> {
        let (waker, alarm) = RemoteWaker::new()?;
        let ring = Ring::new(config, alarm)?;
        let executor = Executor::of_this_thread(waker.clone());
        let shared = Shared::new(Backend::Ring(ring.clone()), executor, waker);
        Ok(Self {
            shared: Rc::new(shared),
            ring,
        })
    }

    pub fn handle(&self) -> Handle {
        Handle {
            shared: Rc::clone(&self.shared),
        }
    }

    /// Operations whose result nobody has taken.
    #[cfg(test)]
    pub(super) fn operations_in_flight(&self) -> usize {
        self.ring.in_flight()
    }

    /// Runs the loop until `future` resolves. Spawned tasks stay for the next call.
    ///
    /// # Panics
    /// When the kernel no longer accepts the ring: nothing could ever complete again.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let root = Arc::new(Root {
            is_woken: AtomicBool::new(true),
            remote: self.shared.waker.clone(),
        });
        let waker = Waker::from(Arc::clone(&root));
        let mut context = Context::from_waker(&waker);
        loop {
            if root.is_woken.swap(false, Ordering::AcqRel)
                && let Poll::Ready(output) = future.as_mut().poll(&mut context)
            {
                return output;
            }
            if let Err(error) = self.shared.turn(&self.ring, &root) {
                panic!("the ring is broken: {error}");
            }
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shared.shut_down();
        self.ring.shut_down();
    }
}

/// The future that `run` waits for.
struct Root {
    is_woken: AtomicBool,
    remote: RemoteWaker,
}

impl Wake for Root {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.remote.wake();
    }
}

impl Shared {
    pub(super) fn new(backend: Backend, executor: Executor, waker: RemoteWaker) -> Self {
        Self {
            began: backend.now(),
            backend,
            executor,
            timers: RefCell::default(),
            hooks: RefCell::default(),
            waker,
            turns: Counter::default(),
            waited: Cell::default(),
        }
    }

    /// Drops all tasks and hooks.
    pub(super) fn shut_down(&self) {
        self.executor.shut_down();
        // They belong to nobody's tasks, and may hold this.
        let hooks = self.hooks.take();
        drop(hooks);
    }

    fn turn(&self, ring: &Ring, root: &Root) -> io::Result<()> {
        self.turns.add(1);
        self.executor.run_ready(TASKS_PER_TURN_MAX);
        let mut has_progress = self.run_hooks();
        let mut until_timer = self.fire_timers();
        if self.is_ready(root) {
            has_progress = true;
        }
        if has_progress {
            return if ring.has_work() {
                ring.enter(Wait::No)
            } else {
                Ok(())
            };
        }
        // The handshake of `wake`: whoever pushed before this is seen by the look that
        // follows, whoever pushes later sees the announcement.
        self.waker.announce_sleep();
        if self.run_hooks() || self.is_ready(root) {
            self.waker.end_sleep();
            return ring.enter(Wait::No);
        }
        // A hook without progress may still have set a timer.
        let timers = self.timers.borrow();
        if until_timer.is_some() || !timers.is_empty() {
            until_timer = timers.next_in(Instant::now());
        }
        drop(timers);
        let begun = Instant::now();
        let entered = ring.enter(match until_timer {
            Some(duration) => Wait::AtMost(duration),
            None => Wait::UntilCompletion,
        });
        self.waited.set(self.waited.get() + begun.elapsed());
        self.waker.end_sleep();
        entered
    }

    fn is_ready(&self, root: &Root) -> bool {
        self.executor.has_ready() || root.is_woken.load(Ordering::Acquire)
    }

    fn run_hooks(&self) -> bool {
        // Taken out, as a hook may add another one.
        let mut hooks = self.hooks.take();
        let mut has_progress = false;
        for hook in &mut hooks {
            has_progress |= hook();
        }
        let mut added = self.hooks.borrow_mut();
        hooks.append(&mut added);
        *added = hooks;
        has_progress
    }

    /// Wakes who is due; returns the time until the next timer.
    fn fire_timers(&self) -> Option<Duration> {
        if self.timers.borrow().is_empty() {
            return None;
        }
        let now = self.backend.now();
        let due = self.timers.borrow_mut().take_due(now);
        due.into_iter().for_each(Waker::wake);
        self.timers.borrow().next_in(now)
    }
}

impl Handle {
    /// Runs `future` beside the others; nobody waits for it.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        self.shared.executor.spawn(future).detach();
    }

    /// Runs `future` beside the others; dropping the task cancels it.
    pub fn spawn_task<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Task<T> {
        self.shared.executor.spawn(future)
    }

    /// The monotonic clock: for durations and deadlines.
    pub fn now(&self) -> Instant {
        self.shared.backend.now()
    }

    /// The wall clock, in ms since 1970: for timestamps of records, never for deadlines.
    pub fn wall_ms(&self) -> i64 {
        self.shared.backend.wall_ms()
    }

    /// How this thread has spent its time. In a simulation, where nothing takes time, all of it
    /// counts as busy.
    pub fn thread_times(&self) -> ThreadTimes {
        let waiting = self.shared.waited.get();
        let all = self.now().saturating_duration_since(self.shared.began);
        ThreadTimes {
            busy: all.saturating_sub(waiting),
            waiting,
            turns: self.shared.turns.get(),
        }
    }

    /// How long the flushes of files took that this thread asked for, in microseconds.
    pub fn flushes(&self) -> Distribution {
        self.shared.backend.flushes()
    }

    /// A random number, for ids that nobody had before: of the operating system, or in a simulation
    /// of its seed.
    pub fn random_u64(&self) -> u64 {
        self.shared.backend.random_u64()
    }

    /// As [`Self::random_u64`], as many bits as a UUID has.
    pub fn random_u128(&self) -> u128 {
        u128::from(self.random_u64()) << 64 | u128::from(self.random_u64())
    }

    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep {
            shared: Rc::clone(&self.shared),
            deadline,
            key: None,
        }
    }

    /// Waits for `future`, but not longer than `duration`; then it is dropped.
    pub async fn timeout<T>(
        &self,
        duration: Duration,
        future: impl Future<Output = T>,
    ) -> Result<T, Elapsed> {
        let mut future = pin!(future);
        let mut sleep = pin!(self.sleep(duration));
        std::future::poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            sleep.as_mut().poll(context).map(|()| Err(Elapsed))
        })
        .await
    }

    /// Lets the other ready tasks and the I/O go first.
    pub async fn yield_now(&self) {
        super::executor::yield_now().await;
    }

    /// Calls `hook` in every turn and once more before the thread sleeps, until the runtime
    /// is dropped. It says whether it made progress; then the thread does not sleep.
    pub fn on_turn(&self, hook: Box<dyn FnMut() -> bool>) {
        self.shared.hooks.borrow_mut().push(hook);
    }

    /// Wakes this runtime from other threads.
    pub fn waker(&self) -> RemoteWaker {
        self.shared.waker.clone()
    }

    pub(super) fn backend(&self) -> &Backend {
        &self.shared.backend
    }

    pub(super) fn of(shared: Rc<Shared>) -> Self {
        Self { shared }
    }
}

/// A thread of a simulated machine, which has no loop of its own.
impl Shared {
    /// Whether a turn would find something to do.
    pub(super) fn is_awake(&self) -> bool {
        !self.waker.is_asleep()
            || self.executor.has_ready()
            || self
                .next_timer()
                .is_some_and(|deadline| deadline <= self.backend.now())
    }

    pub(super) fn next_timer(&self) -> Option<Instant> {
        self.timers.borrow().next_deadline()
    }

    /// One turn, with up to `tasks` tasks.
    pub(super) fn turn_simulated(&self, tasks: usize) {
        self.waker.end_sleep();
        self.executor.run_ready(tasks);
        self.run_hooks();
        self.fire_timers();
        self.waker.announce_sleep();
        if self.run_hooks() {
            self.waker.end_sleep();
        }
    }
}

impl Spawn for Handle {
    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        Handle::spawn(self, task);
    }
}

/// Resolves once its deadline has passed. Dropping it removes the timer.
pub struct Sleep {
    shared: Rc<Shared>,
    deadline: Instant,
    key: Option<TimerKey>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some(key) = self.key {
            if self.shared.timers.borrow_mut().renew(key, context.waker()) {
                return Poll::Pending;
            }
            return Poll::Ready(());
        }
        if self.deadline <= self.shared.backend.now() {
            return Poll::Ready(());
        }
        let waker = context.waker().clone();
        let key = self.shared.timers.borrow_mut().insert(self.deadline, waker);
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            // The waker is dropped only when the timers are no longer borrowed.
            let waker = self.shared.timers.borrow_mut().remove(key);
            drop(waker);
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("backend", &self.shared.backend)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("ring", &self.ring)
            .finish_non_exhaustive()
    }
}
