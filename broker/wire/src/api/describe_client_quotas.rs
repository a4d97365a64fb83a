//! DescribeClientQuotas: quotas of users, client ids and addresses (KIP-546).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct DescribeClientQuotasRequest (DescribeClientQuotas 0..=1, flexible 1) {
        components: Vec<ComponentData>;
        /// Leaves out entities that have types which `components` does not name.
        strict: bool;
    }

    struct ComponentData {
        /// `user`, `client-id` or `ip`.
        entity_type: Str;
        /// 0 that name, 1 the default, 2 any that has a name.
        match_type: i8;
        r#match: Option<Str> = Some(Str::default());
    }
}

table! {
    struct DescribeClientQuotasResponse (DescribeClientQuotas 0..=1, flexible 1) {
        throttle_time_ms: i32;
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default());
        entries: Option<Vec<EntryData>> = Some(Vec::new());
    }

    struct EntryData {
        entity: Vec<EntityData>;
        values: Vec<ValueData>;
    }

    struct EntityData {
        entity_type: Str;
        /// Null is the default of its type.
        entity_name: Option<Str> = Some(Str::default());
    }

    struct ValueData {
        key: Str;
        value: f64;
    }
}
