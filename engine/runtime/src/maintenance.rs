//! The maintenance thread: glommio's executor for work that answers no client.
//!
//! Jobs come in through a bounded queue, with a byte on a socket pair to wake the thread,
//! which waits for it on its own ring and costs nothing while there is none. A job runs
//! beside the others on that thread; its result goes to a callback, on that thread too.
//!
//! A simulated machine has a maintenance thread as well ([`MaintenanceHandle::simulated`]),
//! where jobs find the machine's disk.

use std::fmt;
use std::fs;
use std::future::Future;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use crossbeam::queue::ArrayQueue;
use glommio::io::DmaFile;
use glommio::{LocalExecutor, LocalExecutorBuilder, Placement};
use nix::sys::socket::{MsgFlags, recv};

use super::backend::Backend;
use super::disk::BLOCK_BYTES;
use super::either_disk::EitherDisk;
use super::glommio_disk::GlommioDisk;
use super::ring::{set_niceness, to_glommio};
use super::runtime::Handle;
use super::wake::RemoteWaker;

const THREAD_NAME: &str = "naru-maintenance";

/// Jobs that wait to be started.
const JOBS_MAX: usize = 4096;

/// Memory that glommio registers with its rings, in bytes. A user may lock 8 MB by default.
const IO_MEMORY_BYTES: usize = 2 << 20;

/// Entries of each of glommio's rings.
const RING_ENTRIES: usize = 64;

/// Below the shards, above nothing: 19 would starve under load for minutes.
const NICENESS: i32 = 10;

/// What glommio reads when it decides whether a device can be polled.
const PROBE_NAME: &str = ".naru-probe";

/// The disk as jobs see it. Works only on their thread.
pub type MaintenanceDisk = EitherDisk<GlommioDisk>;

type Job = Box<dyn FnOnce(MaintenanceDisk) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// Why a job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MaintenanceError {
    #[error("{JOBS_MAX} maintenance jobs are waiting already")]
    Full,
    #[error("the maintenance thread has ended")]
    Stopped,
}

/// How the thread is told that there is a job.
enum Alarm {
    /// The other end is waited for by glommio.
    Socket(UnixStream),
    Simulated(RemoteWaker),
}

struct Shared {
    jobs: ArrayQueue<Job>,
    alarm: Alarm,
    is_stopped: AtomicBool,
}

impl Shared {
    fn new(alarm: Alarm) -> Arc<Self> {
        Arc::new(Self {
            jobs: ArrayQueue::new(JOBS_MAX),
            alarm,
            is_stopped: AtomicBool::new(false),
        })
    }

    fn wake(&self) {
        match &self.alarm {
            // A full socket means that a byte is on its way already.
            Alarm::Socket(socket) => drop((&mut &*socket).write(&[1])),
            Alarm::Simulated(waker) => waker.wake(),
        }
    }
}

/// Sends jobs to the maintenance thread, from any thread.
#[derive(Clone)]
pub struct MaintenanceHandle {
    shared: Arc<Shared>,
}

/// The maintenance thread. Dropping it drops the jobs that are not finished (they must be
/// ready for a crash at any point anyway) and joins the thread.
pub struct Maintenance {
    handle: MaintenanceHandle,
    thread: Option<thread::JoinHandle<()>>,
}

impl Maintenance {
    /// Starts the thread. `directories` are those that jobs will work on: a probe file in
    /// each tells glommio what its device can do.
    pub fn start(directories: &[PathBuf]) -> io::Result<Self> {
        let probes = directories
            .iter()
            .map(|directory| write_probe(directory))
            .collect::<io::Result<Vec<_>>>()?;
        let (alarm, bell) = UnixStream::pair()?;
        alarm.set_nonblocking(true)?;
        let shared = Shared::new(Alarm::Socket(alarm));
        let handle = MaintenanceHandle {
            shared: Arc::clone(&shared),
        };
        let (report, started) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name(THREAD_NAME.to_owned())
            .spawn(move || {
                let _stop = StopGuard(Arc::clone(&shared));
                match make_executor() {
                    Ok(executor) => executor.run(async {
                        probe(&probes).await;
                        let _ = report.send(Ok(()));
                        work(&shared, bell).await;
                    }),
                    Err(error) => {
                        let _ = report.send(Err(error));
                    }
                }
            })?;
        let outcome = started
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the maintenance thread died at start")));
        outcome?;
        Ok(Self {
            handle,
            thread: Some(thread),
        })
    }

    pub fn handle(&self) -> MaintenanceHandle {
        self.handle.clone()
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        self.handle.shared.is_stopped.store(true, Ordering::Release);
        self.handle.shared.wake();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a maintenance job panicked");
        }
    }
}

impl MaintenanceHandle {
    /// Lets a thread of a simulated machine do the jobs.
    ///
    /// # Panics
    /// On a ring: jobs would hold up whatever else it does.
    pub fn simulated(thread: &Handle) -> Self {
        let Backend::Sim(seat) = thread.backend() else {
            panic!("a ring does no maintenance");
        };
        let disk = seat.disk().clone();
        let shared = Shared::new(Alarm::Simulated(thread.waker()));
        let (jobs, spawner) = (Arc::clone(&shared), thread.clone());
        thread.on_turn(Box::new(move || {
            let mut has_progress = false;
            while let Some(job) = jobs.jobs.pop() {
                spawner.spawn(job(EitherDisk::Sim(disk.clone())));
                has_progress = true;
            }
            has_progress
        }));
        Self { shared }
    }

    /// Runs `job` on the maintenance thread and gives its result to `done`, there. Neither
    /// runs when the thread is stopped before.
    pub fn submit<T, F>(
        &self,
        job: impl FnOnce(MaintenanceDisk) -> F + Send + 'static,
        done: impl FnOnce(T) + Send + 'static,
    ) -> Result<(), MaintenanceError>
    where
        T: 'static,
        F: Future<Output = T> + 'static,
    {
        if self.shared.is_stopped.load(Ordering::Acquire) {
            return Err(MaintenanceError::Stopped);
        }
        let job: Job = Box::new(move |disk| Box::pin(async move { done(job(disk).await) }));
        self.shared
            .jobs
            .push(job)
            .map_err(|_| MaintenanceError::Full)?;
        // Ended in between: nobody would ever take it out, so its caller must not wait.
        if self.shared.is_stopped.load(Ordering::Acquire) {
            while self.shared.jobs.pop().is_some() {}
            return Err(MaintenanceError::Stopped);
        }
        self.shared.wake();
        Ok(())
    }
}

/// Marks the thread as ended, also when a job panics.
struct StopGuard(Arc<Shared>);

impl Drop for StopGuard {
    fn drop(&mut self) {
        self.0.is_stopped.store(true, Ordering::Release);
        while self.0.jobs.pop().is_some() {}
    }
}

fn make_executor() -> io::Result<LocalExecutor> {
    if let Err(error) = set_niceness(NICENESS) {
        tracing::warn!(%error, "the maintenance thread keeps its priority");
    }
    LocalExecutorBuilder::new(Placement::Unbound)
        .name(THREAD_NAME)
        .io_memory(IO_MEMORY_BYTES)
        .ring_depth(RING_ENTRIES)
        .make()
        .map_err(|error| {
            io::Error::other(format!(
                "glommio does not start: {error}; it locks about {} KiB of memory: raise \
                 LimitMEMLOCK= in the systemd unit (`ulimit -l`)",
                IO_MEMORY_BYTES / 1024
            ))
        })
}

/// glommio decides once per device whether reads can be polled, by reading byte 0 of the
/// first file that it opens there. An empty or unflushed file answers from memory, and
/// every later read fails with `EOPNOTSUPP`; so this one has a flushed block.
fn write_probe(directory: &Path) -> io::Result<PathBuf> {
    let path = directory.join(PROBE_NAME);
    let mut file = fs::File::create(&path)?;
    file.write_all(&[b'n'; BLOCK_BYTES])?;
    file.sync_all()?;
    Ok(path)
}

async fn probe(paths: &[PathBuf]) {
    for path in paths {
        // A file system without direct I/O has nothing to decide.
        if let Ok(file) = DmaFile::open(path).await {
            let _ = file.close().await;
        }
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!(path = %path.display(), %error, "a probe file stays behind");
        }
    }
}

async fn work(shared: &Shared, bell: UnixStream) {
    let Ok(drain) = bell.try_clone() else {
        tracing::error!("no descriptor for the maintenance thread's queue");
        return;
    };
    let bell = to_glommio(bell);
    let disk = EitherDisk::Real(GlommioDisk::new());
    let mut bytes = [0; 512];
    while !shared.is_stopped.load(Ordering::Acquire) {
        while let Some(job) = shared.jobs.pop() {
            glommio::spawn_local(job(disk.clone())).detach();
        }
        // Peeked by glommio, which waits on its ring, then taken before the queue is
        // looked at: a byte that comes in between is found by the next peek.
        if let Err(error) = bell.peek(&mut bytes[..1]).await {
            tracing::error!(%error, "the maintenance thread cannot wait for jobs");
            return;
        }
        let _ = recv(drain.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT);
    }
}

impl fmt::Debug for Maintenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}

impl fmt::Debug for MaintenanceHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Maintenance")
            .field("jobs_waiting", &self.shared.jobs.len())
            .finish_non_exhaustive()
    }
}
