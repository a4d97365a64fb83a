//! The limits on the way of one record, in the order in which it meets them.
//!
//! What the fetch limits do is not what their names say: since KIP-74 a broker sends the first
//! batch of an answer even when it is larger than all of them, so they slow a consumer down and
//! stop none. librdkafka's `receive.message.max.bytes` does stop it.

use std::collections::BTreeMap;

use super::framing::{batch_bytes, java_estimate_bytes};
use super::settings::{
    BROKER_FETCH_MAX_DEFAULT, BUFFER_MEMORY_DEFAULT, FETCH_MAX_DEFAULT, MAX_MESSAGE_DEFAULT,
    PARTITION_FETCH_DEFAULT, RDKAFKA_RECEIVE_DEFAULT, RDKAFKA_RESPONSE_OVERHEAD_BYTES,
    REPLICA_FETCH_DEFAULT, REPLICA_RESPONSE_DEFAULT, REQUEST_OVERHEAD_BYTES, SEGMENT_DEFAULT,
    SOCKET_REQUEST_DEFAULT, Settings,
};

/// Settings by name, as DescribeConfigs or a file gives them.
pub type Configs = BTreeMap<String, String>;

/// How everybody on the way is set.
#[derive(Clone, Copy, Debug)]
pub struct Stand<'a> {
    pub topic: &'a Configs,
    pub broker: &'a Configs,
    pub producer: &'a Configs,
    pub consumer: &'a Configs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Client {
    Java,
    Librdkafka,
}

/// What is on the way at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope {
    /// `None`: either.
    pub client: Option<Client>,
    /// Whether another broker fetches the record.
    pub has_replicas: bool,
}

/// Where a limit is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    JavaProducer,
    RdkafkaProducer,
    Broker,
    Topic,
    Replica,
    JavaConsumer,
    RdkafkaConsumer,
}

impl Place {
    pub const ALL: [Self; 7] = [
        Self::JavaProducer,
        Self::RdkafkaProducer,
        Self::Broker,
        Self::Topic,
        Self::Replica,
        Self::JavaConsumer,
        Self::RdkafkaConsumer,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::JavaProducer => "Java producer",
            Self::RdkafkaProducer => "librdkafka producer",
            Self::Broker => "broker",
            Self::Topic => "topic",
            Self::Replica => "replica",
            Self::JavaConsumer => "Java consumer",
            Self::RdkafkaConsumer => "librdkafka consumer",
        }
    }

    /// Where its settings are written.
    pub fn file(self) -> &'static str {
        match self {
            Self::Broker => {
                "server.properties of every broker (Naru: or --set KEY=VALUE), which then starts anew"
            }
            Self::Replica => "server.properties of every broker, for its followers",
            client => client.name(),
        }
    }

    fn client(self) -> Option<Client> {
        match self {
            Self::JavaProducer | Self::JavaConsumer => Some(Client::Java),
            Self::RdkafkaProducer | Self::RdkafkaConsumer => Some(Client::Librdkafka),
            Self::Broker | Self::Topic | Self::Replica => None,
        }
    }
}

/// One limit on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hurdle {
    pub place: Place,
    pub key: &'static str,
    pub limit_bytes: u64,
    /// Nobody said otherwise: the default of the client or broker.
    pub is_default: bool,
    /// What of the record counts against it.
    pub counted_bytes: u64,
    /// With which the record passes, and what belongs to it.
    pub wanted_bytes: u64,
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

/// All hurdles for a value of so many bytes, with a key or without, in the order of the way.
pub fn hurdles(
    value_bytes: u64,
    key_bytes: Option<u64>,
    stand: &Stand<'_>,
    scope: Scope,
) -> Vec<Hurdle> {
    let batch = batch_bytes(value_bytes, key_bytes);
    let estimate = java_estimate_bytes(value_bytes, key_bytes);
    let payload = value_bytes + key_bytes.unwrap_or(0);
    let wanted = Settings::for_record(value_bytes, key_bytes);
    // librdkafka wants room for what it asks for, not only for what comes, and says so at start.
    let asks = |key: &str| stand.consumer.get(key)?.trim().parse::<u64>().ok();
    let asked = asks("fetch.max.bytes").unwrap_or(FETCH_MAX_DEFAULT);
    let response = batch.max(asked) + RDKAFKA_RESPONSE_OVERHEAD_BYTES;
    let hurdle = |place,
                  configs: &Configs,
                  (key, default): (&'static str, u64),
                  counted_bytes,
                  wanted_bytes: u64,
                  is_hard,
                  seen| {
        let given = configs.get(key).and_then(|value| value.trim().parse().ok());
        Hurdle {
            place,
            key,
            limit_bytes: given.unwrap_or(default),
            is_default: given.is_none(),
            counted_bytes,
            // Of a consumer that asks for more than a record needs, its answer needs it too.
            wanted_bytes: wanted_bytes.max(counted_bytes),
            is_hard,
            seen,
        }
    };
    let mut all = vec![
        hurdle(
            Place::JavaProducer,
            stand.producer,
            ("max.request.size", 1_048_576),
            estimate,
            wanted.message_bytes,
            true,
            "RecordTooLargeException: The message is … bytes when serialized which is larger than …, which is the value of the max.request.size configuration.",
        ),
        hurdle(
            Place::JavaProducer,
            stand.producer,
            ("buffer.memory", BUFFER_MEMORY_DEFAULT),
            estimate,
            wanted.buffer_memory_bytes,
            true,
            "RecordTooLargeException: The message is … bytes when serialized which is larger than the total memory buffer you have configured with the buffer.memory configuration.",
        ),
        hurdle(
            Place::RdkafkaProducer,
            stand.producer,
            ("message.max.bytes", 1_000_000),
            payload,
            wanted.message_bytes,
            true,
            "MSG_SIZE_TOO_LARGE (Broker: Message size too large), before anything is sent",
        ),
        hurdle(
            Place::Broker,
            stand.broker,
            ("socket.request.max.bytes", SOCKET_REQUEST_DEFAULT),
            batch + REQUEST_OVERHEAD_BYTES,
            wanted.socket_request_bytes,
            true,
            "the broker closes the connection (its log says InvalidReceiveException); the producer tries again until TimeoutException or NetworkException",
        ),
        hurdle(
            Place::Topic,
            stand.topic,
            ("max.message.bytes", MAX_MESSAGE_DEFAULT),
            batch,
            wanted.message_bytes,
            true,
            "MESSAGE_TOO_LARGE (10); Java: RecordTooLargeException: The request included a message larger than the max message size the server will accept.",
        ),
        hurdle(
            Place::Topic,
            stand.topic,
            ("segment.bytes", SEGMENT_DEFAULT),
            batch,
            wanted.segment_bytes,
            true,
            "RECORD_LIST_TOO_LARGE (18); Java: RecordBatchTooLargeException",
        ),
        hurdle(
            Place::Replica,
            stand.broker,
            ("replica.fetch.max.bytes", REPLICA_FETCH_DEFAULT),
            batch,
            wanted.replica_fetch_bytes,
            false,
            "followers fetch it alone (KIP-74): slower, not stopped",
        ),
        hurdle(
            Place::Replica,
            stand.broker,
            ("replica.fetch.response.max.bytes", REPLICA_RESPONSE_DEFAULT),
            batch,
            wanted.replica_response_bytes,
            false,
            "followers fetch it alone (KIP-74): slower, not stopped",
        ),
        hurdle(
            Place::Broker,
            stand.broker,
            ("fetch.max.bytes", BROKER_FETCH_MAX_DEFAULT),
            batch,
            wanted.broker_fetch_bytes,
            false,
            "sent alone (KIP-74), whatever the consumer asks for: slower, not stopped",
        ),
        hurdle(
            Place::JavaConsumer,
            stand.consumer,
            ("max.partition.fetch.bytes", PARTITION_FETCH_DEFAULT),
            batch,
            wanted.partition_fetch_bytes,
            false,
            "fetched alone (KIP-74): slower, not stopped",
        ),
        hurdle(
            Place::JavaConsumer,
            stand.consumer,
            ("fetch.max.bytes", FETCH_MAX_DEFAULT),
            batch,
            wanted.fetch_bytes,
            false,
            "fetched alone (KIP-74): slower, not stopped",
        ),
        hurdle(
            Place::RdkafkaConsumer,
            stand.consumer,
            ("max.partition.fetch.bytes", PARTITION_FETCH_DEFAULT),
            batch,
            wanted.partition_fetch_bytes,
            false,
            "fetched alone (KIP-74): slower, not stopped",
        ),
        hurdle(
            Place::RdkafkaConsumer,
            stand.consumer,
            ("fetch.max.bytes", FETCH_MAX_DEFAULT),
            batch,
            wanted.fetch_bytes,
            false,
            "fetched alone (KIP-74): slower, not stopped",
        ),
        hurdle(
            Place::RdkafkaConsumer,
            stand.consumer,
            ("receive.message.max.bytes", RDKAFKA_RECEIVE_DEFAULT),
            response,
            wanted.rdkafka_receive_bytes,
            true,
            "the client closes the connection and tries again without end (its log: Invalid response size … increase receive.message.max.bytes)",
        ),
    ];
    all.retain(|hurdle| {
        let is_ours = hurdle
            .place
            .client()
            .is_none_or(|of| scope.client.is_none_or(|c| c == of));
        is_ours && (scope.has_replicas || hurdle.place != Place::Replica)
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Scope = Scope {
        client: None,
        has_replicas: true,
    };

    fn with(value_bytes: u64, key_bytes: Option<u64>, configs: &Configs) -> Vec<Hurdle> {
        let stand = Stand {
            topic: configs,
            broker: configs,
            producer: configs,
            consumer: configs,
        };
        hurdles(value_bytes, key_bytes, &stand, ALL)
    }

    fn of(value_bytes: u64, one: &Hurdle, limit: u64) -> Hurdle {
        let configs: Configs = [(one.key.to_owned(), limit.to_string())].into();
        let mut all = with(value_bytes, None, &configs).into_iter();
        all.find(|hurdle| hurdle.key == one.key && hurdle.place == one.place)
            .unwrap()
    }

    #[test]
    fn each_limit_stops_or_slows_one_below_its_edge_and_not_at_it() {
        let bytes = 60_000_000;
        for hurdle in with(bytes, None, &Configs::new()) {
            let counted = hurdle.counted_bytes;
            let (at, below) = (of(bytes, &hurdle, counted), of(bytes, &hurdle, counted - 1));
            assert!(!at.rejects() && !at.slows(), "{}", hurdle.key);
            assert!(
                below.rejects() == hurdle.is_hard && below.slows() != hurdle.is_hard,
                "{}",
                hurdle.key
            );
        }
    }

    #[test]
    fn with_what_is_wanted_it_passes_everywhere() {
        for bytes in [1, 1_000_000, 1_048_576, 20_000_000, 150_000_000, 1 << 30] {
            for key in [None, Some(100), Some(3_000_000)] {
                for hurdle in with(bytes, key, &Configs::new()) {
                    let fits = hurdle.counted_bytes <= hurdle.wanted_bytes;
                    assert!(fits, "{bytes} {key:?}: {hurdle:?}");
                }
            }
        }
    }

    #[test]
    fn a_key_counts_wherever_its_value_does() {
        let (without, keyed) = (
            with(1000, None, &Configs::new()),
            with(1000, Some(5000), &Configs::new()),
        );
        for (without, keyed) in without.iter().zip(&keyed) {
            let is_response = keyed.key == "receive.message.max.bytes";
            let grew = keyed.counted_bytes >= without.counted_bytes + 5000;
            assert!(grew || is_response, "{keyed:?}");
        }
    }
}
