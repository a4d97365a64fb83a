//! The tables of settings: for each room its struct and, from the same lines, its rows.
//!
//! A line reads `field: Type = "kafka.name", default, valid;` under the sentence that explains it.
//! Fields that Kafka spreads over several keys (`log.retention.ms`, `.minutes`, `.hours`) are
//! resolved in `config::topic`, where the precedence is written down.

use Default::{Is, Null, Of};
use Valid::{Any, AtLeast, Between, Fraction, NotEmpty, OneOf, SomeOf};

use super::row::{Default, Key, Valid};
use super::value::{Bytes, CleanupPolicy, Limit, RecordValidation, TimestampType, Value};
use crate::config::error::ConfigError;
use crate::config::machine::Machine;
use crate::config::settings::Settings;

macro_rules! tables {
    ($(
        $(#[doc = $room_doc:literal])+
        $Room:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $Type:ty = $name:literal, $default:expr, $valid:expr;
            )+
        }
    )+) => {
        $(
            $(#[doc = $room_doc])+
            #[derive(Debug, Clone, PartialEq)]
            pub struct $Room {
                $(
                    $(#[doc = $doc])+
                    pub $field: $Type,
                )+
            }

            impl $Room {
                const KEYS: &'static [Key] = &[$(Key {
                    name: $name,
                    kind: <$Type as Value>::KIND,
                    default: $default,
                    valid: $valid,
                    doc: concat!($($doc),+).trim_ascii(),
                }),+];

                pub(in crate::config) fn read(settings: &Settings) -> Result<Self, ConfigError> {
                    Ok(Self { $($field: settings.typed($name)?,)+ })
                }
            }
        )+

        pub(super) static TABLES: &[&[Key]] = &[$($Room::KEYS),+];
    };
}

tables! {
    /// Who this broker is.
    Node {
        /// The broker's number, unique in the cluster; must not change while its data is kept.
        id: i32 = "node.id", Is("1"), AtLeast(0);
        /// The older name of node.id; counts where node.id is not set.
        broker_id: i32 = "broker.id", Is("-1"), Any;
        /// The rack that clients are told, so that they can read from a replica near by.
        rack: Option<String> = "broker.rack", Null, Any;
    }

    /// Addresses and sockets.
    Network {
        /// Where the broker listens, as NAME://host:port; an empty host is every address.
        listeners: Vec<String> = "listeners", Is("PLAINTEXT://127.0.0.1:9092"), NotEmpty;
        /// What clients are told to connect to, as NAME://host:port; the listeners when not set.
        advertised_listeners: Option<Vec<String>> = "advertised.listeners", Null, NotEmpty;
        /// The security protocol of each listener name, as NAME:PROTOCOL; only PLAINTEXT is served.
        security_protocols: Vec<String> = "listener.security.protocol.map",
            Is("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"), Any;
        /// Listeners of a Kafka controller; Naru has none and leaves them closed.
        controller_listeners: Option<Vec<String>> = "controller.listener.names", Null, Any;
        /// SO_SNDBUF of client sockets, in bytes; -1 leaves it to the system, which takes half the
        /// system CPU of Kafka's default of 102400 at 1 MB batches.
        send_buffer_bytes: i32 = "socket.send.buffer.bytes", Is("-1"), AtLeast(-1);
        /// SO_RCVBUF of client sockets, in bytes; -1 leaves it to the system.
        receive_buffer_bytes: i32 = "socket.receive.buffer.bytes", Is("-1"), AtLeast(-1);
        /// Connections waiting to be accepted, per listening socket.
        listen_backlog: u32 = "socket.listen.backlog.size", Is("50"), AtLeast(1);
        /// A connection without a request for this long is closed, in milliseconds; -1 is never.
        idle_ms_max: Limit = "connections.max.idle.ms", Is("600000"), Any;
        /// Connections open at a time.
        connections_max: u32 = "max.connections", Is("2147483647"), AtLeast(0);
    }

    /// Where the data is and what a topic inherits when its own config says nothing.
    Log {
        /// The data directory, when log.dirs is not set.
        dir: Vec<String> = "log.dir", Is("./naru-data"), NotEmpty;
        /// The data directory; Naru takes one.
        dirs: Option<Vec<String>> = "log.dirs", Null, NotEmpty;
        /// Age in milliseconds at which records may be deleted; -1 keeps them; beats .minutes.
        retention_ms: Option<Limit> = "log.retention.ms", Null, Any;
        /// Age in minutes at which records may be deleted; beats .hours.
        retention_minutes: Option<i32> = "log.retention.minutes", Null, Any;
        /// Age in hours at which records may be deleted.
        retention_hours: i32 = "log.retention.hours", Is("168"), Any;
        /// Bytes that a partition keeps; -1 is no bound.
        retention_bytes: Limit = "log.retention.bytes", Is("-1"), Any;
        /// How often retention is looked at, in milliseconds.
        retention_check_interval_ms: u64 = "log.retention.check.interval.ms", Is("300000"), AtLeast(1);
        /// Bytes at which a segment is closed and the next one started.
        segment_bytes: u32 = "log.segment.bytes", Is("1073741824"), AtLeast(1 << 20);
        /// Age in milliseconds at which a segment is closed; beats .hours.
        roll_ms: Option<u64> = "log.roll.ms", Null, AtLeast(1);
        /// Age in hours at which a segment is closed.
        roll_hours: u32 = "log.roll.hours", Is("168"), AtLeast(1);
        /// How long a deleted segment's file stays, in milliseconds.
        segment_delete_delay_ms: u64 = "log.segment.delete.delay.ms", Is("60000"), AtLeast(0);
        /// What becomes of old records: delete, compact, or both.
        cleanup_policy: CleanupPolicy = "log.cleanup.policy", Is("delete"), SomeOf(&["compact", "delete"]);
        /// Whose clock a record's timestamp is from.
        timestamp_type: TimestampType = "log.message.timestamp.type", Is("CreateTime"),
            OneOf(&["CreateTime", "LogAppendTime"]);
        /// How far ahead of the broker's clock a timestamp may be, in milliseconds.
        timestamp_after_ms_max: u64 = "log.message.timestamp.after.max.ms", Is("3600000"), AtLeast(0);
        /// How far behind the broker's clock a timestamp may be, in milliseconds.
        timestamp_before_ms_max: u64 = "log.message.timestamp.before.max.ms",
            Is("9223372036854775807"), AtLeast(0);
        /// Naru stores batches as the producer sent them; any other value is not acted on.
        compression_type: String = "compression.type", Is("producer"),
            OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]);
        /// How long a producer id without a write is remembered, in milliseconds.
        producer_id_expiration_ms: u32 = "producer.id.expiration.ms", Is("86400000"), AtLeast(1);
        /// How often producer ids are looked at for that, in milliseconds.
        producer_id_expiration_check_ms: u32 = "producer.id.expiration.check.interval.ms",
            Is("600000"), AtLeast(1);
        /// Whether a coordinator is asked before a batch begins a transaction in a partition.
        verifies_transactions: bool = "transaction.partition.verification.enable", Is("true"), Any;
    }

    /// How compacted topics are cleaned.
    Cleaner {
        /// Whether compacted topics are cleaned at all.
        enable: bool = "log.cleaner.enable", Is("true"), Any;
        /// Not needed: each shard has one log cleaned at a time, by the maintenance thread.
        threads: u32 = "log.cleaner.threads", Is("1"), AtLeast(0);
        /// Memory for keys and offsets while logs are cleaned, over all shards, in bytes; more of
        /// it means fewer passes, whatever the number of keys.
        dedupe_buffer_bytes: u64 = "log.cleaner.dedupe.buffer.size", Is("134217728"), AtLeast(1 << 20);
        /// Bytes that cleaning may read and write in a second, over all shards.
        bytes_per_second_max: f64 = "log.cleaner.io.max.bytes.per.second",
            Is("1.7976931348623157E308"), Any;
        /// How long to wait before logs are looked through again, in milliseconds.
        backoff_ms: u64 = "log.cleaner.backoff.ms", Is("15000"), AtLeast(0);
        /// Of a log's bytes, what must be dirty before it is cleaned.
        dirty_ratio_min: f64 = "log.cleaner.min.cleanable.ratio", Is("0.5"), Fraction;
        /// How long tombstones and transaction markers stay once a cleaning has seen them, in
        /// milliseconds.
        delete_retention_ms: u64 = "log.cleaner.delete.retention.ms", Is("86400000"), AtLeast(0);
        /// How long records are left alone, in milliseconds.
        compaction_lag_ms_min: u64 = "log.cleaner.min.compaction.lag.ms", Is("0"), AtLeast(0);
        /// After how long records are cleaned whatever the ratio, in milliseconds.
        compaction_lag_ms_max: u64 = "log.cleaner.max.compaction.lag.ms",
            Is("9223372036854775807"), AtLeast(1);
    }

    /// What bounds a request and its answer.
    Limits {
        /// The largest record batch that a topic takes, as it is stored, in bytes.
        message_bytes_max: u32 = "message.max.bytes", Is("1048588"), AtLeast(0);
        /// The most bytes that a batch may decompress to.
        decompressed_message_bytes_max: u32 = "max.decompressed.message.bytes",
            Is("2147483639"), Between(1, 2147483639);
        /// The largest request, in bytes; must exceed message.max.bytes.
        request_bytes_max: u32 = "socket.request.max.bytes", Is("104857600"), AtLeast(1);
        /// The most bytes that a fetch is answered, unless its first batch is larger.
        fetch_bytes_max: u32 = "fetch.max.bytes", Is("57671680"), AtLeast(1024);
        /// Fetch sessions kept at a time.
        fetch_sessions_max: u32 = "max.incremental.fetch.session.cache.slots", Is("1000"), AtLeast(0);
    }

    /// How topics come to be.
    Topics {
        /// Partitions of a topic that is created without a number.
        partitions: u32 = "num.partitions", Is("1"), AtLeast(1);
        /// Whether asking for the metadata of an unknown topic creates it.
        auto_create: bool = "auto.create.topics.enable", Is("true"), Any;
        /// Replicas of a topic that is created without a number.
        replication_factor: u16 = "default.replication.factor", Is("1"), Between(1, i16::MAX as i64);
        /// Replicas that must have a write before acks=all is answered.
        min_insync_replicas: u32 = "min.insync.replicas", Is("1"), AtLeast(1);
    }

    /// Consumer groups and their offsets.
    Groups {
        /// The shortest session timeout that a member may ask for, in milliseconds.
        session_timeout_ms_min: u32 = "group.min.session.timeout.ms", Is("6000"), AtLeast(0);
        /// The longest session timeout that a member may ask for, in milliseconds.
        session_timeout_ms_max: u32 = "group.max.session.timeout.ms", Is("1800000"), AtLeast(0);
        /// How long the first rebalance of an empty group waits for more members, in milliseconds.
        initial_rebalance_delay_ms: u32 = "group.initial.rebalance.delay.ms", Is("3000"), AtLeast(0);
        /// Members that a group may have.
        members_max: u32 = "group.max.size", Is("2147483647"), AtLeast(1);
        /// How long a member of the consumer protocol may be silent, in milliseconds.
        consumer_session_timeout_ms: u32 = "group.consumer.session.timeout.ms", Is("45000"), AtLeast(1);
        /// How often members of the consumer protocol are to be heard of, in milliseconds.
        consumer_heartbeat_interval_ms: u32 = "group.consumer.heartbeat.interval.ms", Is("5000"), AtLeast(1);
        /// The shortest session timeout that a group of the consumer protocol may set, in
        /// milliseconds.
        consumer_session_timeout_ms_min: u32 = "group.consumer.min.session.timeout.ms", Is("45000"), AtLeast(1);
        /// The longest session timeout that a group of the consumer protocol may set, in
        /// milliseconds.
        consumer_session_timeout_ms_max: u32 = "group.consumer.max.session.timeout.ms", Is("60000"), AtLeast(1);
        /// The shortest heartbeat interval that a group of the consumer protocol may set, in
        /// milliseconds.
        consumer_heartbeat_interval_ms_min: u32 = "group.consumer.min.heartbeat.interval.ms", Is("5000"), AtLeast(1);
        /// The longest heartbeat interval that a group of the consumer protocol may set, in
        /// milliseconds.
        consumer_heartbeat_interval_ms_max: u32 = "group.consumer.max.heartbeat.interval.ms", Is("15000"), AtLeast(1);
        /// The shortest assignment interval that a group of the consumer protocol may set, in
        /// milliseconds.
        consumer_assignment_interval_ms_min: u32 = "group.consumer.min.assignment.interval.ms", Is("0"), AtLeast(0);
        /// The longest assignment interval that a group of the consumer protocol may set, in
        /// milliseconds.
        consumer_assignment_interval_ms_max: u32 = "group.consumer.max.assignment.interval.ms", Is("15000"), AtLeast(0);
        /// Members that a group of the consumer protocol may have.
        consumer_members_max: u32 = "group.consumer.max.size", Is("2147483647"), AtLeast(1);
        /// Assignors of the consumer protocol; the first is for members that ask for none.
        consumer_assignors: Vec<String> = "group.consumer.assignors", Is("uniform,range"), SomeOf(&["uniform", "range"]);
        /// The shortest between two target assignments of a group, in milliseconds.
        consumer_assignment_interval_ms: u32 = "group.consumer.assignment.interval.ms", Is("1000"), AtLeast(0);
        /// How often the topics of regular expressions are looked for anew, in milliseconds.
        consumer_regex_refresh_interval_ms: u32 = "group.consumer.regex.refresh.interval.ms", Is("600000"), AtLeast(10_000);
        /// Which groups with members may change their protocol (KIP-848).
        consumer_migration_policy: String = "group.consumer.migration.policy", Is("bidirectional"),
            OneOf(&["disabled", "upgrade", "downgrade", "bidirectional"]);
        /// Partitions of __consumer_offsets; must not change once it exists.
        offsets_partitions: u32 = "offsets.topic.num.partitions", Is("50"), AtLeast(1);
        /// How long the offsets of an empty group are kept, in minutes.
        offsets_retention_minutes: u32 = "offsets.retention.minutes", Is("10080"), AtLeast(1);
        /// Bytes of metadata that may be committed with an offset.
        offset_metadata_bytes_max: u32 = "offset.metadata.max.bytes", Is("4096"), AtLeast(0);
    }

    /// Transactions and the ids that have them.
    Transactions {
        /// The longest that a producer may leave a transaction open, in milliseconds.
        timeout_ms_max: u32 = "transaction.max.timeout.ms", Is("900000"), Between(1, i32::MAX as i64);
        /// How often transactions are looked at for their timeouts, in milliseconds.
        abort_check_interval_ms: u32 = "transaction.abort.timed.out.transaction.cleanup.interval.ms",
            Is("10000"), AtLeast(1);
        /// How long a transactional id without a transaction is kept, in milliseconds.
        id_expiration_ms: u32 = "transactional.id.expiration.ms", Is("604800000"), AtLeast(1);
        /// How often transactional ids are looked at for that, in milliseconds.
        id_expiration_check_ms: u32 = "transaction.remove.expired.transaction.cleanup.interval.ms",
            Is("3600000"), AtLeast(1);
        /// Partitions of __transaction_state; must not change once it exists.
        state_partitions: u32 = "transaction.state.log.num.partitions", Is("50"), AtLeast(1);
        /// Bytes at which a segment of __transaction_state is closed and the next one started.
        state_segment_bytes: u32 = "transaction.state.log.segment.bytes",
            Is("104857600"), AtLeast(1 << 20);
    }

    /// What Kafka has no key for.
    Naru {
        /// Threads that serve clients, each with its own ring; one per core when not set.
        shards: usize = "naru.shards", Of(default_shards), Between(1, 1024);
        /// Whether each shard is pinned to a core.
        pin_shards: bool = "naru.pin.shards", Is("true"), Any;
        /// Memory for requests, answers and tails of logs, over all shards, as in 512m or 2g.
        memory: Bytes = "naru.memory", Of(default_memory), AtLeast(16 << 20);
        /// What is checked of a produced batch: full (every record) or header (header and CRC).
        validate_records: RecordValidation = "naru.validate.records", Is("full"), OneOf(&["full", "header"]);
        /// How long a half-received request or an unread answer may make no progress while memory
        /// is short, in milliseconds; then its connection is closed.
        request_stall_ms: u64 = "naru.request.stall.ms", Is("5000"), AtLeast(1);
        /// Where the admin listener (health, metrics, the JSON API; no authentication) serves HTTP,
        /// as host:port; a port alone is on 127.0.0.1. Off when not set.
        admin_listener: Option<String> = "naru.admin.listener", Null, NotEmpty;
        /// Partitions that metrics tell of one by one; above it they tell of topics, and above that
        /// many topics only of how many are left out; and partitions that are looked into for the
        /// lag of groups.
        metrics_partitions_max: u32 = "naru.metrics.partitions.max", Is("1000"), AtLeast(0);
    }
}

const MEMORY_BYTES_MIN: u64 = 256 << 20;
const MEMORY_BYTES_MAX: u64 = 4 << 30;

fn default_shards(machine: &Machine) -> String {
    machine.cores.to_string()
}

/// A quarter of the machine's memory, within bounds that suit a small and a large machine.
fn default_memory(machine: &Machine) -> String {
    (machine.memory_bytes / 4)
        .clamp(MEMORY_BYTES_MIN, MEMORY_BYTES_MAX)
        .to_string()
}
