//! What is done with all shards, in which order, whatever they run on.
//!
//! Up: logs are recovered by the shards, the broker registers itself, and only then does it
//! listen. Down: connections finish, then logs are flushed and closed.

use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use naru_engine::log::Fence;
use naru_runtime::{Listener, MaintenanceHandle, SocketBuffers};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::error::StartError;
use crate::cluster::{BrokerListener, BrokerRegistration, Command, ControlHandle};
use crate::config::BrokerConfig;
use crate::handlers::Requests;
use crate::memory::{MemoryBudget, Shares};
use crate::net::{Network, listen};
use crate::shard::{Lanes, Parts, RemoteShard, Shard, on_every_shard};
use crate::validators::Validators;

/// Kafka's default of 50 makes clients wait a second when many come at once.
const LISTEN_BACKLOG_MIN: u32 = 1024;

/// How the memory that the broker may use is shared out.
pub(super) fn shares(config: &BrokerConfig) -> Shares {
    Shares::of(usize::try_from(config.naru.memory.0).unwrap_or(usize::MAX))
}

/// What all shards are made of.
pub(super) fn parts(
    config: &Arc<BrokerConfig>,
    control: ControlHandle,
    maintenance: MaintenanceHandle,
    validators: Validators,
) -> Parts {
    let shares = shares(config);
    let shards = config.naru.shards;
    Parts {
        control,
        maintenance,
        memory: MemoryBudget::new(&shares),
        validators,
        fence: Fence::new(config.data_dir.clone()),
        lanes: Arc::new(Lanes::new(shards)),
        tail_bytes: shares.tails / shards,
        open_files_max: usize::MAX,
        config: Arc::clone(config),
    }
}

pub(super) struct Assembly {
    pub config: Arc<BrokerConfig>,
    pub control: ControlHandle,
    pub shards: Vec<RemoteShard<Shard>>,
    /// Where to listen, in the order of the configuration.
    pub addresses: Vec<SocketAddr>,
}

impl Assembly {
    /// `incarnation` tells this start of the broker from all others.
    pub async fn bring_up(&self, incarnation: Uuid) -> Result<(), StartError> {
        self.on_every_shard(async |shard| shard.prepare().await)
            .await;
        self.register(incarnation).await?;
        self.listen().await
    }

    /// Nothing acknowledged is lost, and the next start reads no log.
    pub async fn take_down(&self) {
        self.on_every_shard(async |shard| shard.drain().await).await;
        self.on_every_shard(async |shard| shard.close_logs().await)
            .await;
    }

    async fn on_every_shard<T, F>(
        &self,
        job: impl FnOnce(Rc<Shard>) -> F + Clone + Send + 'static,
    ) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        on_every_shard(&self.shards, job).await
    }

    async fn register(&self, incarnation: Uuid) -> Result<(), StartError> {
        let listeners = self.config.listeners.iter().zip(&self.addresses);
        let listeners = listeners.map(|(listener, address)| BrokerListener {
            name: listener.name.clone(),
            host: listener.advertised_host.clone(),
            port: match listener.advertised_port {
                0 => address.port(),
                port => port,
            },
        });
        let command = Command::RegisterBroker(BrokerRegistration {
            node_id: self.config.node_id,
            incarnation,
            listeners: listeners.collect(),
            rack: self.config.node.rack.clone(),
        });
        let (reply, answer) = oneshot::channel();
        let reply = Box::new(move |outcome| {
            let _ = reply.send(outcome);
        });
        self.control.propose(command, reply);
        match answer.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(StartError::Register(error.to_string())),
            Err(error) => Err(StartError::Register(error.to_string())),
        }
    }

    async fn listen(&self) -> Result<(), StartError> {
        let addresses = self.addresses.clone();
        let results = self
            .on_every_shard(async move |shard| listen_on(&shard, &addresses))
            .await;
        results.into_iter().collect()
    }
}

fn listen_on(shard: &Rc<Shard>, addresses: &[SocketAddr]) -> Result<(), StartError> {
    let backlog = shard.config.network.listen_backlog.max(LISTEN_BACKLOG_MIN);
    let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
    // Kafka's -1 leaves a buffer to the system.
    let config = &shard.config.network;
    let buffers = SocketBuffers {
        send_bytes: usize::try_from(config.send_buffer_bytes).ok(),
        receive_bytes: usize::try_from(config.receive_buffer_bytes).ok(),
    };
    let network = Rc::new(network(shard));
    for (index, address) in addresses.iter().enumerate() {
        let listener = Listener::bind_with(&shard.io, *address, true, backlog, buffers);
        let listener = listener.map_err(|cause| StartError::Listen {
            key: "listeners",
            address: address.to_string(),
            cause,
        })?;
        shard.io.spawn(listen(Rc::clone(&network), listener, index));
    }
    Ok(())
}

fn network(shard: &Rc<Shard>) -> Network<Requests> {
    let limits = &shard.config.limits;
    let shards = shard.mesh.shards();
    let limited = Rc::clone(shard);
    Network {
        io: shard.io.clone(),
        memory: shard.memory.clone(),
        connections: Rc::clone(&shard.connections),
        frame_bytes_max: limits.request_bytes_max as usize,
        connections_max: Box::new(move || {
            let connections_max = limited.config().network.connections_max as usize;
            connections_max.div_ceil(shards)
        }),
        service: Requests::new(Rc::clone(shard)),
    }
}
