//! The broker on threads of its own: starts them in order, and stops them in order.
//!
//! First the directory is locked and its metadata read (control thread); last, when logs are
//! closed, the threads end.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use naru_runtime::sync::Notify;
use naru_runtime::{
    Maintenance, RemoteWaker, RingConfig, Runtime, ignore_sigxfsz, set_pool_bytes_max,
};
use nix::sys::resource::{Resource, getrlimit};
use uuid::Uuid;

use super::assembly::{Assembly, parts, shares};
use super::error::StartError;
use crate::admin::{AdminServer, BrokerParts, Phase, Progress};
use crate::cluster::ControlThread;
use crate::config::BrokerConfig;
use crate::partition::ShardId;
use crate::shard::{Parts, RemoteShard, Shard, build};
use crate::validators::Validators;

/// Threads that check what takes long. They get what the shards leave of the cores.
const VALIDATORS: usize = 2;

/// How long an address may take to become free, and how often it is looked at.
const BIND_MAX: Duration = Duration::from_secs(3);
const BIND_RETRY_AFTER: Duration = Duration::from_millis(20);

/// The part of the process's file descriptors that logs may have open to be written; connections,
/// readers and all else have the rest.
const OPEN_FILES_SHARE: u64 = 4;

/// A running broker.
pub struct Server {
    control: ControlThread,
    maintenance: Maintenance,
    assembly: Assembly,
    admin: Option<AdminServer>,
    progress: Arc<Progress>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    pub fn start(config: BrokerConfig) -> Result<Self, StartError> {
        ignore_sigxfsz().map_err(StartError::Signals)?;
        let config = Arc::new(config);
        let data_dir = config.data_dir.clone();
        make_durably(&data_dir).map_err(|cause| StartError::DataDirectory {
            path: data_dir.display().to_string(),
            cause,
        })?;
        let addresses = find_addresses(&config)?;
        let admin = config.admin_listener.as_ref();
        let admin = admin.map(|admin| bind("naru.admin.listener", &admin.host, admin.port));
        let admin = admin.transpose()?;

        let control = ControlThread::start(&data_dir, config.node_id)?;
        let maintenance =
            Maintenance::start(std::slice::from_ref(&data_dir)).map_err(StartError::Maintenance)?;
        let count = config.naru.shards;
        set_pool_bytes_max(shares(&config).pool);
        let validators = Validators::start(VALIDATORS).map_err(StartError::Validators)?;
        let parts = Parts {
            open_files_max: open_files_max() / count,
            ..parts(&config, control.handle(), maintenance.handle(), validators)
        };
        let (shards, threads) = start_shards(count, &parts)?;
        // From here on it can be asked how far the start is.
        let progress = Arc::new(Progress::default());
        let admin = admin.map(|listener| {
            let parts = BrokerParts {
                config: Arc::clone(&config),
                control: control.handle(),
                memory: parts.memory.clone(),
                shards: shards.clone(),
                fence: parts.fence.clone(),
                progress: Arc::clone(&progress),
            };
            AdminServer::start(listener, parts).map_err(StartError::Admin)
        });
        let admin = admin.transpose()?;
        let assembly = Assembly {
            config,
            control: control.handle(),
            shards,
            addresses,
        };
        wait_for(assembly.bring_up(Uuid::new_v4()))?;
        progress.enter(Phase::Serving);
        Ok(Self {
            control,
            maintenance,
            assembly,
            admin,
            progress,
            threads,
        })
    }

    /// The addresses that the broker listens on, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.assembly.addresses
    }

    /// Where HTTP is served, if it is.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(AdminServer::address)
    }

    /// Stops the broker: nothing acknowledged is lost, and the next start reads no log.
    pub fn stop(self) {
        self.progress.enter(Phase::Stopping);
        wait_for(self.assembly.take_down());
        // It asks shards, so it goes before their threads do.
        if let Some(admin) = self.admin {
            admin.stop();
        }
        self.control.stop();
        for shard in &self.assembly.shards {
            shard.run(|shard| shard.end.notify_all());
        }
        for thread in self.threads {
            let _ = thread.join();
        }
        drop(self.maintenance);
    }
}

/// How many logs may have the files open that they write. A limit that cannot be read is none.
fn open_files_max() -> usize {
    let limit = getrlimit(Resource::RLIMIT_NOFILE);
    let share = limit.map_or(u64::MAX, |(soft, _)| soft / OPEN_FILES_SHARE);
    usize::try_from(share).unwrap_or(usize::MAX)
}

/// Makes a directory and its missing parents, so that they survive a power cut.
fn make_durably(directory: &Path) -> io::Result<()> {
    let missing = directory.ancestors().take_while(|at| !at.exists());
    let parents: Vec<&Path> = missing.filter_map(Path::parent).collect();
    std::fs::create_dir_all(directory)?;
    for parent in parents {
        let is_relative = parent.as_os_str().is_empty();
        let parent = if is_relative { Path::new(".") } else { parent };
        std::fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// The addresses to listen on. Each is bound once, alone, to see that nobody else has it:
/// the shards share it with SO_REUSEPORT, and another broker could slip in unseen.
fn find_addresses(config: &BrokerConfig) -> Result<Vec<SocketAddr>, StartError> {
    let find = |listener: &crate::config::Listener| {
        let (host, port) = (listener.bind_host.as_str(), listener.bind_port);
        let probe = bind("listeners", host, port)?;
        probe.local_addr().map_err(|cause| StartError::Listen {
            key: "listeners",
            address: format!("{host}:{port}"),
            cause,
        })
    };
    config.listeners.iter().map(find).collect()
}

/// Binds an address of the config `key`; an empty host is every address.
fn bind(key: &'static str, host: &str, port: u16) -> Result<TcpListener, StartError> {
    let failed = |cause| StartError::Listen {
        key,
        address: format!("{host}:{port}"),
        cause,
    };
    let address = if host.is_empty() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)
    } else {
        let mut found = (host, port).to_socket_addrs().map_err(failed)?;
        found
            .next()
            .ok_or_else(|| failed(io::ErrorKind::AddrNotAvailable.into()))?
    };
    bind_alone(address).map_err(failed)
}

/// Binds an address that nobody else has. A broker that was killed a moment ago keeps its
/// sockets until the kernel has taken its rings down, so this is tried for a while.
fn bind_alone(address: SocketAddr) -> io::Result<TcpListener> {
    let begun = Instant::now();
    loop {
        match TcpListener::bind(address) {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse && begun.elapsed() < BIND_MAX =>
            {
                std::thread::sleep(BIND_RETRY_AFTER);
            }
            other => return other,
        }
    }
}

/// Waits, on a thread that has nothing else to do, for what other threads do.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

type Started = (Vec<RemoteShard<Shard>>, Vec<JoinHandle<()>>);

/// Starts the shards' threads; each can be reached when this returns.
fn start_shards(count: usize, parts: &Parts) -> Result<Started, StartError> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let mut threads = Vec::with_capacity(count);
    let mut starts = Vec::with_capacity(count);
    for index in 0..count {
        let (waker_out, waker_in) = mpsc::channel();
        let (remotes_out, remotes_in) = mpsc::channel();
        let parts = parts.clone();
        let core = cores.get(index % cores.len().max(1)).copied();
        let core = core.filter(|_| parts.config.naru.pin_shards);
        let thread = std::thread::Builder::new()
            .name(format!("naru-shard-{index}"))
            .spawn(move || {
                if let Some(core) = core {
                    core_affinity::set_for_current(core);
                }
                run_shard(ShardId::new(index), parts, &waker_out, &remotes_in);
            })
            .map_err(|cause| StartError::Shard {
                shard: index,
                cause,
            })?;
        threads.push(thread);
        starts.push((waker_in, remotes_out));
    }
    let mut remotes = Vec::with_capacity(count);
    for (index, (waker, _)) in starts.iter().enumerate() {
        let gone = || io::Error::other("its thread has ended");
        let waker = waker.recv().unwrap_or_else(|_| Err(gone()));
        remotes.push(RemoteShard::new(waker.map_err(|cause| {
            StartError::Shard {
                shard: index,
                cause,
            }
        })?));
    }
    for (_, out) in &starts {
        let _ = out.send(remotes.clone());
    }
    Ok((remotes, threads))
}

fn run_shard(
    id: ShardId,
    parts: Parts,
    waker: &Sender<io::Result<RemoteWaker>>,
    remotes: &Receiver<Vec<RemoteShard<Shard>>>,
) {
    let runtime = match Runtime::new(RingConfig::default()) {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = waker.send(Err(error));
            return;
        }
    };
    let io = runtime.handle();
    let _ = waker.send(Ok(io.waker()));
    let Ok(remotes) = remotes.recv() else { return };
    let shard = build(id, &io, parts, remotes);
    let end: Rc<Notify> = Rc::clone(&shard.end);
    runtime.run(async move { end.wait().await });
}
