//! What was found, as a table for people or as JSON.

use std::io::{self, Write};
use std::process::ExitCode;

use super::judge::{Check, Verdict};

/// Prints, and says with which code to end: 1 if something keeps a broker from working.
pub fn print(checks: &[Check], json: bool) -> ExitCode {
    let mut out = io::stdout().lock();
    let printed = if json {
        serde_json::to_writer_pretty(&mut out, checks)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        table(&mut out, checks)
    };
    // Whoever reads may have gone: the code still tells.
    let _ = printed;
    match checks.iter().any(|check| check.verdict == Verdict::Bad) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

fn table(out: &mut impl Write, checks: &[Check]) -> io::Result<()> {
    let width = checks
        .iter()
        .map(|check| check.name.len())
        .max()
        .unwrap_or(0);
    for check in checks {
        let verdict = match check.verdict {
            Verdict::Good => "good",
            Verdict::Warning => "WARNING",
            Verdict::Bad => "BAD",
        };
        writeln!(out, "{verdict:8} {:width$}  {}", check.name, check.found)?;
        if !check.advice.is_empty() {
            writeln!(out, "{:8} {:width$}  {}", "", "", check.advice)?;
        }
    }
    Ok(())
}
