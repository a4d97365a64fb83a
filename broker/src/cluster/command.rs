//! The commands: everything that can happen to the cluster's metadata.
//!
//! They are live types: they may change with the code. What the log holds of them is in `stored`.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::features::FeatureLevel;
use super::resource::ConfigResource;

/// A change that is asked for. Whether it happens, [`super::ClusterState::apply`] decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Names the cluster, once.
    SetClusterId {
        cluster_id: String,
    },
    /// A broker has started. One that comes back with another incarnation gets a new leader epoch
    /// for each partition that it leads, so that clients ask where their logs part (KIP-320).
    RegisterBroker(BrokerRegistration),
    CreateTopic {
        name: String,
        topic_id: Uuid,
        /// In the order of their numbers, from 0.
        partitions: Vec<Partition>,
        /// Already checked by `config::topic::check`.
        configs: BTreeMap<String, String>,
    },
    DeleteTopic {
        topic_id: Uuid,
    },
    /// IncrementalAlterConfigs of a topic; the values are already checked.
    AlterTopicConfigs {
        topic_id: Uuid,
        changes: Vec<ConfigChange>,
        /// Forget what `changes` does not name, as the older AlterConfigs does.
        replace: bool,
    },
    /// Adds partitions after those that there are.
    CreatePartitions {
        topic_id: Uuid,
        /// How many partitions the proposer saw; another number by now is a refusal.
        partitions_before: u32,
        added: Vec<Partition>,
    },
    /// Reserves producer ids for a broker to hand out.
    AllocateProducerIds {
        count: u32,
    },
    /// Finalizes levels of features (KIP-584), already checked by `features::check_update`; what
    /// is not named stays.
    SetFeatureLevels {
        /// [`super::FinalizedFeatures::epoch`] as the proposer saw it; another one by now is a
        /// refusal, as the check was of other levels.
        epoch_before: i64,
        levels: Vec<FeatureLevel>,
    },
    /// Sets what brokers are told while they run; the values are already checked.
    AlterBrokerConfigs {
        /// `None` for the default of all brokers, over which a broker's own goes.
        node_id: Option<i32>,
        changes: Vec<ConfigChange>,
        /// Forget what `changes` does not name, as the older AlterConfigs does.
        replace: bool,
    },
    /// Sets configs of a group, or of a subscription of clients' metrics; already checked.
    AlterResourceConfigs {
        resource: ConfigResource,
        changes: Vec<ConfigChange>,
        /// Forget what `changes` does not name, as the older AlterConfigs does.
        replace: bool,
    },
    /// Forgets a broker that does not come back.
    UnregisterBroker {
        node_id: i32,
    },
}

/// Sets one config of a topic or a broker; `None` goes back to the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigChange {
    pub key: String,
    pub value: Option<String>,
}

/// Who holds a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Node ids; the first is the preferred leader.
    pub replicas: Vec<i32>,
    /// The replicas that have all committed records.
    pub isr: Vec<i32>,
    /// -1 where no replica can lead.
    pub leader: i32,
    pub leader_epoch: i32,
    /// Counts every change of leader or ISR.
    pub partition_epoch: i32,
}

impl Partition {
    /// A new partition: all replicas are in sync, the first one leads.
    pub fn new(replicas: Vec<i32>) -> Self {
        Self {
            isr: replicas.clone(),
            leader: replicas.first().copied().unwrap_or(-1),
            leader_epoch: 0,
            partition_epoch: 0,
            replicas,
        }
    }
}

/// A broker as it presents itself at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerRegistration {
    pub node_id: i32,
    /// Random at each start of the process.
    pub incarnation: Uuid,
    pub listeners: Vec<BrokerListener>,
    pub rack: Option<String>,
}

/// An address that clients are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerListener {
    pub name: String,
    pub host: String,
    pub port: u16,
}
