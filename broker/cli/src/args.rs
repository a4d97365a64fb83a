//! The words and options that all commands share.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::config::ConfigCommand;
use crate::consume::ConsumeArgs;
use crate::group::GroupCommand;
use crate::lag::LagArgs;
use crate::log::LogCommand;
use crate::produce::ProduceArgs;
use crate::topic::TopicCommand;
use crate::transaction::TransactionCommand;
use crate::units::duration;

/// A port is not always said.
const PORT: &str = "9092";

/// The commands that talk to a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ClientCommand {
    /// Topics: list, describe, create, delete; more partitions, fewer records.
    #[command(visible_alias = "topics")]
    Topic {
        #[command(flatten)]
        shared: Shared,
        #[command(subcommand)]
        command: TopicCommand,
    },
    /// Consumer groups: list, describe, move to other offsets, delete.
    #[command(visible_alias = "groups")]
    Group {
        #[command(flatten)]
        shared: Shared,
        #[command(subcommand)]
        command: GroupCommand,
    },
    /// How far consumer groups are behind, in records and in time, the worst first.
    Lag {
        #[command(flatten)]
        shared: Shared,
        #[command(flatten)]
        args: LagArgs,
    },
    /// Configs of topics, brokers, groups and client metrics: show, set, take back.
    #[command(visible_alias = "configs")]
    Config {
        #[command(flatten)]
        shared: Shared,
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Log directories, sizes, offsets by time; what is in segment files.
    #[command(visible_alias = "logs")]
    Log {
        #[command(flatten)]
        shared: Shared,
        #[command(subcommand)]
        command: LogCommand,
    },
    /// Transactions: list, describe, find those that hang, abort them.
    #[command(visible_alias = "transactions")]
    Transaction {
        #[command(flatten)]
        shared: Shared,
        #[command(subcommand)]
        command: TransactionCommand,
    },
    /// Send lines as records.
    Produce {
        #[command(flatten)]
        shared: Shared,
        #[command(flatten)]
        args: ProduceArgs,
    },
    /// Print the records of topics.
    Consume {
        #[command(flatten)]
        shared: Shared,
        #[command(flatten)]
        args: ConsumeArgs,
    },
}

/// What every command takes.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Every command")]
pub struct Shared {
    /// Brokers to ask first, the next if one does not answer. A port that is left out is 9092.
    #[arg(
        short,
        long,
        global = true,
        env = "NARU_BOOTSTRAP",
        value_name = "HOST:PORT,...",
        value_delimiter = ',',
        default_value = "localhost:9092"
    )]
    pub bootstrap: Vec<String>,
    /// How long a broker may take to connect, and to answer: 500ms, 30s, 2m.
    #[arg(long, global = true, value_name = "TIME", value_parser = duration, default_value = "30s")]
    pub timeout: Duration,
    /// Print JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

impl Shared {
    /// The bootstrap addresses, each with a port.
    pub fn addresses(&self) -> Vec<String> {
        let given = self.bootstrap.iter().map(|text| text.trim());
        let given = given.filter(|text| !text.is_empty());
        given.map(with_port).collect()
    }
}

fn with_port(address: &str) -> String {
    // Colons within brackets are those of an IPv6 address.
    let after_host = address.rsplit_once(']').map_or(address, |(_, rest)| rest);
    match after_host.contains(':') {
        true => address.to_owned(),
        false => format!("{address}:{PORT}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_left_out_is_kafkas() {
        assert_eq!(with_port("broker"), "broker:9092");
        assert_eq!(with_port("broker:1"), "broker:1");
        assert_eq!(with_port("[::1]"), "[::1]:9092");
        assert_eq!(with_port("[::1]:1"), "[::1]:1");
    }
}
