//! What was found, for people or as JSON.

use std::io::{self, Write};
use std::process::ExitCode;

use super::directory::{Found, Looked};
use crate::cli::VerifyArgs;

/// Prints, and says with which code to end: 1 if there is a problem.
pub fn print(looked: &Looked, args: &VerifyArgs) -> ExitCode {
    let mut out = io::stdout().lock();
    let printed = if args.json {
        serde_json::to_writer_pretty(&mut out, looked)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        table(&mut out, looked, args.notes)
    };
    // Whoever reads may have gone: the code still tells.
    let _ = printed;
    match looked.problems().next() {
        None => ExitCode::SUCCESS,
        Some(_) => ExitCode::FAILURE,
    }
}

fn table(out: &mut impl Write, looked: &Looked, with_notes: bool) -> io::Result<()> {
    for found in &looked.findings {
        if with_notes || found.severity == "problem" {
            writeln!(out, "{}", line(found))?;
        }
    }
    let problems = looked.problems().count();
    let notes = looked.findings.len() - problems;
    let sum = |of: fn(&super::directory::PartitionLooked) -> u64| -> u64 {
        looked.partitions.iter().map(of).sum()
    };
    writeln!(
        out,
        "{} topics, {} partitions, {} segments, {} batches, {} records, {} bytes: {}",
        looked.topics,
        looked.partitions.len(),
        sum(|partition| partition.segments as u64),
        sum(|partition| partition.batches),
        sum(|partition| partition.records),
        sum(|partition| partition.bytes),
        match problems {
            0 => "nothing is wrong".to_owned(),
            1 => "1 problem".to_owned(),
            more => format!("{more} problems"),
        }
    )?;
    if notes > 0 && !with_notes {
        writeln!(
            out,
            "{notes} notes of what the next start puts right by itself: --notes shows them"
        )?;
    }
    Ok(())
}

fn line(found: &Found) -> String {
    let mut place = found.file.display().to_string();
    if let Some(position) = found.position {
        place.push_str(&format!(" at byte {position}"));
    }
    if let Some(offset) = found.offset {
        place.push_str(&format!(" (offset {offset})"));
    }
    format!("{}: {place}: {}", found.severity, found.what)
}
