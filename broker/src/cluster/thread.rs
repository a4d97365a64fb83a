//! The control thread: the control actor on a ring of its own, in production.

use std::path::Path;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use naru_runtime::{Handle, RingConfig, Runtime};

use super::DIRECTORY;
use super::control::{Control, ControlHandle, Stop};
use super::error::StorageError;
use super::ids::random_cluster_id;
use super::images::Images;
use super::lock::DirectoryLock;
use super::single_node::SingleNode;

/// How long shards may take over an image before the log says that something is wrong.
const SLOW_AFTER: Duration = Duration::from_secs(10);

/// The running control thread.
pub struct ControlThread {
    handle: ControlHandle,
    stop: Stop,
    thread: JoinHandle<()>,
    /// Keeps other processes out of the directory.
    _lock: DirectoryLock,
}

type Opened = Result<(ControlHandle, Stop), StorageError>;

impl ControlThread {
    /// Opens the metadata under `data_dir` (its directory [`DIRECTORY`]), gives a new cluster its
    /// id, and starts the thread.
    pub fn start(data_dir: &Path, node_id: i32) -> Result<Self, StorageError> {
        let directory = data_dir.join(DIRECTORY);
        let lock = DirectoryLock::take(&directory)?;
        let (opened, open) = mpsc::channel();
        let thread = {
            let directory = directory.clone();
            let thread = thread::Builder::new().name("naru-control".into());
            thread.spawn(move || run(&directory, node_id, &opened))
        };
        let thread = thread.map_err(StorageError::io("start the thread for", &directory))?;
        let ended = || StorageError::Io {
            action: "open",
            path: directory.clone(),
            source: std::io::Error::other("the control thread has ended"),
        };
        let (handle, stop) = open.recv().unwrap_or_else(|_| Err(ended()))?;
        Ok(Self {
            handle,
            stop,
            thread,
            _lock: lock,
        })
    }

    pub fn handle(&self) -> ControlHandle {
        self.handle.clone()
    }

    /// Carries out what is waiting, takes nothing more, and ends the thread. Handles that are
    /// still held answer [`super::ClusterError::Stopped`] from here on.
    pub fn stop(self) {
        self.stop.stop();
        if self.thread.join().is_err() {
            tracing::error!("the control thread had panicked");
        }
    }
}

fn run(directory: &Path, node_id: i32, opened: &mpsc::Sender<Opened>) {
    let runtime = match Runtime::new(RingConfig::default()) {
        Ok(runtime) => runtime,
        Err(error) => {
            let failed = StorageError::io("make a ring for", directory)(error);
            let _ = opened.send(Err(failed));
            return;
        }
    };
    let io = runtime.handle();
    let cluster_id = random_cluster_id(|| io.random_u128());
    let open = SingleNode::open(io.clone(), directory, node_id, &cluster_id);
    let log = match runtime.run(open) {
        Ok(log) => log,
        Err(error) => {
            let _ = opened.send(Err(error));
            return;
        }
    };
    let (control, handle, stop) = Control::new(log);
    io.spawn(watch_shards(handle.images().clone(), io.clone()));
    let _ = opened.send(Ok((handle, stop)));
    runtime.run(control.run(io));
}

/// Says when a shard does not take an image: the answers of those who change metadata wait for it.
async fn watch_shards(images: Images, io: Handle) {
    loop {
        let index = images.newest().index;
        io.sleep(SLOW_AFTER).await;
        if !images.is_applied(index) {
            tracing::error!(
                "a shard has not taken the metadata of index {index} in {SLOW_AFTER:?}; changes of \
                 topics wait for it"
            );
        }
    }
}
