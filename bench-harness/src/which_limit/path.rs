//! The limits on the way of one record, in the order in which it meets them.
//!
//! What the fetch limits do is not what their names say: since KIP-74 a broker sends the first
//! batch of an answer even when it is larger than all of them, so they slow a consumer down and
//! stop none. librdkafka's `receive.message.max.bytes` does stop it.

use std::collections::BTreeMap;

use super::framing::{batch_bytes, java_estimate_bytes};
use super::settings::{
    BUFFER_MEMORY_DEFAULT, FETCH_MAX_DEFAULT, RDKAFKA_RESPONSE_OVERHEAD_BYTES,
    REPLICA_FETCH_DEFAULT, REPLICA_RESPONSE_DEFAULT, REQUEST_OVERHEAD_BYTES,
    SOCKET_REQUEST_DEFAULT,
};

/// Settings by name, as DescribeConfigs or a file gives them.
pub type Configs = BTreeMap<String, String>;

/// One limit on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hurdle {
    pub place: &'static str,
    pub key: &'static str,
    pub limit_bytes: u64,
    /// Nobody said otherwise: the default of the client or broker.
    pub is_default: bool,
    /// What of the record counts against it.
    pub counted_bytes: u64,
    /// Above the limit it is rejected; otherwise it only goes slower.
    pub is_hard: bool,
    /// What a user sees who is above it.
    pub seen: &'static str,
}

impl Hurdle {
    pub fn rejects(&self) -> bool {
        self.is_hard && self.counted_bytes > self.limit_bytes
    }

    /// Over a limit that does not reject.
    pub fn slows(&self) -> bool {
        !self.is_hard && self.counted_bytes > self.limit_bytes
    }
}

/// All hurdles for a value of so many bytes, with a key or without.
pub fn hurdles(
    value_bytes: u64,
    key_bytes: Option<u64>,
    (topic, broker, producer, consumer): (&Configs, &Configs, &Configs, &Configs),
) -> Vec<Hurdle> {
    let batch = batch_bytes(value_bytes, key_bytes);
    let estimate = java_estimate_bytes(value_bytes, key_bytes);
    let payload = value_bytes + key_bytes.unwrap_or(0);
    let request = batch + REQUEST_OVERHEAD_BYTES;
    let hurdle =
        |place, configs: &Configs, key: &'static str, default, counted_bytes, is_hard, seen| {
            let given = configs.get(key).and_then(|value| value.trim().parse().ok());
            Hurdle {
                place,
                key,
                limit_bytes: given.unwrap_or(default),
                is_default: given.is_none(),
                counted_bytes,
                is_hard,
                seen,
            }
        };
    vec![
        hurdle(
            "Java producer",
            producer,
            "max.request.size",
            1_048_576,
            estimate,
            true,
            "RecordTooLargeException: The message is … bytes when serialized which is larger than …, which is the value of the max.request.size configuration.",
        ),
        hurdle(
            "Java producer",
            producer,
            "buffer.memory",
            BUFFER_MEMORY_DEFAULT,
            estimate,
            true,
            "RecordTooLargeException: The message is … bytes when serialized which is larger than the total memory buffer you have configured with the buffer.memory configuration.",
        ),
        hurdle(
            "librdkafka producer",
            producer,
            "message.max.bytes",
            1_000_000,
            payload,
            true,
            "MSG_SIZE_TOO_LARGE (Broker: Message size too large), before anything is sent",
        ),
        hurdle(
            "broker",
            broker,
            "socket.request.max.bytes",
            SOCKET_REQUEST_DEFAULT,
            request,
            true,
            "the broker closes the connection (its log says InvalidReceiveException); the producer tries again until TimeoutException or NetworkException",
        ),
        hurdle(
            "topic",
            topic,
            "max.message.bytes",
            1_048_588,
            batch,
            true,
            "MESSAGE_TOO_LARGE (10); Java: RecordTooLargeException: The request included a message larger than the max message size the server will accept.",
        ),
        hurdle(
            "topic",
            topic,
            "segment.bytes",
            1 << 30,
            batch,
            true,
            "RECORD_LIST_TOO_LARGE (18); Java: RecordBatchTooLargeException",
        ),
        hurdle(
            "replica",
            broker,
            "replica.fetch.max.bytes",
            REPLICA_FETCH_DEFAULT,
            batch,
            false,
            "followers fetch it alone (KIP-74): slower, not stopped",
        ),
        hurdle(
            "replica",
            broker,
            "replica.fetch.response.max.bytes",
            REPLICA_RESPONSE_DEFAULT,
            batch,
            false,
            "followers fetch it alone (KIP-74): slower, not stopped",
        ),
        hurdle(
            "Java consumer",
            consumer,
            "max.partition.fetch.bytes",
            1_048_576,
            batch,
            false,
            "fetched alone (KIP-74): slower, not stopped",
        ),
        hurdle(
            "Java consumer",
            consumer,
            "fetch.max.bytes",
            FETCH_MAX_DEFAULT,
            batch,
            false,
            "fetched alone (KIP-74): slower, not stopped",
        ),
        hurdle(
            "librdkafka consumer",
            consumer,
            "receive.message.max.bytes",
            100_000_000,
            batch + RDKAFKA_RESPONSE_OVERHEAD_BYTES,
            true,
            "the client closes the connection and tries again without end (its log: Invalid response size … increase receive.message.max.bytes)",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::which_limit::Settings;

    fn of(value_bytes: u64, key: &str, limit: u64) -> Hurdle {
        let configs: Configs = [(key.to_owned(), limit.to_string())].into();
        let all = hurdles(value_bytes, None, (&configs, &configs, &configs, &configs));
        all.into_iter().find(|hurdle| hurdle.key == key).unwrap()
    }

    #[test]
    fn each_hard_limit_rejects_at_its_edge_and_passes_one_below() {
        let none = Configs::new();
        for hurdle in hurdles(5_000_000, None, (&none, &none, &none, &none)) {
            let counted = hurdle.counted_bytes;
            let (at, below) = (
                of(5_000_000, hurdle.key, counted),
                of(5_000_000, hurdle.key, counted - 1),
            );
            assert!(!at.rejects() && !at.slows(), "{}", hurdle.key);
            assert!(
                below.rejects() == hurdle.is_hard && below.slows() != hurdle.is_hard,
                "{}",
                hurdle.key
            );
        }
    }

    #[test]
    fn the_advice_for_a_size_lets_it_pass_everywhere() {
        for bytes in [1, 1_000_000, 1_048_576, 20_000_000, 150_000_000] {
            let settings = Settings::for_value(bytes);
            let pasted = settings.paste("t", "h:1");
            let mut configs = Configs::new();
            for line in pasted.lines().filter(|line| !line.contains(' ')) {
                if let Some((key, value)) = line.split_once('=') {
                    configs.insert(key.to_owned(), value.to_owned());
                }
            }
            configs.insert(
                "max.message.bytes".into(),
                settings.message_bytes.to_string(),
            );
            let all = hurdles(bytes, Some(100), (&configs, &configs, &configs, &configs));
            let stopped: Vec<_> = all
                .iter()
                .filter(|hurdle| hurdle.rejects() || hurdle.slows())
                .collect();
            assert!(stopped.is_empty(), "{bytes}: {stopped:?}");
        }
    }
}
