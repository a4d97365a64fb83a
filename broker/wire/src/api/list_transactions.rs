//! ListTransactions: the transactional ids of a broker (KIP-664), by duration from v1 (KIP-994),
//! by pattern from v2 (KIP-1152).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct ListTransactionsRequest (ListTransactions 0..=2, flexible 0) {
        /// Empty lists every state.
        state_filters: Vec<Str>;
        /// Empty lists every producer.
        producer_id_filters: Vec<i64>;
        /// Only transactions that are open for longer than this, in ms; all, if negative.
        duration_filter: i64 = -1, in 1..;
        /// Null or empty lists every id.
        transactional_id_pattern: Option<Str>, in 2..;
    }
}

table! {
    struct ListTransactionsResponse (ListTransactions 0..=2, flexible 0) {
        throttle_time_ms: i32;
        error_code: ErrorCode;
        /// Filters that name no state.
        unknown_state_filters: Vec<Str>;
        transaction_states: Vec<TransactionState>;
    }

    struct TransactionState {
        transactional_id: Str;
        producer_id: i64;
        transaction_state: Str;
    }
}
