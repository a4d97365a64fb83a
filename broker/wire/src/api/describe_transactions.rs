//! DescribeTransactions: what a coordinator knows of transactional ids (KIP-664).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct DescribeTransactionsRequest (DescribeTransactions 0..=0, flexible 0) {
        transactional_ids: Vec<Str>;
    }
}

table! {
    struct DescribeTransactionsResponse (DescribeTransactions 0..=0, flexible 0) {
        throttle_time_ms: i32;
        transaction_states: Vec<TransactionState>;
    }

    struct TransactionState {
        error_code: ErrorCode;
        transactional_id: Str;
        transaction_state: Str;
        transaction_timeout_ms: i32;
        /// -1 if no transaction was begun.
        transaction_start_time_ms: i64;
        producer_id: i64;
        producer_epoch: i16;
        /// Those that have no marker yet.
        topics: Vec<TopicData>;
    }

    struct TopicData {
        topic: Str;
        partitions: Vec<i32>;
    }
}
