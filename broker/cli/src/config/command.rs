//! The words of `naru config`.

use clap::Subcommand;

use super::{alter, get};
use crate::failure::Outcome;
use crate::session::Session;

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Show configs, and where each value comes from. Without keys, those that are not the default.
    #[command(visible_alias = "describe")]
    Get(get::GetArgs),
    /// Set configs: naru config set topic orders retention.ms=86400000
    Set(alter::SetArgs),
    /// Take configs back, so that the default counts again.
    Unset(alter::UnsetArgs),
}

/// Does what the words say.
pub fn run(session: &mut Session, command: &ConfigCommand) -> Outcome {
    match command {
        ConfigCommand::Get(args) => get::run(session, args),
        ConfigCommand::Set(args) => alter::set(session, args),
        ConfigCommand::Unset(args) => alter::unset(session, args),
    }
}
