//! The control thread: the one place where commands are carried out, one batch after another.
//!
//! Shards have executors of their own and do not wait here: a proposal is a message, its answer
//! a call on the control thread that the proposer supplied (a shard's posts to its own queue).
//! The image is published before the answer is given.

use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime;
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};
use tokio::sync::oneshot;

use super::command::Command;
use super::error::{ClusterError, StorageError};
use super::ids;
use super::image::ClusterImage;
use super::quorum::{CommandLog, SingleNode};
use super::state::Outcome;

/// Commands that may wait for the control thread. One more is answered [`ClusterError::Busy`] at
/// once, on the proposer's thread: a client may try again, memory may not run out.
pub const PROPOSALS_MAX: usize = 1024;

/// Commands that share one flush.
const BATCH_COMMANDS_MAX: usize = 64;

/// Called on the control thread with each new image; must not block.
pub type Publish = Box<dyn Fn(Arc<ClusterImage>) + Send>;

/// Called once with the answer, on the control thread or, if the command was not even queued, on
/// the proposer's; must not block.
pub type Reply = Box<dyn FnOnce(Result<Outcome, ClusterError>) + Send>;

/// A command that waits. Dropped unanswered, it answers that the broker is stopping, so that no
/// proposer waits for ever.
struct Proposal {
    command: Option<Command>,
    reply: Option<Reply>,
}

impl Proposal {
    fn answer(mut self, answer: Result<Outcome, ClusterError>) {
        if let Some(reply) = self.reply.take() {
            reply(answer);
        }
    }
}

impl Drop for Proposal {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            reply(Err(ClusterError::Stopped));
        }
    }
}

/// What a shard holds to change the cluster's metadata.
#[derive(Clone)]
pub struct ControlHandle {
    proposals: Sender<Proposal>,
}

impl ControlHandle {
    /// Asks for a change. Returns at once; `reply` is called exactly once.
    pub fn propose(&self, command: Command, reply: Reply) {
        let proposal = Proposal {
            command: Some(command),
            reply: Some(reply),
        };
        match self.proposals.try_send(proposal) {
            Ok(()) => {}
            Err(TrySendError::Full(proposal)) => proposal.answer(Err(ClusterError::Busy {
                limit: PROPOSALS_MAX,
            })),
            Err(TrySendError::Closed(proposal)) => proposal.answer(Err(ClusterError::Stopped)),
        }
    }
}

/// The running control thread.
pub struct Control {
    handle: ControlHandle,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
    first_image: Arc<ClusterImage>,
}

impl Control {
    /// Opens the metadata under `data_dir` (its directory [`super::DIRECTORY`]), gives a new
    /// cluster its id, and starts the thread. `publish` is not called for the first image, which
    /// [`Control::image_at_start`] hands out.
    pub fn start(data_dir: &Path, publish: Publish) -> Result<Self, StorageError> {
        let directory = data_dir.join(super::DIRECTORY);
        let mut log = SingleNode::open(&directory)?;
        if log.durable_image().cluster_id().is_none() {
            let cluster_id = ids::kafka_text(ids::random());
            let named = log.commit(vec![Command::SetClusterId { cluster_id }]);
            if let Err(error) = named {
                return Err(StorageError::Io {
                    action: "name the cluster in",
                    path: directory,
                    source: std::io::Error::other(error),
                });
            }
        }
        let first_image = log.durable_image();
        let (proposals, waiting) = mpsc::channel(PROPOSALS_MAX);
        let (stop, stopping) = oneshot::channel();
        let start_failed = StorageError::io("start the control thread for", &directory);
        let runtime = runtime::Builder::new_current_thread().build();
        let thread = runtime
            .and_then(|runtime| {
                thread::Builder::new()
                    .name("naru-control".into())
                    .spawn(move || runtime.block_on(run(log, waiting, stopping, publish)))
            })
            .map_err(start_failed)?;
        Ok(Self {
            handle: ControlHandle { proposals },
            stop,
            thread,
            first_image,
        })
    }

    pub fn handle(&self) -> ControlHandle {
        self.handle.clone()
    }

    /// The state as it was found at start; later ones go to `publish`.
    pub fn image_at_start(&self) -> Arc<ClusterImage> {
        Arc::clone(&self.first_image)
    }

    /// Carries out what is waiting, takes nothing more, and ends the thread. Handles that are
    /// still held answer [`ClusterError::Stopped`] from here on.
    pub fn stop(self) {
        // Refused only by a thread that has ended already.
        let _ = self.stop.send(());
        if self.thread.join().is_err() {
            tracing::error!("the control thread had panicked");
        }
    }
}

async fn run(
    mut log: impl CommandLog,
    mut waiting: Receiver<Proposal>,
    mut stopping: oneshot::Receiver<()>,
    publish: Publish,
) {
    let mut batch = Vec::with_capacity(BATCH_COMMANDS_MAX);
    loop {
        let received = poll_fn(|context| {
            // Ready also when `Control` was dropped without `stop`: that is a stop, too. Closing
            // keeps what is already queued.
            if !waiting.is_closed() && Pin::new(&mut stopping).poll(context).is_ready() {
                waiting.close();
            }
            waiting.poll_recv_many(context, &mut batch, BATCH_COMMANDS_MAX)
        })
        .await;
        if received == 0 {
            return;
        }
        carry_out(&mut log, &mut batch, &publish).await;
    }
}

async fn carry_out(log: &mut impl CommandLog, batch: &mut Vec<Proposal>, publish: &Publish) {
    let before = log.image().index;
    let commands = batch.iter_mut().filter_map(|p| p.command.take()).collect();
    let answers = log.propose(commands).await;
    let image = log.image();
    if image.index != before {
        publish(image);
    }
    match answers {
        Ok(answers) => {
            for (proposal, answer) in batch.drain(..).zip(answers) {
                proposal.answer(answer.map_err(ClusterError::from));
            }
        }
        Err(error) => {
            for proposal in batch.drain(..) {
                proposal.answer(Err(error.clone()));
            }
        }
    }
}
