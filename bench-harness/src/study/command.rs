//! The command: which broker, which sizes, and where the report goes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::cell::{Cell, CellError, measure};
use super::page::{findings, page};
use crate::brokers::{BrokerError, BrokerUnderTest, Place, PlaceError};
use crate::kafka::{Admin, KafkaError};
use crate::load::{LoadError, settle};
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
    /// How often each size is measured: in each round all of them, in a shuffled order
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Of the order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Before each size, everything is written to the disk that was not yet, and so long is waited
    #[arg(long, default_value = "1s")]
    settle: Span,
    #[command(flatten)]
    place: Place,
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
    #[error(transparent)]
    Place(#[from] PlaceError),
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
    let place = args.place.dir()?;
    let mut sizes: Vec<u64> = args.sizes.iter().map(|ByteSize(bytes)| *bytes).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let mut cells = Cells::default();
    let mut random = fastrand::Rng::with_seed(args.seed);
    for round in 1..=args.rounds {
        let mut order = sizes.clone();
        random.shuffle(&mut order);
        for size in order {
            if cells.refused.contains_key(&size) {
                continue;
            }
            settle(args.settle.0);
            let running = broker.start(&place)?;
            println!("{}, round {round} of {}", ByteSize(size), args.rounds);
            if let Some(reason) = refusal(running.bootstrap(), size)? {
                println!("  not taken: {reason}");
                cells.refused.insert(size, reason);
                continue;
            }
            match measure(running.bootstrap(), size, args.duration.0) {
                Ok(cell) => {
                    println!("  {}", line(&cell));
                    cells.measured.entry(size).or_default().push(cell);
                }
                Err(CellError::Load(LoadError::Interrupted)) => {
                    return Err(CellError::Load(LoadError::Interrupted).into());
                }
                Err(error) => {
                    println!("  FAILED: {error}");
                    cells.failed.push((size, error.to_string()));
                }
            }
        }
    }
    let all = cells;
    let is_clean = all.failed.is_empty()
        && all
            .measured
            .values()
            .flatten()
            .all(|cell| cell.outcome.is_clean());
    let cells = all.middles();
    let mut refused: Vec<(u64, String)> = all.refused.into_iter().collect();
    refused.extend(
        all.failed
            .iter()
            .map(|(size, error)| (*size, format!("failed: {error}"))),
    );
    for finding in findings(&cells) {
        println!("{finding}");
    }
    write(&args.out, &broker.to_string(), &cells, &refused)?;
    println!("{}", args.out.join("report.html").display());
    Ok(if is_clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What came of each size.
#[derive(Default)]
struct Cells {
    measured: BTreeMap<u64, Vec<Cell>>,
    /// Sizes that the broker does not take, with the reason.
    refused: BTreeMap<u64, String>,
    /// Runs that came to no result.
    failed: Vec<(u64, String)>,
}

impl Cells {
    /// Of each size the round whose throughput is the median: the figures of a row belong
    /// together, so they come from one round.
    fn middles(&self) -> Vec<Cell> {
        let middle = |cells: &Vec<Cell>| {
            let mut cells: Vec<&Cell> = cells.iter().collect();
            let rate = |cell: &Cell| cell.outcome.produce.records_per_second();
            cells.sort_by(|one, other| rate(one).total_cmp(&rate(other)));
            cells
                .get(cells.len().saturating_sub(1) / 2)
                .copied()
                .cloned()
        };
        self.measured.values().filter_map(middle).collect()
    }
}

/// Why the broker cannot take records of this size, whatever the topic says.
fn refusal(bootstrap: &str, value_bytes: u64) -> Result<Option<String>, StudyError> {
    let configs = Admin::connect(bootstrap)?.broker_configs()?;
    let limit = configs
        .get("socket.request.max.bytes")
        .and_then(|value| value.parse::<u64>().ok());
    let needed = Settings::for_record(value_bytes, None).socket_request_bytes;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::outcome::{Flow, Outcome};
    use crate::study::Beside;
    use crate::workload::WorkloadOptions;

    #[test]
    fn the_row_of_a_size_is_the_round_in_the_middle() {
        let cell = |records| Cell {
            value_bytes: 10,
            settings: Settings::for_record(10, None),
            outcome: Outcome {
                produce: Flow {
                    records,
                    seconds: 1.0,
                    ..Flow::default()
                },
                ..Outcome::of(&WorkloadOptions::default().resolve().unwrap())
            },
            small: Beside {
                alone: None,
                beside: None,
                has_slipped: false,
            },
            one_byte_over: String::new(),
        };
        let mut cells = Cells::default();
        cells.measured.insert(10, [900, 10, 500].map(cell).into());
        let middles = cells.middles();
        assert_eq!(
            (middles.len(), middles[0].outcome.produce.records),
            (1, 500)
        );
        assert!(Cells::default().middles().is_empty());
    }
}
