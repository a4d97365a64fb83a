//! The settings that let records of a size pass everywhere.

use super::framing::{batch_bytes, java_estimate_bytes};

/// Limits are given in whole units of this, so that a key or a few headers do not need another
/// round.
const UNIT_BYTES: u64 = 64 << 10;

/// Defaults, which need not be lowered.
pub(super) const SOCKET_REQUEST_DEFAULT: u64 = 104_857_600;
pub(super) const FETCH_MAX_DEFAULT: u64 = 52_428_800;
pub(super) const BROKER_FETCH_MAX_DEFAULT: u64 = 57_671_680;
pub(super) const PARTITION_FETCH_DEFAULT: u64 = 1_048_576;
pub(super) const BUFFER_MEMORY_DEFAULT: u64 = 33_554_432;
pub(super) const REPLICA_RESPONSE_DEFAULT: u64 = 10_485_760;
pub(super) const REPLICA_FETCH_DEFAULT: u64 = 1_048_576;
pub(super) const SEGMENT_DEFAULT: u64 = 1 << 30;
pub(super) const RDKAFKA_RECEIVE_DEFAULT: u64 = 100_000_000;
pub(super) const MAX_MESSAGE_DEFAULT: u64 = 1_048_588;

/// What the largest key is taken for when nobody says: then a key does not need another round.
const KEY_BYTES_ASSUMED: u64 = 256;

/// A request is larger than its batch by its header, the topic's name and little more.
pub(super) const REQUEST_OVERHEAD_BYTES: u64 = 1024;

/// What librdkafka wants between `fetch.max.bytes` and `receive.message.max.bytes`.
pub(super) const RDKAFKA_RESPONSE_OVERHEAD_BYTES: u64 = 512;

/// One value for every limit on the way of records of up to some size. All in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Settings {
    /// The largest value that is to pass.
    pub value_bytes: u64,
    /// `max.message.bytes` of the topic, `message.max.bytes` of the broker, `max.request.size` of
    /// the producer.
    pub message_bytes: u64,
    pub socket_request_bytes: u64,
    /// `segment.bytes` of the topic: a batch is in one segment.
    pub segment_bytes: u64,
    /// `fetch.max.bytes` of the broker, which bounds what clients ask for.
    pub broker_fetch_bytes: u64,
    pub replica_fetch_bytes: u64,
    pub replica_response_bytes: u64,
    pub buffer_memory_bytes: u64,
    pub fetch_bytes: u64,
    pub partition_fetch_bytes: u64,
    pub rdkafka_receive_bytes: u64,
}

impl Settings {
    /// For values of up to `value_bytes` with keys of up to `key_bytes`.
    pub fn for_record(value_bytes: u64, key_bytes: Option<u64>) -> Self {
        let key = Some(key_bytes.unwrap_or(0).max(KEY_BYTES_ASSUMED));
        let largest = java_estimate_bytes(value_bytes, key).max(batch_bytes(value_bytes, key));
        let message_bytes = largest
            .next_multiple_of(UNIT_BYTES)
            .max(MAX_MESSAGE_DEFAULT);
        let fetch_bytes = FETCH_MAX_DEFAULT.max(message_bytes);
        Self {
            value_bytes,
            message_bytes,
            socket_request_bytes: SOCKET_REQUEST_DEFAULT.max(message_bytes + UNIT_BYTES),
            segment_bytes: SEGMENT_DEFAULT.max(message_bytes),
            broker_fetch_bytes: BROKER_FETCH_MAX_DEFAULT.max(message_bytes),
            replica_fetch_bytes: REPLICA_FETCH_DEFAULT.max(message_bytes),
            replica_response_bytes: REPLICA_RESPONSE_DEFAULT.max(message_bytes),
            // Room for several, so that one that is on its way does not stop the next.
            buffer_memory_bytes: BUFFER_MEMORY_DEFAULT.max(4 * message_bytes),
            fetch_bytes,
            partition_fetch_bytes: message_bytes.max(PARTITION_FETCH_DEFAULT),
            rdkafka_receive_bytes: RDKAFKA_RECEIVE_DEFAULT
                .max(fetch_bytes + RDKAFKA_RESPONSE_OVERHEAD_BYTES + UNIT_BYTES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_default_is_lowered_and_what_depends_on_another_follows_it() {
        let small = Settings::for_record(1000, None);
        assert_eq!(small.message_bytes, MAX_MESSAGE_DEFAULT);
        assert_eq!(small.socket_request_bytes, SOCKET_REQUEST_DEFAULT);
        assert_eq!(small.segment_bytes, SEGMENT_DEFAULT);
        let large = Settings::for_record(200_000_000, None);
        assert!(large.socket_request_bytes > large.message_bytes);
        assert!(large.rdkafka_receive_bytes >= large.fetch_bytes + RDKAFKA_RESPONSE_OVERHEAD_BYTES);
    }

    #[test]
    fn a_large_key_takes_its_room() {
        let without = Settings::for_record(1_000_000, None);
        let with = Settings::for_record(1_000_000, Some(500_000));
        assert!(with.message_bytes >= without.message_bytes + 400_000);
        assert!(with.message_bytes >= batch_bytes(1_000_000, Some(500_000)));
    }
}
