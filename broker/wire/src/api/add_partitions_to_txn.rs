//! AddPartitionsToTxn: partitions become part of a transaction (KIP-98). Clients send one
//! transaction in v0–3; brokers send several in v4–5, to add partitions or only to verify them
//! (KIP-890).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct AddPartitionsToTxnRequest (AddPartitionsToTxn 0..=5, flexible 3) {
        transactions: Vec<AddPartitionsToTxnTransaction>, in 4..;
        transactional_id: Str, in ..=3;
        producer_id: i64, in ..=3;
        producer_epoch: i16, in ..=3;
        topics: Vec<AddPartitionsToTxnTopic>, in ..=3;
    }

    struct AddPartitionsToTxnTransaction {
        transactional_id: Str;
        producer_id: i64;
        producer_epoch: i16;
        /// Only asks whether the partitions are in the transaction.
        verify_only: bool;
        topics: Vec<AddPartitionsToTxnTopic>;
    }

    struct AddPartitionsToTxnTopic {
        name: Str;
        partitions: Vec<i32>;
    }
}

table! {
    struct AddPartitionsToTxnResponse (AddPartitionsToTxn 0..=5, flexible 3) {
        throttle_time_ms: i32;
        error_code: ErrorCode, in 4..;
        results_by_transaction: Vec<AddPartitionsToTxnResult>, in 4..;
        results_by_topic: Vec<AddPartitionsToTxnTopicResult>, in ..=3;
    }

    struct AddPartitionsToTxnResult {
        transactional_id: Str;
        topic_results: Vec<AddPartitionsToTxnTopicResult>;
    }

    struct AddPartitionsToTxnTopicResult {
        name: Str;
        results_by_partition: Vec<AddPartitionsToTxnPartitionResult>;
    }

    struct AddPartitionsToTxnPartitionResult {
        partition_index: i32;
        partition_error_code: ErrorCode;
    }
}
