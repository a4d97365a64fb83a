//! `naru completions SHELL`.

use std::io;

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::Cli;

/// Prints the script that makes `shell` complete naru's words.
pub fn completions(shell: Shell) {
    generate(shell, &mut Cli::command(), "naru", &mut io::stdout());
}
