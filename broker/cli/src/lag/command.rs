//! `naru lag`: the words, the rounds of `--watch`, and the report.

use std::cmp::Reverse;
use std::io::{self, IsTerminal, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use super::measure::{PartitionLag, measure};
use crate::failure::{Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::output::Report;
use crate::session::Session;
use crate::table::{NONE, Table};
use crate::units::{age, duration};

/// Ctrl-C is heard within this.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Clears a terminal and begins at its top.
const CLEAR: &str = "\x1b[H\x1b[2J";

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct LagArgs {
    /// The groups to show, partition by partition; without any, all groups, a line each.
    #[arg(value_name = "GROUP")]
    groups: Vec<String>,
    /// Show it again and again, until Ctrl-C; every 5 seconds, if not said otherwise.
    #[arg(short, long, value_name = "TIME", num_args = 0..=1, default_missing_value = "5s",
        value_parser = duration)]
    watch: Option<Duration>,
}

#[derive(Debug, Serialize)]
struct GroupLag {
    group: String,
    lag_records: i64,
    /// Of the partition that is furthest behind in time.
    lag_ms: i64,
    lost_records: i64,
    partitions: Vec<PartitionLag>,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Lags {
    groups: Vec<GroupLag>,
    #[serde(skip)]
    by_partition: bool,
}

/// Shows the lag, once or until somebody has seen enough.
pub fn run(session: &mut Session, args: &LagArgs) -> Outcome {
    let Some(interval) = args.watch else {
        let lags = look(session, args)?;
        return session.print(&lags);
    };
    let interrupt = Interrupt::install()?;
    while !interrupt.is_requested() {
        let lags = look(session, args)?;
        if io::stdout().is_terminal() && !session.prints_json() {
            write!(io::stdout(), "{CLEAR}")?;
        }
        session.print(&lags)?;
        let next = Instant::now() + interval;
        while Instant::now() < next && !interrupt.is_requested() {
            sleep(LOOK_INTERVAL.min(next.saturating_duration_since(Instant::now())));
        }
    }
    Ok(())
}

fn look(session: &mut Session, args: &LagArgs) -> Result<Lags, Failure> {
    let groups = match args.groups.as_slice() {
        [] => {
            let listed = session.cluster.list_groups()?.into_iter();
            let listed = listed.map(|(_, group)| group.group_id.to_string());
            listed.collect()
        }
        named => named.to_vec(),
    };
    let mut lags = Vec::new();
    for group in groups {
        let committed = session.cluster.committed_offsets(&group)?;
        if committed.is_empty() && !args.groups.is_empty() {
            session.group_must_exist(&group)?;
        }
        let mut partitions = measure(&mut session.cluster, &committed)?;
        partitions.sort_by_key(|lag| Reverse((lag.lag_ms, lag.lag_records)));
        // Share and connect groups, and those that commit elsewhere, have no offsets here.
        if !partitions.is_empty() || !args.groups.is_empty() {
            lags.push(GroupLag::of(group, partitions));
        }
    }
    lags.sort_by_key(|lag| Reverse((lag.lag_ms, lag.lag_records)));
    Ok(Lags {
        groups: lags,
        by_partition: !args.groups.is_empty(),
    })
}

impl GroupLag {
    fn of(group: String, partitions: Vec<PartitionLag>) -> Self {
        let sum = |of: fn(&PartitionLag) -> i64| partitions.iter().map(of).sum();
        let worst_ms = partitions.iter().map(|partition| partition.lag_ms).max();
        Self {
            group,
            lag_records: sum(|partition| partition.lag_records),
            lag_ms: worst_ms.unwrap_or_default(),
            lost_records: sum(|partition| partition.lost_records),
            partitions,
        }
    }
}

/// A time, or nothing to read.
pub fn shown(lag_records: i64, lag_ms: i64) -> String {
    match lag_records {
        0 => NONE.to_owned(),
        _ => age(lag_ms),
    }
}

impl Report for Lags {
    fn text(&self) -> String {
        if !self.by_partition {
            let mut table = Table::new(&["GROUP", "RECORDS", "TIME", "LOST", "PARTITIONS"]);
            for group in &self.groups {
                table.row(vec![
                    group.group.clone(),
                    group.lag_records.to_string(),
                    shown(group.lag_records, group.lag_ms),
                    group.lost_records.to_string(),
                    group.partitions.len().to_string(),
                ]);
            }
            return table.to_string();
        }
        let heads = [
            "GROUP",
            "TOPIC",
            "PARTITION",
            "COMMITTED",
            "END",
            "RECORDS",
            "TIME",
            "LOST",
        ];
        let mut table = Table::new(&heads);
        for group in &self.groups {
            for partition in &group.partitions {
                table.row(vec![
                    group.group.clone(),
                    partition.topic.clone(),
                    partition.partition.to_string(),
                    partition.committed_offset.to_string(),
                    partition.end_offset.to_string(),
                    partition.lag_records.to_string(),
                    shown(partition.lag_records, partition.lag_ms),
                    partition.lost_records.to_string(),
                ]);
            }
        }
        table.to_string()
    }
}
