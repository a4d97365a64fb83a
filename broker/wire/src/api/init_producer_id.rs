//! InitProducerId: a producer id and epoch for idempotent and transactional producers (KIP-98,
//! KIP-360).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct InitProducerIdRequest (InitProducerId 0..=5, flexible 2) {
        /// Null for a producer that is idempotent only.
        transactional_id: Option<Str> = Some(Str::default());
        transaction_timeout_ms: i32;
        /// With the epoch: raises the epoch of a producer that recovers from an error (KIP-360); -1
        /// asks for a new one.
        producer_id: i64 = -1, in 3..;
        producer_epoch: i16 = -1, in 3..;
    }
}

table! {
    struct InitProducerIdResponse (InitProducerId 0..=5, flexible 2) {
        throttle_time_ms: i32;
        error_code: ErrorCode;
        producer_id: i64 = -1;
        producer_epoch: i16;
    }
}
