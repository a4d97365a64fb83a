//! Asking before something is lost.

use std::io::{self, IsTerminal, Write};

use crate::failure::{Failure, Outcome};

/// Goes on if `--yes` was given, or somebody at the terminal says so.
pub fn confirm(what: &str, yes: bool) -> Outcome {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(format!(
            "{what} cannot be undone, and nobody is here to be asked: say --yes"
        )));
    }
    eprint!("{what}? This cannot be undone. [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new("nothing was changed")),
    }
}
