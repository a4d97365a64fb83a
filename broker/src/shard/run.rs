//! The life of a shard's thread: made, recovered, listening, drained, closed.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use naru_engine::log::{Fence, Shared, TailBudget};
use naru_runtime::{Handle, MaintenanceHandle};

use super::lag::ProduceRates;
use super::{Lanes, Mesh, RemoteShard, Shard};
use crate::cluster::ControlHandle;
use crate::config::BrokerConfig;
use crate::coordinator::transactions::TransactionCoordinators;
use crate::coordinator::{Coordinators, group_config};
use crate::memory::MemoryBudget;
use crate::partition::{FetchSessions, Partitions, RemoteWaits, ShardId};
use crate::validators::Validators;

/// How long connections may take to finish what they are doing when the broker stops.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// What a shard is made of that other threads have too.
#[derive(Clone)]
pub struct Parts {
    pub config: Arc<BrokerConfig>,
    pub control: ControlHandle,
    pub maintenance: MaintenanceHandle,
    pub memory: MemoryBudget,
    pub validators: Validators,
    pub fence: Fence,
    pub lanes: Arc<Lanes<Shard>>,
    /// Memory for the tails of this shard's logs, in bytes.
    pub tail_bytes: usize,
    /// Files of segments that are written that this shard keeps open; a moment later, no more.
    pub open_files_max: usize,
}

/// Makes a shard on its own thread.
pub fn build(
    id: ShardId,
    io: &Handle,
    parts: Parts,
    remotes: Vec<RemoteShard<Shard>>,
) -> Rc<Shard> {
    let image = parts.control.images().newest();
    let sessions_max = parts.config.limits.fetch_sessions_max as usize;
    let fetch_sessions = FetchSessions::new(sessions_max.div_ceil(remotes.len()));
    let effective = RefCell::new(Arc::clone(&parts.config));
    let groups = group_config(&parts.config.groups, []);
    let shard = Rc::new(Shard {
        id,
        io: io.clone(),
        mesh: Mesh::new(id, &parts.lanes, remotes),
        config: parts.config,
        control: parts.control,
        maintenance: parts.maintenance,
        memory: parts.memory,
        validators: parts.validators,
        connections: Rc::default(),
        metrics: Rc::default(),
        logs: Shared {
            fence: parts.fence,
            tails: Rc::new(TailBudget::new(parts.tail_bytes)),
        },
        open_files_max: parts.open_files_max,
        partitions: Partitions::default(),
        remote_waits: RemoteWaits::default(),
        coordinators: Rc::new(Coordinators::new(io.clone(), groups)),
        transactions: Rc::new(TransactionCoordinators::new(io.clone())),
        produce_rates: ProduceRates::default(),
        fetch_sessions: RefCell::new(fetch_sessions),
        end: Rc::default(),
        image: RefCell::new(image),
        effective,
        topic_configs: RefCell::new(HashMap::new()),
        producer_ids: Cell::new((0, 0)),
    });
    let drained = Rc::clone(&shard);
    io.on_turn(Box::new(move || drained.mesh.drain(&drained)));
    shard
}

impl Shard {
    /// Recovers what there is, and takes the image that the broker starts with; from here on,
    /// the shard follows the changes.
    pub async fn prepare(self: &Rc<Self>) {
        let images = self.control.images().subscribe();
        let image = Arc::clone(images.image());
        self.image.replace(Arc::clone(&image));
        self.take_broker_configs();
        self.tell_groups_of_configs();
        self.recover_all(&image).await;
        self.take_all().await;
        self.load_coordinators();
        self.load_transactions();
        self.io.spawn(Rc::clone(&self.coordinators).keep_time());
        self.io.spawn(Rc::clone(self).keep_transactions());
        self.io.spawn(Rc::clone(self).follow_images(images));
        self.io.spawn(Rc::clone(self).sweep_connections());
        self.io.spawn(Rc::clone(self).keep_logs());
        self.io.spawn(Rc::clone(self).bound_files());
        self.io.spawn(Rc::clone(self).keep_rates());
        self.io.spawn(Rc::clone(self).clean_logs());
    }

    /// Lets connections finish, and closes those that do not.
    pub async fn drain(self: &Rc<Self>) {
        self.connections.start_draining();
        let closed = self.connections.all_closed();
        if self.io.timeout(DRAIN_MAX, closed).await.is_err() {
            tracing::warn!(
                "{} connections did not finish in {DRAIN_MAX:?} and are closed",
                self.connections.len()
            );
            self.connections.shutdown_all();
            let closed = self.connections.all_closed();
            let _ = self.io.timeout(Duration::from_secs(1), closed).await;
        }
    }
}
