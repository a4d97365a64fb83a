//! The settings that let records of a size pass everywhere, to be pasted.

use std::fmt::Write;

use super::framing::{batch_bytes, java_estimate_bytes};

/// Limits are given in whole units of this, so that a key or a few headers do not need another
/// round.
const UNIT_BYTES: u64 = 64 << 10;

/// Defaults that need not be lowered.
pub(super) const SOCKET_REQUEST_DEFAULT: u64 = 104_857_600;
pub(super) const FETCH_MAX_DEFAULT: u64 = 52_428_800;
pub(super) const BUFFER_MEMORY_DEFAULT: u64 = 33_554_432;
pub(super) const REPLICA_RESPONSE_DEFAULT: u64 = 10_485_760;
pub(super) const REPLICA_FETCH_DEFAULT: u64 = 1_048_576;
const MAX_MESSAGE_DEFAULT: u64 = 1_048_588;

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
    pub replica_fetch_bytes: u64,
    pub replica_response_bytes: u64,
    pub buffer_memory_bytes: u64,
    pub fetch_bytes: u64,
    pub partition_fetch_bytes: u64,
    pub rdkafka_receive_bytes: u64,
}

impl Settings {
    pub fn for_value(value_bytes: u64) -> Self {
        let largest =
            java_estimate_bytes(value_bytes, Some(256)).max(batch_bytes(value_bytes, Some(256)));
        let message_bytes = largest
            .next_multiple_of(UNIT_BYTES)
            .max(MAX_MESSAGE_DEFAULT);
        let fetch_bytes = FETCH_MAX_DEFAULT.max(message_bytes);
        Self {
            value_bytes,
            message_bytes,
            socket_request_bytes: SOCKET_REQUEST_DEFAULT.max(message_bytes + UNIT_BYTES),
            replica_fetch_bytes: REPLICA_FETCH_DEFAULT.max(message_bytes),
            replica_response_bytes: REPLICA_RESPONSE_DEFAULT.max(message_bytes),
            // Room for several, so that one that is on its way does not stop the next.
            buffer_memory_bytes: BUFFER_MEMORY_DEFAULT.max(4 * message_bytes),
            fetch_bytes,
            partition_fetch_bytes: message_bytes.max(1_048_576),
            rdkafka_receive_bytes: 100_000_000
                .max(fetch_bytes + RDKAFKA_RESPONSE_OVERHEAD_BYTES + UNIT_BYTES),
        }
    }

    /// To be pasted: commands and files, each under the name of the place it belongs to.
    pub fn paste(&self, topic: &str, bootstrap: &str) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut out, topic, bootstrap);
        out
    }

    fn write(&self, out: &mut String, topic: &str, bootstrap: &str) -> std::fmt::Result {
        let message = self.message_bytes;
        writeln!(out, "# the topic (Kafka and Naru)")?;
        writeln!(
            out,
            "kafka-configs.sh --bootstrap-server {bootstrap} --alter --entity-type topics --entity-name {topic} --add-config max.message.bytes={message}"
        )?;
        writeln!(
            out,
            "\n# server.properties of every broker (Kafka and Naru), if all topics are to take such records"
        )?;
        writeln!(out, "message.max.bytes={message}")?;
        writeln!(
            out,
            "socket.request.max.bytes={}",
            self.socket_request_bytes
        )?;
        writeln!(out, "replica.fetch.max.bytes={}", self.replica_fetch_bytes)?;
        writeln!(
            out,
            "replica.fetch.response.max.bytes={}",
            self.replica_response_bytes
        )?;
        writeln!(
            out,
            "\n# or, for Naru, on the command line\nnaru start --set message.max.bytes={message} --set socket.request.max.bytes={}",
            self.socket_request_bytes
        )?;
        writeln!(out, "\n# Java producer")?;
        writeln!(out, "max.request.size={message}")?;
        writeln!(out, "buffer.memory={}", self.buffer_memory_bytes)?;
        writeln!(out, "\n# Java consumer")?;
        writeln!(out, "fetch.max.bytes={}", self.fetch_bytes)?;
        writeln!(
            out,
            "max.partition.fetch.bytes={}",
            self.partition_fetch_bytes
        )?;
        writeln!(
            out,
            "\n# librdkafka (C, Python, Go, .NET, …), producer and consumer"
        )?;
        writeln!(out, "message.max.bytes={message}")?;
        writeln!(out, "fetch.max.bytes={}", self.fetch_bytes)?;
        writeln!(
            out,
            "max.partition.fetch.bytes={}",
            self.partition_fetch_bytes
        )?;
        writeln!(
            out,
            "receive.message.max.bytes={}",
            self.rdkafka_receive_bytes
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_there_and_no_default_is_lowered() {
        let small = Settings::for_value(1000);
        assert_eq!(small.message_bytes, MAX_MESSAGE_DEFAULT);
        assert_eq!(small.socket_request_bytes, SOCKET_REQUEST_DEFAULT);
        let large = Settings::for_value(200_000_000);
        let pasted = large.paste("t", "h:1");
        for key in [
            "max.message.bytes=",
            "message.max.bytes=",
            "socket.request.max.bytes=",
            "replica.fetch.max.bytes=",
            "replica.fetch.response.max.bytes=",
            "max.request.size=",
            "buffer.memory=",
            "fetch.max.bytes=",
            "max.partition.fetch.bytes=",
            "receive.message.max.bytes=",
        ] {
            assert!(pasted.contains(key), "{key}");
        }
        assert!(large.socket_request_bytes > large.message_bytes);
        assert!(large.rdkafka_receive_bytes >= large.fetch_bytes + RDKAFKA_RESPONSE_OVERHEAD_BYTES);
    }
}
