//! `naru group reset-offsets`: other offsets for a group that has no members, by OffsetCommit from
//! outside.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use naru_client::{GroupDescription, Isolation, OffsetSpec, Partition};
use naru_wire::ErrorCode;
use serde::Serialize;

use super::topic_choice::{TopicChoice, partitions_of};
use crate::consume::{Start, start_offsets};
use crate::failure::{Failure, Outcome};
use crate::output::Report;
use crate::session::Session;
use crate::table::{Table, or_none};
use crate::units::{duration, timestamp_ms};

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ResetArgs {
    /// The group.
    group: String,
    /// The topic, or some of its partitions (orders:0,2). May be repeated. Without it, all topics
    /// that the group has committed offsets of.
    #[arg(short, long = "topic", value_name = "TOPIC")]
    topics: Vec<TopicChoice>,
    #[command(flatten)]
    target: Target,
    /// Do it. Without this, it is only shown.
    #[arg(long)]
    execute: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// To where the partitions start.
    #[arg(long)]
    to_earliest: bool,
    /// To where they end.
    #[arg(long)]
    to_latest: bool,
    /// To this offset, or the nearest that there is.
    #[arg(long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
    to_offset: Option<i64>,
    /// To the first record that is not older.
    #[arg(long, value_name = "TIME", value_parser = timestamp_ms)]
    to_datetime: Option<i64>,
    /// To the first record that is not older than this long ago: 1h.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    back: Option<Duration>,
    /// By so many records, back if negative.
    #[arg(long, value_name = "RECORDS", allow_hyphen_values = true)]
    shift: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Reset {
    topic: String,
    partition: i32,
    offset_before: Option<i64>,
    offset: i64,
}

#[derive(Debug, Serialize)]
struct AllReset {
    group: String,
    is_executed: bool,
    partitions: Vec<Reset>,
}

pub fn run(session: &mut Session, args: &ResetArgs) -> Outcome {
    must_have_no_members(session, &args.group)?;
    let committed = session.cluster.committed_offsets(&args.group)?;
    let partitions = match args.topics.as_slice() {
        [] if committed.is_empty() => {
            let what = format!("group {} has committed nothing yet", args.group);
            return Err(Failure::new(what).advise("say which topics are meant: --topic"));
        }
        [] => committed.keys().cloned().collect(),
        choices => partitions_of(session, choices)?,
    };
    let targets = targets(session, &args.target, &partitions, &committed)?;
    if args.execute {
        session.cluster.commit_offsets(&args.group, &targets)?;
    }
    let reset = targets.into_iter().map(|(place, offset)| Reset {
        offset_before: committed.get(&place).copied(),
        topic: place.0.to_string(),
        partition: place.1,
        offset,
    });
    session.print(&AllReset {
        group: args.group.clone(),
        is_executed: args.execute,
        partitions: reset.collect(),
    })
}

/// A group that is not there yet has none, either.
fn must_have_no_members(session: &mut Session, group: &str) -> Outcome {
    let members = match session.cluster.describe_group(group) {
        Ok(GroupDescription::Classic(found)) => found.members.len(),
        Ok(GroupDescription::Consumer(found)) => found.members.len(),
        Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => 0,
        Err(error) => return Err(error.into()),
    };
    match members {
        0 => Ok(()),
        count => Err(Failure::new(format!("group {group} has {count} members"))
            .advise("stop them first: they would go on from where they are")),
    }
}

fn targets(
    session: &mut Session,
    target: &Target,
    partitions: &[Partition],
    committed: &BTreeMap<Partition, i64>,
) -> Result<BTreeMap<Partition, i64>, Failure> {
    let cluster = &mut session.cluster;
    let isolation = Isolation::default();
    let start = match (target.to_offset, target.to_datetime, target.back) {
        (Some(offset), ..) => Start::Offset(offset),
        (_, Some(timestamp_ms), _) => Start::At(timestamp_ms),
        (_, _, Some(back)) => Start::Back(back),
        _ if target.to_earliest => Start::Beginning,
        _ => Start::End,
    };
    let Some(shift) = target.shift else {
        return Ok(start_offsets(cluster, partitions, start, isolation)?);
    };
    let starts = cluster.offsets(partitions, OffsetSpec::Earliest, isolation)?;
    let ends = cluster.offsets(partitions, OffsetSpec::Latest, isolation)?;
    let shifted = partitions.iter().map(|place| {
        let Some(offset) = committed.get(place) else {
            let (topic, index) = place;
            let what = format!("the group has committed nothing of {topic}-{index}");
            return Err(Failure::new(what).advise("there is nothing to shift; say where to"));
        };
        let (start, end) = (starts.get(place), ends.get(place));
        let start = start.map_or(0, |found| found.offset);
        let end = end.map_or(start, |found| found.offset).max(start);
        Ok((
            place.clone(),
            offset.saturating_add(shift).clamp(start, end),
        ))
    });
    shifted.collect()
}

impl Report for AllReset {
    fn text(&self) -> String {
        let mut table = Table::new(&["TOPIC", "PARTITION", "BEFORE", "AFTER"]);
        for reset in &self.partitions {
            table.row(vec![
                reset.topic.clone(),
                reset.partition.to_string(),
                or_none(reset.offset_before),
                reset.offset.to_string(),
            ]);
        }
        match self.is_executed {
            true => table.to_string(),
            false => format!("{table}only shown: --execute does it\n"),
        }
    }
}
