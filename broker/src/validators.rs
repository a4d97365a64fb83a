//! Where batches are checked that take long: threads of a low priority, so that whatever
//! they do, the shards go first; or, in a simulation, the shard itself, in steps.
//!
//! All checks take turns: one that decompresses a gigabyte does not keep the others waiting
//! until it is done. Whoever asks holds memory for each (`naru.memory`, the share of checks),
//! which bounds their number.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crossbeam::queue::SegQueue;
use naru_record_batch::{CheckedBatch, Rejection, Step, Validation};
use naru_runtime::{Handle, Handover, handover, set_niceness};

/// What a check does before another has its turn, in bytes: some milliseconds.
const TURN_BYTES: usize = 1 << 20;

/// The lowest priority of a thread that is not idle-only: it gets 1.5% of a core that a
/// shard wants as well (sched(7)).
const NICENESS: i32 = 19;

/// Clones share the threads.
#[derive(Clone)]
pub struct Validators(Option<Arc<Threads>>);

struct Threads {
    queue: Arc<Queue>,
    joins: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Queue {
    /// Checks that wait for their turn.
    jobs: SegQueue<Job>,
    is_over: AtomicBool,
}

struct Job {
    validation: Validation,
    verdict: Handover<Result<CheckedBatch, Rejection>>,
}

impl Validators {
    /// Without threads: whoever asks does the work, in turns with its other tasks.
    pub fn inline() -> Self {
        Self(None)
    }

    pub fn start(threads: usize) -> io::Result<Self> {
        let queue = Arc::<Queue>::default();
        let mut started = Threads {
            queue: Arc::clone(&queue),
            joins: Vec::with_capacity(threads),
        };
        for index in 0..threads {
            let queue = Arc::clone(&queue);
            let name = format!("naru-check-{index}");
            let thread = thread::Builder::new().name(name).spawn(move || {
                if let Err(error) = set_niceness(NICENESS) {
                    tracing::warn!(
                        "cannot lower the priority of the threads that check batches: {error}"
                    );
                }
                queue.work();
            })?;
            started.joins.push(thread);
        }
        Ok(Self(Some(Arc::new(started))))
    }

    /// Takes a check to its end.
    pub async fn finish(
        &self,
        io: &Handle,
        mut validation: Validation,
    ) -> Result<CheckedBatch, Rejection> {
        let Some(threads) = &self.0 else {
            loop {
                io.yield_now().await;
                if let Step::Done(verdict) = validation.step(TURN_BYTES) {
                    return verdict;
                }
            }
        };
        let (verdict, judged) = handover();
        threads.queue.jobs.push(Job {
            validation,
            verdict,
        });
        threads.wake();
        judged.await
    }
}

impl Threads {
    fn wake(&self) {
        self.joins.iter().for_each(|join| join.thread().unpark());
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.queue.is_over.store(true, Ordering::SeqCst);
        self.wake();
        for join in self.joins.drain(..) {
            // A thread that panicked has taken the process down.
            let _ = join.join();
        }
    }
}

impl Queue {
    fn work(&self) {
        while !self.is_over.load(Ordering::SeqCst) {
            let Some(mut job) = self.jobs.pop() else {
                // Whoever pushed before this has left a token: it returns at once then.
                thread::park();
                continue;
            };
            if job.verdict.is_forsaken() {
                continue;
            }
            match job.validation.step(TURN_BYTES) {
                Step::Pending => self.jobs.push(job),
                Step::Done(verdict) => job.verdict.give(verdict),
            }
        }
    }
}

impl fmt::Debug for Validators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = self.0.as_ref().map_or(0, |threads| threads.joins.len());
        f.debug_tuple("Validators").field(&threads).finish()
    }
}
