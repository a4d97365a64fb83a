//! WriteTxnMarkers: control records that end transactions in their partitions (KIP-98). Sent by
//! coordinators, and by whoever aborts a hanging transaction (KIP-664).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct WriteTxnMarkersRequest (WriteTxnMarkers 1..=2, flexible 1) {
        markers: Vec<WritableTxnMarker>;
    }

    struct WritableTxnMarker {
        producer_id: i64;
        producer_epoch: i16;
        /// True commits.
        transaction_result: bool;
        topics: Vec<WritableTxnMarkerTopic>;
        coordinator_epoch: i32;
        /// With 2, the epoch is above the one of the transaction that ends (KIP-1228).
        transaction_version: i8, in 2..;
    }

    struct WritableTxnMarkerTopic {
        name: Str;
        partition_indexes: Vec<i32>;
    }
}

table! {
    struct WriteTxnMarkersResponse (WriteTxnMarkers 1..=2, flexible 1) {
        markers: Vec<WritableTxnMarkerResult>;
    }

    struct WritableTxnMarkerResult {
        producer_id: i64;
        topics: Vec<WritableTxnMarkerTopicResult>;
    }

    struct WritableTxnMarkerTopicResult {
        name: Str;
        partitions: Vec<WritableTxnMarkerPartitionResult>;
    }

    struct WritableTxnMarkerPartitionResult {
        partition_index: i32;
        error_code: ErrorCode;
    }
}
