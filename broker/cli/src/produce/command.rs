//! The options of `naru produce`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use naru_client::Acks;
use naru_record_batch::Codec;

use crate::units::timestamp_ms;

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ProduceArgs {
    /// The topic. It has to be there: `naru topic create` makes it.
    pub(super) topic: String,
    /// Values, a record each; without any, each line of stdin is one.
    #[arg(value_name = "VALUE", conflicts_with = "file")]
    pub(super) values: Vec<String>,
    /// Read this file's lines instead of stdin's.
    #[arg(short, long)]
    pub(super) file: Option<PathBuf>,
    /// Send to this partition. Without it a key decides, as in Kafka's Java client (murmur2).
    #[arg(short, long)]
    pub(super) partition: Option<i32>,
    /// The key of every record.
    #[arg(short, long)]
    pub(super) key: Option<String>,
    /// What stands between key and value in each line; a line without it has no key.
    #[arg(short = 'K', long, value_name = "TEXT", conflicts_with = "key")]
    pub(super) key_separator: Option<String>,
    /// A header of every record. May be repeated.
    #[arg(short = 'H', long = "header", value_name = "NAME=VALUE",
        value_parser = crate::topic::key_value)]
    pub(super) headers: Vec<(String, String)>,
    /// An empty value is null: in a compacted topic it deletes the key.
    #[arg(short = 'Z', long)]
    pub(super) empty_is_null: bool,
    /// The timestamp of every record, instead of now.
    #[arg(long, value_name = "TIME", value_parser = timestamp_ms)]
    pub(super) timestamp: Option<i64>,
    #[arg(short = 'z', long, value_enum, default_value_t = Compression::None)]
    pub(super) compression: Compression,
    /// When a record counts as written: on all replicas in sync (then a repetition is harmless,
    /// too), at the leader, or as soon as it is sent.
    #[arg(long, value_enum, default_value_t = AcksArg::All)]
    pub(super) acks: AcksArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Compression {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum AcksArg {
    #[value(alias = "-1")]
    All,
    #[value(name = "1")]
    Leader,
    #[value(name = "0")]
    None,
}

impl From<Compression> for Codec {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::None,
            Compression::Gzip => Self::Gzip,
            Compression::Snappy => Self::Snappy,
            Compression::Lz4 => Self::Lz4,
            Compression::Zstd => Self::Zstd,
        }
    }
}

impl From<AcksArg> for Acks {
    fn from(acks: AcksArg) -> Self {
        match acks {
            AcksArg::All => Self::All,
            AcksArg::Leader => Self::Leader,
            AcksArg::None => Self::None,
        }
    }
}
