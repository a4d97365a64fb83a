//! AddOffsetsToTxn: the offsets of a group become part of a transaction (KIP-98).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct AddOffsetsToTxnRequest (AddOffsetsToTxn 0..=4, flexible 3) {
        transactional_id: Str;
        producer_id: i64;
        producer_epoch: i16;
        group_id: Str;
    }
}

table! {
    struct AddOffsetsToTxnResponse (AddOffsetsToTxn 0..=4, flexible 3) {
        throttle_time_ms: i32;
        error_code: ErrorCode;
    }
}
