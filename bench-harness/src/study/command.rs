//! The command: which broker, which sizes, and where the report goes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::cell::{Cell, CellError, measure};
use super::page::{findings, page, settings_line};
use crate::brokers::{BrokerError, BrokerUnderTest};
use crate::kafka::{Admin, KafkaError};
use crate::measure::Environment;
use crate::which_limit::{Settings, batch_bytes};
use crate::workload::{ByteSize, Span};

/// What a setting costs
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    study: Study,
}

#[derive(Debug, clap::Subcommand)]
enum Study {
    /// What raising message.max.bytes costs, and which settings have to move with it
    SizeLimit(SizeLimit),
}

#[derive(Debug, clap::Args)]
struct SizeLimit {
    /// A broker: host:port
    #[arg(
        long,
        short,
        required_unless_present = "command",
        conflicts_with = "command"
    )]
    bootstrap: Option<String>,
    /// A command that starts a broker on 127.0.0.1:{port} with its data in {data}: anew for each
    /// size, so that its peak of memory belongs to that size
    #[arg(long)]
    command: Option<String>,
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1KB,10KB,100KB,1MB,10MB,100MB"
    )]
    sizes: Vec<ByteSize>,
    /// How long each of the three loads of a size is measured
    #[arg(long, default_value = "5s")]
    duration: Span,
    /// Where report.html and results.json go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    #[error(transparent)]
    Cell(#[from] CellError),
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error("{path}: {source}")]
    Write {
        path: String,
        source: std::io::Error,
    },
}

/// Succeeds if every record of every size came back once, in order and whole.
pub fn execute(args: Args) -> Result<ExitCode, StudyError> {
    let Study::SizeLimit(args) = args.study;
    let broker = match (&args.command, &args.bootstrap) {
        (Some(command), _) => BrokerUnderTest::Command(command.clone()),
        (None, bootstrap) => BrokerUnderTest::Bootstrap(bootstrap.clone().unwrap_or_default()),
    };
    let mut sizes: Vec<u64> = args.sizes.iter().map(|ByteSize(bytes)| *bytes).collect();
    sizes.sort_unstable();
    let (mut cells, mut refused) = (Vec::new(), Vec::new());
    for size in sizes {
        let running = broker.start()?;
        let settings = Settings::for_value(size);
        println!("{}: {}", ByteSize(size), settings_line(&settings));
        match refusal(running.bootstrap(), size)? {
            Some(reason) => {
                println!("  not taken: {reason}");
                refused.push((size, reason));
            }
            None => {
                let cell = measure(running.bootstrap(), size, args.duration.0)?;
                println!("  {}", line(&cell));
                cells.push(cell);
            }
        }
    }
    for finding in findings(&cells) {
        println!("{finding}");
    }
    write(&args.out, &broker.to_string(), &cells, &refused)?;
    println!("{}", args.out.join("report.html").display());
    let is_clean = cells.iter().all(|cell| cell.outcome.is_clean());
    Ok(if is_clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Why the broker cannot take records of this size, whatever the topic says.
fn refusal(bootstrap: &str, value_bytes: u64) -> Result<Option<String>, StudyError> {
    let configs = Admin::connect(bootstrap)?.broker_configs()?;
    let limit = configs
        .get("socket.request.max.bytes")
        .and_then(|value| value.parse::<u64>().ok());
    let needed = Settings::for_value(value_bytes).socket_request_bytes;
    let request = batch_bytes(value_bytes, None) + 1024;
    Ok(limit.filter(|limit| request > *limit).map(|limit| {
        format!(
            "socket.request.max.bytes of the broker is {limit}; start it with at least {needed}"
        )
    }))
}

fn line(cell: &Cell) -> String {
    let outcome = &cell.outcome;
    let p99_ms = outcome
        .ack_latency
        .as_ref()
        .map_or(0.0, |latency| latency.p99_us as f64 / 1e3);
    let small = cell
        .small
        .p99_ratio()
        .map_or_else(String::new, |ratio| format!("{ratio:.1}x"));
    let peak = outcome
        .broker
        .map_or(0, |usage| usage.rss_peak_bytes / 1_000_000);
    format!(
        "{:.0} records/s, {:.1} MB/s, ack p99 {p99_ms:.1} ms, broker peak {peak} MB, small records' p99 {small}; one byte over: {}",
        outcome.produce.records_per_second(),
        outcome.produce.mb_per_second(),
        cell.one_byte_over
    )
}

fn write(
    out: &Path,
    broker: &str,
    cells: &[Cell],
    refused: &[(u64, String)],
) -> Result<(), StudyError> {
    let write = |name: &str, text: String| {
        let path = out.join(name);
        let written = std::fs::create_dir_all(out).and_then(|()| std::fs::write(&path, text));
        written.map_err(|source| StudyError::Write {
            path: path.display().to_string(),
            source,
        })
    };
    let results = serde_json::json!({
        "environment": Environment::of(Path::new(".")),
        "broker": broker,
        "cells": cells,
        "refused": refused,
    });
    write("results.json", format!("{results:#}\n"))?;
    write("report.html", page(broker, cells, refused))
}
