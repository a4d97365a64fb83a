//! What one shard holds. Nothing of it is `Send`, so nothing of it needs a lock.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use naru_engine::log::Shared;
use naru_runtime::sync::Notify;
use naru_runtime::{Handle, MaintenanceHandle};
use uuid::Uuid;

use super::lag::ProduceRates;
use super::{Mesh, Meshed};
use crate::cluster::{
    ClusterError, ClusterImage, Command, ControlHandle, Outcome, Topic, TopicRef,
};
use crate::config::{BrokerConfig, Layers, TopicConfig};
use crate::coordinator::Coordinators;
use crate::coordinator::transactions::TransactionCoordinators;
use crate::memory::MemoryBudget;
use crate::metrics::ShardMetrics;
use crate::net::Connections;
use crate::partition::{
    Denial, FetchSessions, Partition, PartitionId, Partitions, RemoteWaits, ShardId,
};
use crate::validators::Validators;

/// Producer ids that a shard reserves at a time (Kafka's block size).
const PRODUCER_IDS_PER_BLOCK: u32 = 1000;

pub struct Shard {
    pub id: ShardId,
    pub io: Handle,
    pub mesh: Mesh<Shard>,
    /// What the broker started with; [`Self::config()`] has what counts now of keys that clients
    /// may set while it runs.
    pub config: Arc<BrokerConfig>,
    pub control: ControlHandle,
    pub maintenance: MaintenanceHandle,
    pub memory: MemoryBudget,
    pub validators: Validators,
    pub connections: Rc<Connections>,
    /// What this shard counts while it serves.
    pub metrics: Rc<ShardMetrics>,
    /// What the logs of this shard share.
    pub logs: Shared,
    /// Files of segments that are written that may be open for long.
    pub(super) open_files_max: usize,
    pub partitions: Partitions,
    pub remote_waits: RemoteWaits,
    pub coordinators: Rc<Coordinators>,
    pub transactions: Rc<TransactionCoordinators>,
    pub(super) produce_rates: ProduceRates,
    pub fetch_sessions: RefCell<FetchSessions>,
    /// Notified when the thread is to end.
    pub end: Rc<Notify>,
    pub(super) image: RefCell<Arc<ClusterImage>>,
    /// `config` under what clients have set since, by the image.
    pub(super) effective: RefCell<Arc<BrokerConfig>>,
    pub(super) topic_configs: RefCell<HashMap<Uuid, Rc<TopicConfig>>>,
    pub(super) producer_ids: Cell<(i64, i64)>,
}

impl Shard {
    /// The newest state of the cluster that this shard has seen.
    pub fn image(&self) -> Arc<ClusterImage> {
        Arc::clone(&self.image.borrow())
    }

    /// The configuration that counts now: what clients have set for this broker, over what they
    /// have set for all, over what it started with. Whoever needs a value of a key that may change
    /// asks again for each use.
    pub fn config(&self) -> Arc<BrokerConfig> {
        Arc::clone(&self.effective.borrow())
    }

    /// Takes what the image says of this broker's configs.
    pub(super) fn take_broker_configs(&self) {
        let image = self.image();
        let layers = Layers {
            file: &self.config,
            cluster: image.broker_configs(None),
            own: image.broker_configs(Some(self.config.node_id)),
        };
        self.effective.replace(Arc::new(layers.effective()));
        self.topic_configs.borrow_mut().clear();
    }

    /// The gate that every request passes on its way to a partition of this shard: see
    /// [`Partitions::leader`].
    pub fn leader(&self, id: PartitionId, client_epoch: i32) -> Result<Rc<Partition>, Denial> {
        self.partitions.leader(id, client_epoch, || {
            let topic = self.image().topic(TopicRef::Id(id.topic_id));
            topic.is_some_and(|topic| topic.partition(id.index).is_some())
        })
    }

    /// The node id of the node that carries commands out, as clients are told; -1 if none is known.
    pub fn controller_id(&self) -> i32 {
        self.control.images().leader().unwrap_or(-1)
    }

    /// The wall clock, in ms since 1970.
    pub fn now_ms(&self) -> i64 {
        self.io.wall_ms()
    }

    /// An id that nothing else has.
    pub fn random_uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.io.random_u128().to_be_bytes()).into_uuid()
    }

    /// The effective settings of a topic.
    pub fn topic_config(&self, topic: &Topic) -> Rc<TopicConfig> {
        if let Some(known) = self.topic_configs.borrow().get(&topic.id) {
            return Rc::clone(known);
        }
        let effective = TopicConfig::effective(&topic.configs, &self.config()).or_else(|error| {
            // Configs are checked before they are proposed; a key that an older broker
            // took must not stop this one.
            tracing::warn!(topic = %topic.name, "the topic's configs are not used: {error}");
            TopicConfig::effective(&Default::default(), &self.config())
        });
        let Ok(effective) = effective else {
            unreachable!("the defaults were checked when the broker started");
        };
        let effective = Rc::new(effective);
        self.topic_configs
            .borrow_mut()
            .insert(topic.id, Rc::clone(&effective));
        effective
    }

    /// Has a command carried out; its effects are in [`Self::image`] when this returns.
    pub async fn propose(&self, command: Command) -> Result<Outcome, ClusterError> {
        let (callback, answer) = self.mesh.callback();
        self.control.propose(command, Box::new(callback));
        answer.await.unwrap_or(Err(ClusterError::Stopped))
    }

    /// A producer id that nobody had before.
    pub async fn next_producer_id(&self) -> Result<i64, ClusterError> {
        loop {
            let (next, end) = self.producer_ids.get();
            if next < end {
                self.producer_ids.set((next + 1, end));
                return Ok(next);
            }
            let count = PRODUCER_IDS_PER_BLOCK;
            let outcome = self.propose(Command::AllocateProducerIds { count }).await?;
            if let Outcome::ProducerIds { first, count } = outcome {
                self.producer_ids.set((first, first + i64::from(count)));
            }
        }
    }
}

impl Meshed for Shard {
    fn mesh(&self) -> &Mesh<Self> {
        &self.mesh
    }

    fn io(&self) -> &Handle {
        &self.io
    }
}
