//! What several handlers ask of topics and brokers.

use naru_engine::log::LogError;
use naru_wire::{ErrorCode, Str};

use crate::cluster::{ClusterError, ClusterImage, Refusal, TopicRef, check_topic_name};
use crate::partition::PartitionId;
use crate::shard::Shard;

/// What a client may do with a topic where nobody is asked who they are: bits of `AclOperation`,
/// as Kafka answers without an authorizer.
pub const TOPIC_OPERATIONS: i32 = 0x0df8;
/// The same of the cluster.
pub const CLUSTER_OPERATIONS: i32 = 0x1fa0;

/// Why there is no topic of this name.
pub fn topic_error(name: &str) -> ErrorCode {
    match check_topic_name(name) {
        Ok(()) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    }
}

/// A broker as the clients of one listener reach it.
pub struct AdvertisedBroker {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
}

/// The brokers that have a listener of this name.
pub fn advertised_brokers(image: &ClusterImage, listener: &str) -> Vec<AdvertisedBroker> {
    let brokers = image.brokers().filter_map(|broker| {
        let registration = &broker.registration;
        let listeners = &registration.listeners;
        let own = listeners.iter().find(|one| one.name == listener)?;
        Some(AdvertisedBroker {
            node_id: registration.node_id,
            host: Str::from(&own.host),
            port: i32::from(own.port),
            rack: registration.rack.as_ref().map(Str::from),
        })
    });
    brokers.collect()
}

/// Why a partition's log did not do what it was asked for. A topic that was deleted meanwhile
/// closes its logs; that is no failure of the disk.
pub fn log_error_code(shard: &Shard, id: PartitionId, error: &LogError) -> ErrorCode {
    let is_closed = matches!(error, LogError::Closed { .. });
    if is_closed && shard.image().topic(TopicRef::Id(id.topic_id)).is_none() {
        return ErrorCode::UnknownTopicOrPartition;
    }
    ErrorCode::KafkaStorageError
}

/// The error code of a command that was not carried out.
pub fn cluster_error_code(error: &ClusterError) -> ErrorCode {
    match error {
        ClusterError::Refused(refusal) => match refusal {
            Refusal::TopicAlreadyExists(_) => ErrorCode::TopicAlreadyExists,
            Refusal::InvalidTopic(_) => ErrorCode::InvalidTopicException,
            Refusal::InvalidPartitions(_) => ErrorCode::InvalidPartitions,
            Refusal::InvalidReplicationFactor(_) => ErrorCode::InvalidReplicationFactor,
            Refusal::InvalidReplicaAssignment(_) => ErrorCode::InvalidReplicaAssignment,
            Refusal::InvalidConfig(_) => ErrorCode::InvalidConfig,
            Refusal::BrokerNotRegistered(_) => ErrorCode::BrokerIdNotRegistered,
            Refusal::FeaturesChanged => ErrorCode::FeatureUpdateFailed,
            Refusal::UnknownTopicId => ErrorCode::UnknownTopicId,
            Refusal::ClusterIdAlreadySet(_) | Refusal::InvalidRequest(_) => {
                ErrorCode::InvalidRequest
            }
        },
        ClusterError::Fenced { .. } | ClusterError::NoRoom => ErrorCode::KafkaStorageError,
        // What Kafka's brokers answer when the controller has not told them what came of it.
        ClusterError::OutcomeUnknown { .. } => ErrorCode::RequestTimedOut,
        ClusterError::Busy { .. } => ErrorCode::ThrottlingQuotaExceeded,
        ClusterError::Stopped => ErrorCode::NotController,
    }
}
