//! What a run does: message sizes, acks, partitions, batches, clients, rate, how long.
//!
//! [`WorkloadOptions`] is what a person writes, as flags or in a TOML file (`perf/workloads/`), all
//! of it optional; [`Workload`] is the same with every default filled in and checked. Names and
//! defaults are those of Kafka's clients where Kafka has one.

mod options;
mod sizes;
mod units;

pub use options::{Workload, WorkloadError, WorkloadOptions};
pub use sizes::Sizes;
pub use units::{Acks, ByteSize, Codec, Partitioner, Reads, Span};
