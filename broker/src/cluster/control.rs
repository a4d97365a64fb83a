//! The control actor: the one place where commands are carried out, one batch after another.
//!
//! It runs on any executor: on a thread of its own in production ([`super::ControlThread`]), on
//! a simulated one in tests. Shards do not wait here: a proposal is a message, its answer a call
//! that the proposer supplied (a shard's posts to its own queue).
//!
//! Two tasks, so that a shard that is slow to take an image holds up answers and nothing else:
//! one has commands committed, whose images are published by the log; the other releases the
//! answers, each when all shards of this node have taken its image. What waits between them is
//! bounded by [`PROPOSALS_MAX`], which counts every proposal until it is answered.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use naru_runtime::Spawn;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

use super::command::Command;
use super::command_log::CommandLog;
use super::error::ClusterError;
use super::images::Images;
use super::state::Outcome;

/// Commands that may be unanswered. One more is answered [`ClusterError::Busy`] at once, on the
/// proposer's thread: a client may try again, memory may not run out.
pub const PROPOSALS_MAX: usize = 1024;

/// Commands that share one flush.
const BATCH_COMMANDS_MAX: usize = 64;

/// Called once with the answer, on the control thread or, if the command was not even queued, on
/// the proposer's; must not block.
pub type Reply = Box<dyn FnOnce(Result<Outcome, ClusterError>) + Send>;

/// A command that waits for its turn.
struct Proposal {
    command: Command,
    asker: Asker,
}

/// Who waits for an answer; counts as one of [`PROPOSALS_MAX`] until it has one.
struct Asker {
    reply: Option<Reply>,
    /// What is told if this is dropped unanswered, so that no proposer waits for ever.
    unanswered: ClusterError,
    open: Arc<AtomicUsize>,
}

impl Asker {
    fn answer(mut self, answer: Result<Outcome, ClusterError>) {
        if let Some(reply) = self.reply.take() {
            reply(answer);
        }
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(reply) = self.reply.take() {
            reply(Err(self.unanswered.clone()));
        }
    }
}

/// What a shard holds to change the cluster's metadata.
#[derive(Clone)]
pub struct ControlHandle {
    proposals: UnboundedSender<Proposal>,
    open: Arc<AtomicUsize>,
    images: Images,
}

impl ControlHandle {
    /// Asks for a change. Returns at once; `reply` is called exactly once, after every shard of
    /// this node has taken the image in which the answer holds.
    pub fn propose(&self, command: Command, reply: Reply) {
        let open_before = self.open.fetch_add(1, Ordering::Relaxed);
        let asker = Asker {
            reply: Some(reply),
            unanswered: ClusterError::Stopped,
            open: Arc::clone(&self.open),
        };
        if open_before >= PROPOSALS_MAX {
            return asker.answer(Err(ClusterError::Busy {
                limit: PROPOSALS_MAX,
            }));
        }
        // A proposal that comes back from a channel that is closed is dropped, and so answered.
        let _ = self.proposals.send(Proposal { command, asker });
    }

    /// Where the states of the cluster are published.
    pub fn images(&self) -> &Images {
        &self.images
    }
}

/// The control actor, to be run by an executor.
pub struct Control<L> {
    log: L,
    proposals: UnboundedReceiver<Proposal>,
    stopping: oneshot::Receiver<()>,
}

/// Ends the actor, after what is already queued; dropped, it does the same.
pub struct Stop(oneshot::Sender<()>);

impl Stop {
    pub fn stop(self) {
        // Refused only by an actor that has ended already.
        let _ = self.0.send(());
    }
}

/// Answers that wait until their image is taken by all shards.
struct Decided {
    index: u64,
    answers: Vec<(Asker, Result<Outcome, ClusterError>)>,
}

impl<L: CommandLog> Control<L> {
    pub fn new(log: L) -> (Self, ControlHandle, Stop) {
        let (sender, proposals) = mpsc::unbounded_channel();
        let (stop, stopping) = oneshot::channel();
        let handle = ControlHandle {
            proposals: sender,
            open: Arc::default(),
            images: log.images(),
        };
        let control = Self {
            log,
            proposals,
            stopping,
        };
        (control, handle, Stop(stop))
    }

    /// Carries commands out until it is stopped; ends when all that were queued are answered.
    pub async fn run(mut self, spawner: impl Spawn) {
        let (decide, decided) = mpsc::unbounded_channel();
        let (release_ends, released) = oneshot::channel::<()>();
        let images = self.log.images();
        spawner.spawn(async move {
            release(images, decided).await;
            drop(release_ends);
        });
        let mut batch = Vec::with_capacity(BATCH_COMMANDS_MAX);
        while self.receive(&mut batch).await {
            let decision = self.carry_out(&mut batch).await;
            // Refused only when the executor has dropped the other task, and is ending.
            let _ = decide.send(decision);
        }
        drop(decide);
        // Always an error: that the sender is gone is what is waited for.
        let _ = released.await;
    }

    /// Takes what is queued; false when nothing will come any more.
    async fn receive(&mut self, batch: &mut Vec<Proposal>) -> bool {
        poll_fn(|context| {
            // Ready also when `Stop` was dropped. Closing keeps what is already queued.
            if !self.proposals.is_closed() && Pin::new(&mut self.stopping).poll(context).is_ready()
            {
                self.proposals.close();
            }
            self.proposals
                .poll_recv_many(context, batch, BATCH_COMMANDS_MAX)
        })
        .await
            > 0
    }

    async fn carry_out(&self, batch: &mut Vec<Proposal>) -> Decided {
        let proposals = batch.drain(..);
        let (commands, mut askers): (Vec<_>, Vec<_>) =
            proposals.map(|p| (p.command, p.asker)).unzip();
        for asker in &mut askers {
            asker.unanswered = ClusterError::OutcomeUnknown {
                reason: "the broker stopped meanwhile".into(),
            };
        }
        match self.log.propose(commands).await {
            Ok(committed) => {
                assert_eq!(committed.answers.len(), askers.len(), "each is answered");
                let answers = committed.answers.into_iter();
                Decided {
                    index: committed.index,
                    answers: askers
                        .into_iter()
                        .zip(answers.map(|answer| answer.map_err(ClusterError::from)))
                        .collect(),
                }
            }
            Err(error) => Decided {
                index: 0,
                answers: askers
                    .into_iter()
                    .map(|asker| (asker, Err(error.clone())))
                    .collect(),
            },
        }
    }
}

/// Gives answers in the order in which they were decided, each when whoever hears it finds what it
/// says on every shard.
async fn release(images: Images, mut decided: UnboundedReceiver<Decided>) {
    while let Some(Decided { index, answers }) = decided.recv().await {
        images.applied(index).await;
        for (asker, answer) in answers {
            asker.answer(answer);
        }
    }
}
