//! [`WorkloadOptions`]: a workload as it is written; [`Workload`]: the same, complete and checked.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::sizes::Sizes;
use super::units::{Acks, ByteSize, Codec, Partitioner, Reads, Span};

/// What is wrong with a workload, in the words of who wrote it.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    #[error("{path}: {source}")]
    Read {
        path: String,
        source: std::io::Error,
    },
    #[error("{path}: {source}")]
    Toml {
        path: String,
        source: toml::de::Error,
    },
    #[error("{0}")]
    Invalid(String),
}

/// One table: the options with their docs, which become flags (`--batch-size`), keys of the file
/// (`batch-size`) and fields of the workload.
macro_rules! options {
    ($($(#[doc = $doc:literal])* $(#[arg $arg:tt])? $name:ident: $type:ty = $default:expr;)*) => {
        /// A workload as flags or a file give it; what is absent has the default that its help
        /// names.
        #[derive(Clone, Debug, Default, clap::Args, Deserialize, Serialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
        pub struct WorkloadOptions {
            $($(#[doc = $doc])* #[arg(long)] $(#[arg $arg])? #[serde(skip_serializing_if = "Option::is_none")]
            pub $name: Option<$type>,)*
            /// Stop after so many records instead of after a time
            #[arg(long)] #[serde(skip_serializing_if = "Option::is_none")]
            pub records: Option<u64>,
            /// Records a second of all producers together, sent at their intended times whatever
            /// the broker does (open loop); without it, as fast as it goes
            #[arg(long)] #[serde(skip_serializing_if = "Option::is_none")]
            pub rate: Option<f64>,
            /// A config of the topics, key=value; may be repeated
            #[arg(long = "topic-config", value_name = "KEY=VALUE")] #[serde(skip_serializing_if = "Vec::is_empty")]
            pub topic_config: Vec<String>,
        }

        /// What a run does.
        #[derive(Clone, Debug, Deserialize, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub struct Workload {
            $($(#[doc = $doc])* pub $name: $type,)*
            /// Records to send after the warm-up; `None`: as many as `duration` allows.
            pub records: Option<u64>,
            /// Records a second; `None`: as fast as it goes.
            pub rate: Option<f64>,
            /// `key=value`
            pub topic_config: Vec<String>,
        }

        impl WorkloadOptions {
            /// These options, and those of `base` where these say nothing.
            #[must_use]
            pub fn over(self, base: Self) -> Self {
                Self {
                    $($name: self.$name.or(base.$name),)*
                    records: self.records.or(base.records),
                    rate: self.rate.or(base.rate),
                    topic_config: [base.topic_config, self.topic_config].concat(),
                }
            }

            /// # Errors
            /// When the options contradict each other or a limit.
            pub fn resolve(self) -> Result<Workload, WorkloadError> {
                let workload = Workload {
                    $($name: match self.$name { Some(given) => given, None => $default },)*
                    records: self.records,
                    rate: self.rate,
                    topic_config: self.topic_config,
                };
                workload.check().map_err(WorkloadError::Invalid)?;
                Ok(workload)
            }
        }
    };
}

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

options! {
    /// Size of a record's value: 1KiB, or 100..10KiB, or 100:80,10KiB:20 [default: 1KiB]
    size: Sizes = Sizes::Fixed(1024);
    /// Size of a record's key; 0: no key [default: 0]
    key_size: ByteSize = ByteSize(0);
    /// Distinct keys, if records have keys [default: 100000]
    keys: u64 = 100_000;
    /// 0, 1 or all [default: all]
    acks: Acks = Acks::All;
    /// Topics, made for the run and removed after it [default: 1]
    topics: u32 = 1;
    /// Partitions of each topic [default: 1]
    partitions: u32 = 1;
    /// Replicas of each partition [default: 1]
    replication_factor: i16 = 1;
    /// Producers [default: 1]
    producers: u32 = 1;
    /// Consumers of each group; without a group they share the partitions by number [default: 0]
    consumers: u32 = 0;
    /// Consumer groups, each of which reads everything; 0: no group coordination [default: 0]
    groups: u32 = 0;
    /// Whether consumers read the tail while it is written, or cold, after it was [default: tail]
    reads: Reads = Reads::Tail;
    /// batch.size: a batch is sent when it has so many bytes [default: 16KiB]
    batch_size: ByteSize = ByteSize(16 << 10);
    /// linger.ms: or when its first record has waited so long [default: 5ms]
    linger: Span = Span(SECOND / 200);
    /// max.request.size: bytes of batches in one produce request [default: 1MiB, or what the
    /// largest record needs]
    max_request_size: ByteSize = ByteSize(1 << 20);
    /// max.in.flight.requests.per.connection [default: 5]
    max_in_flight: u32 = 5;
    /// enable.idempotence [default: false]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    idempotent: bool = false;
    /// sticky or round-robin [default: sticky]
    partitioner: Partitioner = Partitioner::Sticky;
    /// none, gzip, snappy, lz4 or zstd [default: none]
    compression: Codec = Codec::None;
    /// The share of a value that repeats itself, 0 to 1 [default: 0]
    compressibility: f64 = 0.0;
    /// Time before anything is measured; it goes on until the rate (open loop: the latency) has
    /// stopped rising or falling [default: 2s]
    warm_up: Span = Span(SECOND * 2);
    /// How long it goes on at most [default: 10s]
    warm_up_max: Span = Span(SECOND * 10);
    /// Time that is measured [default: 10s]
    duration: Span = Span(SECOND * 10);
    /// fetch.max.bytes [default: 50MiB]
    fetch_max_bytes: ByteSize = ByteSize(50 << 20);
    /// max.partition.fetch.bytes [default: 1MiB]
    max_partition_fetch_bytes: ByteSize = ByteSize(1 << 20);
    /// fetch.min.bytes [default: 1]
    fetch_min_bytes: ByteSize = ByteSize(1);
    /// fetch.max.wait.ms [default: 500ms]
    fetch_max_wait: Span = Span(SECOND / 2);
    /// Check every record that was read: lost, doubled, reordered, damaged [default: true]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    verify: bool = true;
    /// Threads for the producers, and as many again for the consumers [default: 1]
    threads: u32 = 1;
    /// Seed of everything that is drawn [default: 1]
    seed: u64 = 1;
}

impl WorkloadOptions {
    /// # Errors When the file cannot be read or has unknown keys or bad values; the error names
    /// line and column.
    pub fn read(path: &Path) -> Result<Self, WorkloadError> {
        let name = || path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| WorkloadError::Read {
            path: name(),
            source,
        })?;
        toml::from_str(&text).map_err(|source| WorkloadError::Toml {
            path: name(),
            source,
        })
    }
}

impl Workload {
    /// Bytes of the largest batch that it makes, uncompressed.
    pub fn batch_bytes_max(&self) -> u64 {
        // Batch header (61) and a record's own framing (21 at most) around one value that is larger
        // than a batch.
        self.batch_size
            .0
            .max(self.size.max() + self.key_size.0 + 61 + 21)
    }

    fn check(&self) -> Result<(), String> {
        let at_least_one = [
            ("topics", self.topics),
            ("partitions", self.partitions),
            ("producers", self.producers),
            ("max-in-flight", self.max_in_flight),
            ("threads", self.threads),
        ];
        if let Some((name, _)) = at_least_one.iter().find(|(_, count)| *count == 0) {
            return Err(format!("{name} is 0: at least one is needed"));
        }
        if self.producers > u32::from(u16::MAX) {
            return Err(format!("producers is {}: at most 65535", self.producers));
        }
        if self.groups > 0 && self.consumers == 0 {
            return Err("groups without consumers: say --consumers too".into());
        }
        if !(0.0..=1.0).contains(&self.compressibility) {
            return Err(format!(
                "compressibility is {}: it is a share, from 0 to 1",
                self.compressibility
            ));
        }
        if self.rate.is_some_and(|rate| !(rate > 0.0 && rate <= 1e9)) {
            return Err("rate is not between 0 and 1000000000 records a second".into());
        }
        if self.key_size.0 > 0 && self.keys == 0 {
            return Err("keys is 0: records with a key need at least one".into());
        }
        if self.idempotent && (self.acks != Acks::All || self.max_in_flight > 5) {
            return Err("idempotent needs acks=all and max-in-flight of at most 5 (KIP-98)".into());
        }
        if let Some(bad) = self.topic_config.iter().find(|pair| !pair.contains('=')) {
            return Err(format!("topic-config `{bad}` is not key=value"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_the_file_over_the_defaults() {
        let file: WorkloadOptions =
            toml::from_str("size = \"100..10KiB\"\nacks = 1\nlinger = \"0s\"\n").unwrap();
        let flags = WorkloadOptions {
            acks: Some(Acks::None),
            ..Default::default()
        };
        let workload = flags.over(file).resolve().unwrap();
        assert_eq!(workload.size, Sizes::Range(100, 10 << 10));
        assert_eq!(workload.acks, Acks::None);
        assert_eq!(workload.linger.0, std::time::Duration::ZERO);
        assert_eq!(workload.batch_size.0, 16384);
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let error = toml::from_str::<WorkloadOptions>("bach-size = 5").unwrap_err();
        assert!(error.to_string().contains("bach-size"), "{error}");
    }

    #[test]
    fn the_workloads_of_the_repository_are_complete() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../perf/workloads");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let options = WorkloadOptions::read(&path).unwrap_or_else(|error| panic!("{error}"));
            options
                .resolve()
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            count += 1;
        }
        assert!(count > 5, "{count} workloads");
    }

    #[test]
    fn contradictions_are_named() {
        let cases: [(&str, &str); 6] = [
            ("groups = 1", "consumers"),
            ("producers = 0", "producers"),
            ("compressibility = 1.5", "compressibility"),
            ("rate = -1.0", "rate"),
            ("idempotent = true\nacks = 1", "KIP-98"),
            ("topic-config = [\"x\"]", "key=value"),
        ];
        for (text, word) in cases {
            let options: WorkloadOptions = toml::from_str(text).unwrap();
            let error = options.resolve().unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
