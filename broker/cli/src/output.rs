//! Reports, printed for people or as JSON.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;

/// What a command found: as JSON it is itself.
pub trait Report: Serialize {
    /// As people read it: tables and lines, the last one ended.
    fn text(&self) -> String;
}

/// Of several things, one after the other.
impl<R: Report> Report for Vec<R> {
    fn text(&self) -> String {
        let mut text = String::new();
        for (index, report) in self.iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            // A string takes all that is written to it.
            let _ = write!(text, "{}", report.text());
        }
        text
    }
}

/// Prints a report to stdout.
///
/// # Errors
/// When stdout cannot be written; a pipe whose reader has gone is one of these.
pub fn print(report: &impl Report, as_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if as_json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", report.text())?;
    }
    out.flush()
}
