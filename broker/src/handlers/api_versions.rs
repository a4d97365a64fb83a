//! ApiVersions (v0–v5; KIP-35, KIP-511, KIP-584, KIP-1242): what Naru serves, and the one table
//! that says so.

use naru_wire::api::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use naru_wire::{ApiKey, ErrorCode, encode_response};

use super::dispatch::Context;
use crate::cluster::{ClusterImage, SUPPORTED_FEATURES};
use crate::net::Reply;

/// An API that works, in the versions that work.
struct Served {
    key: ApiKey,
    min: i16,
    max: i16,
    /// The lowest version that clients are told. Produce says 0, or librdkafka stops
    /// compressing (KAFKA-18659); versions below `min` are refused all the same.
    advertised_min: i16,
}

const fn served(key: ApiKey, min: i16, max: i16) -> Served {
    Served {
        key,
        min,
        max,
        advertised_min: min,
    }
}

static SERVED: &[Served] = &[
    Served {
        key: ApiKey::Produce,
        min: 3,
        max: 13,
        advertised_min: 0,
    },
    served(ApiKey::Fetch, 4, 18),
    served(ApiKey::ListOffsets, 1, 11),
    served(ApiKey::Metadata, 0, 13),
    served(ApiKey::OffsetCommit, 2, 10),
    served(ApiKey::OffsetFetch, 1, 10),
    served(ApiKey::FindCoordinator, 0, 6),
    served(ApiKey::JoinGroup, 0, 9),
    served(ApiKey::Heartbeat, 0, 4),
    served(ApiKey::LeaveGroup, 0, 5),
    served(ApiKey::SyncGroup, 0, 5),
    served(ApiKey::DescribeGroups, 0, 6),
    served(ApiKey::ListGroups, 0, 5),
    served(ApiKey::SaslHandshake, 0, 1),
    served(ApiKey::ApiVersions, 0, 5),
    served(ApiKey::CreateTopics, 2, 7),
    served(ApiKey::DeleteTopics, 1, 6),
    served(ApiKey::DeleteRecords, 0, 2),
    served(ApiKey::InitProducerId, 0, 5),
    served(ApiKey::OffsetForLeaderEpoch, 2, 4),
    served(ApiKey::AddPartitionsToTxn, 0, 5),
    served(ApiKey::AddOffsetsToTxn, 0, 4),
    served(ApiKey::EndTxn, 0, 5),
    served(ApiKey::TxnOffsetCommit, 0, 6),
    served(ApiKey::WriteTxnMarkers, 1, 2),
    served(ApiKey::DescribeConfigs, 1, 4),
    served(ApiKey::AlterConfigs, 0, 2),
    served(ApiKey::AlterReplicaLogDirs, 1, 2),
    served(ApiKey::DescribeLogDirs, 1, 5),
    served(ApiKey::DescribeAcls, 1, 3),
    served(ApiKey::CreateAcls, 1, 3),
    served(ApiKey::DeleteAcls, 1, 3),
    served(ApiKey::DeleteGroups, 0, 3),
    served(ApiKey::IncrementalAlterConfigs, 0, 1),
    served(ApiKey::CreatePartitions, 0, 3),
    served(ApiKey::ElectLeaders, 0, 2),
    served(ApiKey::AlterPartitionReassignments, 0, 1),
    served(ApiKey::ListPartitionReassignments, 0, 0),
    served(ApiKey::DescribeClientQuotas, 0, 1),
    served(ApiKey::AlterClientQuotas, 0, 1),
    served(ApiKey::DescribeUserScramCredentials, 0, 0),
    served(ApiKey::AlterUserScramCredentials, 0, 0),
    served(ApiKey::DescribeQuorum, 0, 2),
    served(ApiKey::UpdateFeatures, 0, 2),
    served(ApiKey::OffsetDelete, 0, 0),
    served(ApiKey::UnregisterBroker, 0, 0),
    served(ApiKey::ListConfigResources, 0, 1),
    served(ApiKey::DescribeTopicPartitions, 0, 0),
    served(ApiKey::DescribeCluster, 0, 2),
    served(ApiKey::DescribeProducers, 0, 0),
    served(ApiKey::DescribeTransactions, 0, 0),
    served(ApiKey::ListTransactions, 0, 2),
    served(ApiKey::ConsumerGroupHeartbeat, 0, 1),
    served(ApiKey::ConsumerGroupDescribe, 0, 1),
];

pub fn is_served(key: ApiKey, version: i16) -> bool {
    SERVED
        .iter()
        .any(|api| api.key == key && (api.min..=api.max).contains(&version))
}

fn advertised() -> Vec<ApiVersion> {
    let entries = SERVED.iter().map(|api| ApiVersion {
        api_key: api.key.code(),
        min_version: api.advertised_min,
        max_version: api.max,
    });
    entries.collect()
}

pub fn handle(context: &Context, request: ApiVersionsRequest) -> ApiVersionsResponse {
    if context.version() >= 3
        && !(is_software_name(&request.client_software_name)
            && is_software_name(&request.client_software_version))
    {
        return ApiVersionsResponse {
            error_code: ErrorCode::InvalidRequest,
            ..Default::default()
        };
    }
    let image = context.shard.image();
    let error_code = is_meant(&request, &image, context.shard.config.node_id);
    if !error_code.is_none() {
        return ApiVersionsResponse {
            error_code,
            ..Default::default()
        };
    }
    let finalized = image.features().levels();
    ApiVersionsResponse {
        api_keys: advertised(),
        supported_features: supported_features(context.version()),
        finalized_features_epoch: image.features().epoch(),
        finalized_features: finalized
            .map(|(name, level)| FinalizedFeatureKey {
                name: name.into(),
                max_version_level: level,
                min_version_level: level,
            })
            .collect(),
        ..Default::default()
    }
}

/// KIP-1242: a client that says which broker of which cluster it means must have found that one.
/// One half of the two says nothing, which Kafka takes for a mistake.
fn is_meant(request: &ApiVersionsRequest, image: &ClusterImage, node_id: i32) -> ErrorCode {
    match (request.cluster_id.as_deref(), request.node_id) {
        (None, -1) => ErrorCode::None,
        (None, _) | (Some(_), -1) => ErrorCode::InvalidRequest,
        (cluster_id, meant) if cluster_id == image.cluster_id() && meant == node_id => {
            ErrorCode::None
        }
        _ => ErrorCode::RebootstrapRequired,
    }
}

/// Clients of before v4 stumble over a feature that may be off (KAFKA-17011).
fn supported_features(version: i16) -> Vec<SupportedFeatureKey> {
    let features = SUPPORTED_FEATURES.iter();
    features
        .filter(|feature| version >= 4 || feature.level_min > 0)
        .map(|feature| SupportedFeatureKey {
            name: feature.name.into(),
            min_version: feature.level_min,
            max_version: feature.level_max,
        })
        .collect()
}

/// KIP-511: `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?`.
fn is_software_name(name: &str) -> bool {
    let is_alphanumeric = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    is_alphanumeric(name.chars().next())
        && is_alphanumeric(name.chars().next_back())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
}

/// The answer to a version that Naru does not know: version 0's body, from which the
/// client learns which to use.
pub fn unsupported_version(correlation_id: i32) -> Reply {
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion,
        api_keys: advertised()
            .into_iter()
            .filter(|api| api.api_key == ApiKey::ApiVersions.code())
            .collect(),
        ..Default::default()
    };
    match encode_response(&response, 0, correlation_id) {
        Ok(frame) => Reply::Send(frame),
        Err(error) => Reply::Close(error.to_string()),
    }
}
