//! EndTxn: commits or aborts a transaction (KIP-98). From v5 each transaction has an epoch of its
//! own, and the answer says which comes next (KIP-890).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct EndTxnRequest (EndTxn 0..=5, flexible 3) {
        transactional_id: Str;
        producer_id: i64;
        producer_epoch: i16;
        /// False aborts.
        committed: bool;
    }
}

table! {
    struct EndTxnResponse (EndTxn 0..=5, flexible 3) {
        throttle_time_ms: i32;
        error_code: ErrorCode;
        producer_id: i64 = -1, in 5..;
        producer_epoch: i16 = -1, in 5..;
    }
}
