//! DeleteTopics: topics to delete, by name or (from v6) by id.

use uuid::Uuid;

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct DeleteTopicsRequest (DeleteTopics 1..=6, flexible 4) {
        topics: Vec<DeleteTopicState>, in 6..;
        topic_names: Vec<Str>, in ..=5;
        timeout_ms: i32;
    }

    struct DeleteTopicState {
        /// Null if the topic is named by id.
        name: Option<Str>;
        topic_id: Uuid;
    }
}

table! {
    struct DeleteTopicsResponse (DeleteTopics 1..=6, flexible 4) {
        throttle_time_ms: i32;
        responses: Vec<DeletableTopicResult>;
    }

    struct DeletableTopicResult {
        /// Null if an unknown id was named.
        name: Option<Str> = Some(Str::default()), nullable 6..;
        topic_id: Uuid, in 6..;
        error_code: ErrorCode;
        error_message: Option<Str>, in 5..;
    }
}
