//! [`SidesArgs`]: which brokers are measured, how often, and where they keep their data.

use std::path::PathBuf;
use std::str::FromStr;

use crate::brokers::{BrokerUnderTest, Place};
use crate::workload::Span;

/// A broker, and what tables call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedBroker {
    pub name: String,
    pub broker: BrokerUnderTest,
}

impl FromStr for NamedBroker {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, command)) if !name.is_empty() && command.contains("{port}") => Ok(Self {
                name: name.to_owned(),
                broker: BrokerUnderTest::Command(command.to_owned()),
            }),
            _ => Err(format!(
                "`{text}` is no broker: write NAME=COMMAND, with {{port}} and {{data}} in it"
            )),
        }
    }
}

#[derive(Clone, Debug, clap::Args)]
pub struct SidesArgs {
    /// A broker, as a name and a command that starts it on 127.0.0.1:{port} with its data in
    /// {data}; may be repeated. The others are held against the first
    #[arg(
        long = "broker",
        short = 'B',
        value_name = "NAME=COMMAND",
        required = true
    )]
    pub brokers: Vec<NamedBroker>,
    /// Rounds that count; each measures every broker once
    #[arg(long, default_value_t = 6)]
    pub rounds: usize,
    /// No round begins that would end later than so long after the first, going by those before it
    #[arg(long)]
    pub time_max: Option<Span>,
    /// Before each run, everything is written to the disk that was not yet, and so long is waited
    #[arg(long, default_value = "1s")]
    pub settle: Span,
    #[command(flatten)]
    pub place: Place,
    /// Write the figures of all rounds there, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_a_name_and_a_command_with_a_port() {
        let named: NamedBroker = "naru=bin/naru --set a=b:{port}".parse().unwrap();
        assert_eq!(named.name, "naru");
        let command = "bin/naru --set a=b:{port}".to_owned();
        assert_eq!(named.broker, BrokerUnderTest::Command(command));
        assert!("bin/naru {port}".parse::<NamedBroker>().is_err());
        assert!("naru=bin/naru".parse::<NamedBroker>().is_err());
    }
}
