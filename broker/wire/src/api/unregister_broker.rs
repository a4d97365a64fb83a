//! UnregisterBroker: forgets a broker that does not come back (KIP-631).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct UnregisterBrokerRequest (UnregisterBroker 0..=0, flexible 0) {
        broker_id: i32;
    }
}

table! {
    struct UnregisterBrokerResponse (UnregisterBroker 0..=0, flexible 0) {
        throttle_time_ms: i32;
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default());
    }
}
