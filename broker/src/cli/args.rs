//! The words of the command line. Only parsing; `main` does what they say.
//!
//! `--set` beats the file, the file beats the defaults.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use clap_complete::Shell;
use naru_cli::ClientCommand;

use crate::config::ConfigError;

/// A message broker that speaks Apache Kafka's protocol.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "naru", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    start: StartArgs,
}

/// What the binary is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Start the broker (this is what `naru` alone does).
    #[command(visible_alias = "serve")]
    Start(StartArgs),
    /// Say whether this machine suits a broker: kernel, io_uring, limits, disk, memory; and what to
    /// change. Ends with 1 if the broker would not work.
    Doctor(DoctorArgs),
    /// Look through the data directory of a stopped broker, without changing anything: metadata,
    /// every batch of every segment, indexes, checkpoints. Ends with 1 if something is wrong, with
    /// 2 if it could not be looked at.
    Verify(VerifyArgs),
    #[command(flatten)]
    Client(ClientCommand),
    /// Print what makes a shell complete these words: `source <(naru completions bash)`.
    Completions { shell: Shell },
}

/// What `doctor` takes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub start: StartArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What `verify` takes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct VerifyArgs {
    /// The directory that `log.dirs` names.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Print notes, too: what the next start puts right by itself.
    #[arg(long)]
    pub notes: bool,
}

/// What `start` takes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct StartArgs {
    /// A server.properties file: Kafka's keys and Naru's own (`naru.*`).
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Sets one key; beats the file. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl Cli {
    /// The command asked for; `naru` alone is `naru start`.
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Start(self.start))
    }
}

impl StartArgs {
    /// The `--set` options taken apart, in the order given.
    pub fn settings(&self) -> Result<Vec<(String, String)>, ConfigError> {
        self.set
            .iter()
            .map(|text| match text.split_once('=') {
                Some((key, value)) if !key.trim().is_empty() => {
                    Ok((key.trim().to_owned(), value.trim().to_owned()))
                }
                _ => Err(ConfigError::NotKeyValue { text: text.clone() }),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(args: &[&str]) -> StartArgs {
        match Cli::try_parse_from(args).unwrap().into_command() {
            Command::Start(start) => start,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn naru_alone_starts_with_the_defaults() {
        assert_eq!(start(&["naru"]), StartArgs::default());
        assert_eq!(start(&["naru", "start"]), StartArgs::default());
        assert_eq!(start(&["naru", "serve"]), StartArgs::default());
    }

    #[test]
    fn options_may_stand_with_or_without_the_word_start() {
        let long = start(&[
            "naru",
            "start",
            "--config",
            "a.properties",
            "--set",
            "node.id=7",
        ]);
        let short = start(&["naru", "-c", "a.properties", "--set", "node.id=7"]);
        assert_eq!(long, short);
        assert_eq!(
            long.settings().unwrap(),
            [("node.id".to_owned(), "7".to_owned())]
        );
    }

    #[test]
    fn every_word_is_in_order() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_setting_without_a_key_is_refused_and_an_equals_sign_may_be_in_the_value() {
        assert!(start(&["naru", "--set", "node.id"]).settings().is_err());
        assert!(start(&["naru", "--set", "=1"]).settings().is_err());
        let args = start(&["naru", "--set", "listeners=A://h:1=2"]);
        assert_eq!(args.settings().unwrap()[0].1, "A://h:1=2");
    }
}
