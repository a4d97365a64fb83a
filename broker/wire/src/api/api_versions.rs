//! ApiVersions: which APIs, and which versions of them, the broker serves (KIP-511, KIP-584).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    /// The first request on a connection. A version that is too new is answered in v0 with error 35
    /// (see [`crate::RequestHeader::peek`]).
    struct ApiVersionsRequest (ApiVersions 0..=5, flexible 3) {
        client_software_name: Str, in 3..;
        client_software_version: Str, in 3..;
        /// The cluster that the client means to talk to (KIP-1242); null if it does not know yet.
        cluster_id: Option<Str>, in 5..;
        /// The broker that the client means to talk to, -1 if it does not know. Counts only beside
        /// a cluster id.
        node_id: i32 = -1, in 5..;
    }
}

table! {
    struct ApiVersionsResponse (ApiVersions 0..=5, flexible 3) {
        error_code: ErrorCode;
        api_keys: Vec<ApiVersion>;
        throttle_time_ms: i32, in 1..;
        /// In v3 without features whose minimum is 0, on which old clients stumble (KAFKA-17011).
        supported_features: Vec<SupportedFeatureKey>, in 3.., tag 0;
        /// -1 if unknown; then `finalized_features` says nothing.
        finalized_features_epoch: i64 = -1, in 3.., tag 1;
        finalized_features: Vec<FinalizedFeatureKey>, in 3.., tag 2;
        zk_migration_ready: bool, in 3.., tag 3;
    }

    struct ApiVersion {
        api_key: i16;
        min_version: i16;
        max_version: i16;
    }

    struct SupportedFeatureKey {
        name: Str;
        min_version: i16;
        max_version: i16;
    }

    struct FinalizedFeatureKey {
        name: Str;
        max_version_level: i16;
        min_version_level: i16;
    }
}
