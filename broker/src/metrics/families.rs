//! The table of all metrics. Names are Prometheus': the unit last, in base units, `_total` for what
//! only grows.

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric, with all its series.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    pub name: &'static str,
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// One sentence for people.
    pub help: &'static str,
}

macro_rules! families {
    ($($(#[doc = $help:literal])+ $constant:ident: $kind:ident $name:literal $labels:expr;)+) => {
        $(
            $(#[doc = $help])+
            pub const $constant: &Family = &Family {
                name: $name,
                kind: Kind::$kind,
                labels: &$labels,
                help: concat!($($help),+).trim_ascii(),
            };
        )+

        /// All of them.
        #[cfg(test)]
        pub const FAMILIES: &[&Family] = &[$($constant),+];
    };
}

families! {
    /// Always 1; its label says which version runs.
    BUILD_INFO: Gauge "naru_build_info" ["version"];
    /// 1 while clients can be sent to this broker.
    READY: Gauge "naru_ready" [];

    /// Requests that were answered, by API: the time from when one is received until its answer is
    /// ready, the wait of a fetch for records included.
    REQUEST_DURATION: Histogram "naru_request_duration_seconds" ["api"];
    /// Errors in answers, one for each topic, partition or group that has one.
    REQUEST_ERRORS: Counter "naru_request_errors_total" ["api", "error"];
    /// Bytes that clients have sent.
    RECEIVED: Counter "naru_network_received_bytes_total" [];
    /// Bytes that clients were sent.
    SENT: Counter "naru_network_sent_bytes_total" [];
    /// Connections of clients that are open.
    CONNECTIONS: Gauge "naru_connections" ["shard"];
    /// Connections of clients that were accepted.
    ACCEPTED: Counter "naru_connections_accepted_total" [];

    /// Records of the batches that producers have appended.
    PRODUCED_RECORDS: Counter "naru_produced_records_total" [];
    /// Batches that producers have appended, by their bytes as they are stored.
    PRODUCED_BATCH: Histogram "naru_produced_batch_size_bytes" [];
    /// Bytes of batches that fetches were answered with.
    FETCHED: Counter "naru_fetched_bytes_total" [];
    /// Flushes of files to the device, by how long they took.
    FLUSH_DURATION: Histogram "naru_flush_duration_seconds" [];

    /// Time that a shard's thread was not waiting for something to happen.
    SHARD_BUSY: Counter "naru_shard_busy_seconds_total" ["shard"];
    /// Time that a shard's thread was waiting for something to happen.
    SHARD_WAITING: Counter "naru_shard_waiting_seconds_total" ["shard"];
    /// Turns of a shard's loop.
    SHARD_TURNS: Counter "naru_shard_turns_total" ["shard"];
    /// Jobs of other threads that wait in a shard's queues.
    SHARD_QUEUED: Gauge "naru_shard_queued_jobs" ["shard"];

    /// What a share of naru.memory may hold.
    MEMORY_LIMIT: Gauge "naru_memory_limit_bytes" ["share"];
    /// What is taken of a share of naru.memory.
    MEMORY_USED: Gauge "naru_memory_used_bytes" ["share"];

    /// Topics of the cluster.
    TOPICS: Gauge "naru_topics" [];
    /// Partitions that this broker has, by what it is to them.
    PARTITIONS: Gauge "naru_partitions" ["role"];
    /// Groups that this broker coordinates, by state.
    GROUPS: Gauge "naru_groups" ["state"];
    /// What the logs of this broker hold.
    LOG_SIZE: Gauge "naru_log_size_bytes" [];
    /// Segments of the logs of this broker.
    LOG_SEGMENTS: Gauge "naru_log_segments" [];
    /// What recovery would read of the logs if the process died now.
    LOG_RECOVERY_DEBT: Gauge "naru_log_recovery_debt_bytes" [];

    /// The first offset that can be read; up to naru.metrics.partitions.max partitions.
    PARTITION_START: Gauge "naru_partition_start_offset" ["topic", "partition"];
    /// The offset of the next record; up to naru.metrics.partitions.max partitions.
    PARTITION_END: Gauge "naru_partition_end_offset" ["topic", "partition"];
    /// All below it is committed; up to naru.metrics.partitions.max partitions.
    PARTITION_HIGH_WATERMARK: Gauge "naru_partition_high_watermark_offset" ["topic", "partition"];
    /// All below it belongs to no open transaction; up to naru.metrics.partitions.max partitions.
    PARTITION_LAST_STABLE: Gauge "naru_partition_last_stable_offset" ["topic", "partition"];
    /// What the log of a partition holds; up to naru.metrics.partitions.max partitions.
    PARTITION_SIZE: Gauge "naru_partition_size_bytes" ["topic", "partition"];
    /// What the logs of a topic hold; when there are more partitions than that.
    TOPIC_SIZE: Gauge "naru_topic_size_bytes" ["topic"];
    /// The sum of the high watermarks of a topic's partitions, which grows as records are
    /// committed; when there are more partitions than that.
    TOPIC_COMMITTED: Gauge "naru_topic_committed_offsets" ["topic"];
    /// Topics of which nothing is told, as there are more than naru.metrics.partitions.max.
    TOPICS_LEFT_OUT: Gauge "naru_metrics_topics_left_out" [];

    /// What is left for a group to read of a topic: offsets from its commits to the high
    /// watermarks.
    GROUP_LAG_RECORDS: Gauge "naru_group_lag_records" ["group", "topic"];
    /// The age of the oldest record that is next to read for a group.
    GROUP_LAG_SECONDS: Gauge "naru_group_lag_seconds" ["group"];
    /// Groups of which no lag is told: with theirs, commits for more than
    /// naru.metrics.partitions.max partitions would be looked at.
    GROUPS_LEFT_OUT: Gauge "naru_metrics_groups_left_out" [];

    /// CPU time of the process, in user and kernel mode.
    PROCESS_CPU: Counter "process_cpu_seconds_total" [];
    /// Memory of the process that is resident.
    PROCESS_RESIDENT: Gauge "process_resident_memory_bytes" [];
    /// File descriptors that are open.
    PROCESS_FDS: Gauge "process_open_fds" [];
    /// File descriptors that may be open.
    PROCESS_FDS_MAX: Gauge "process_max_fds" [];
    /// When the process began, since 1970.
    PROCESS_START: Gauge "process_start_time_seconds" [];
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn docs_metrics_md_lists_each_as_it_is() {
        let docs = include_str!("../../../docs/METRICS.md");
        let rows = docs.lines().filter(|line| line.starts_with("| `"));
        let told: Vec<String> = rows.map(str::to_owned).collect();
        let row = |family: &&Family| {
            let labels: Vec<_> = family
                .labels
                .iter()
                .map(|label| format!("`{label}`"))
                .collect();
            let (name, kind, help) = (family.name, family.kind.name(), family.help);
            format!("| `{name}` | {kind} | {} | {help} |", labels.join(", "))
        };
        let wanted: Vec<String> = FAMILIES.iter().map(row).collect();
        assert_eq!(told, wanted, "as it should be:\n{}", wanted.join("\n"));
    }

    #[test]
    fn names_keep_to_prometheus_conventions() {
        let mut names = BTreeSet::new();
        for family in FAMILIES {
            let Family { name, kind, .. } = family;
            assert!(names.insert(name), "{name} is there twice");
            assert!(
                name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
                "{name}"
            );
            assert!(
                name.starts_with("naru_") || name.starts_with("process_"),
                "{name}"
            );
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            let is_scaled = |word| ["ms", "us", "millis", "kb", "mb", "kib", "mib"].contains(&word);
            assert!(!name.split('_').any(is_scaled), "{name}");
            assert!(family.help.ends_with('.'), "{name}: {}", family.help);
            if *kind == Kind::Histogram {
                assert!(
                    name.ends_with("_seconds") || name.ends_with("_bytes"),
                    "{name}"
                );
            }
        }
    }
}
