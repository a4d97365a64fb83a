//! The broker on one machine of a simulation: the same control actor, shards and jobs, each on a
//! simulated thread.
//!
//! What it leaves out is what a simulation has no use for: the lock on the directory, signals,
//! cores, and the search for free addresses.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use naru_runtime::sim::Machine;
use naru_runtime::{Disk, Handle, MaintenanceHandle};

use super::assembly::{Assembly, parts};
use super::error::StartError;
use crate::cluster::{Control, DIRECTORY, SingleNode, Stop, random_cluster_id};
use crate::config::BrokerConfig;
use crate::partition::ShardId;
use crate::shard::{RemoteShard, build};
use crate::validators::Validators;

/// A running broker. Dropping it changes nothing: the machine's process goes on until it ends.
pub struct SimulatedServer {
    assembly: Assembly,
    control: Stop,
}

impl SimulatedServer {
    /// Starts a broker on new threads of `machine`, where none runs.
    pub async fn start(machine: &Machine, config: BrokerConfig) -> Result<Self, StartError> {
        let config = Arc::new(config);
        let io = machine.thread();
        let data_dir = &config.data_dir;
        let made = make_durably(&io, data_dir).await;
        made.map_err(|cause| StartError::DataDirectory {
            path: data_dir.display().to_string(),
            cause,
        })?;
        let directory = data_dir.join(DIRECTORY);
        let cluster_id = random_cluster_id(|| io.random_u128());
        let log = SingleNode::open(io.clone(), &directory, config.node_id, &cluster_id).await?;
        let (control, handle, stop) = Control::new(log);
        io.spawn(control.run(io.clone()));

        let maintenance = MaintenanceHandle::simulated(&machine.thread());
        let parts = parts(&config, handle.clone(), maintenance, Validators::inline());
        let threads: Vec<Handle> = (0..config.naru.shards).map(|_| machine.thread()).collect();
        let remotes: Vec<_> = threads
            .iter()
            .map(|thread| RemoteShard::new(thread.waker()))
            .collect();
        for (index, thread) in threads.iter().enumerate() {
            build(ShardId::new(index), thread, parts.clone(), remotes.clone());
        }
        let listeners = config.listeners.iter();
        let addresses = listeners.map(|l| SocketAddr::new(machine.address(), l.bind_port));
        let assembly = Assembly {
            addresses: addresses.collect(),
            config: Arc::clone(&config),
            control: handle,
            shards: remotes,
        };
        let incarnation = uuid::Builder::from_random_bytes(io.random_u128().to_be_bytes());
        assembly.bring_up(incarnation.into_uuid()).await?;
        Ok(Self {
            assembly,
            control: stop,
        })
    }

    /// Stops the broker as [`super::Server::stop`] does. Its threads idle until their process ends.
    pub async fn stop(self) {
        self.assembly.take_down().await;
        self.control.stop();
    }
}

/// Makes a directory, and its name durable.
async fn make_durably(io: &Handle, directory: &Path) -> io::Result<()> {
    io.create_dir_all(directory).await?;
    for ancestor in directory.ancestors().skip(1) {
        io.sync_dir(ancestor).await?;
    }
    Ok(())
}
