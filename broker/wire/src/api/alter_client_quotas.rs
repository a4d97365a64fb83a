//! AlterClientQuotas: sets and removes quotas (KIP-546).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct AlterClientQuotasRequest (AlterClientQuotas 0..=1, flexible 1) {
        entries: Vec<EntryData>;
        validate_only: bool;
    }

    struct EntryData {
        entity: Vec<EntityData>;
        ops: Vec<OpData>;
    }

    struct EntityData {
        /// `user`, `client-id` or `ip`.
        entity_type: Str;
        /// Null is the default of its type.
        entity_name: Option<Str> = Some(Str::default());
    }

    struct OpData {
        key: Str;
        value: f64;
        remove: bool;
    }
}

table! {
    struct AlterClientQuotasResponse (AlterClientQuotas 0..=1, flexible 1) {
        throttle_time_ms: i32;
        entries: Vec<EntryResult>;
    }

    /// Kafka has this under the request's name, `EntryData`.
    struct EntryResult {
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default());
        entity: Vec<EntityData>;
    }
}
