//! `naru topic delete-records`: DeleteRecords at the partitions' leaders (KIP-107).

use std::collections::BTreeMap;

use clap::Args;
use naru_client::{Isolation, KafkaError, OffsetSpec, Partition};
use naru_wire::Str;
use naru_wire::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use serde::Serialize;

use crate::ask::confirm;
use crate::failure::{Failure, Outcome};
use crate::output::Report;
use crate::session::Session;
use crate::table::Table;
use crate::units::timestamp_ms;

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DeleteRecordsArgs {
    /// The topic.
    topic: String,
    /// Only of these partitions; without it of all of them.
    #[arg(short, long, value_delimiter = ',', value_name = "PARTITION,...")]
    partitions: Vec<i32>,
    #[command(flatten)]
    before: Before,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[group(required = true, multiple = false)]
struct Before {
    /// Delete the records before this offset.
    #[arg(long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
    before_offset: Option<i64>,
    /// Delete the records before the first that is not older than this.
    #[arg(long, value_name = "TIME", value_parser = timestamp_ms)]
    before_time: Option<i64>,
    /// Delete all records.
    #[arg(long)]
    all_records: bool,
}

#[derive(Debug, Serialize)]
struct Deleted {
    topic: String,
    partition: i32,
    start_offset: i64,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct AllDeleted(Vec<Deleted>);

pub fn run(session: &mut Session, args: &DeleteRecordsArgs) -> Outcome {
    let before = offsets(session, args)?;
    let what = format!(
        "delete records of {} partitions of topic {}",
        before.len(),
        args.topic
    );
    confirm(&what, args.yes)?;
    let names = [Str::from(&args.topic)];
    let leaders = session.cluster.topics(&names)?.remove(0).leaders;
    let mut by_leader: BTreeMap<i32, Vec<DeleteRecordsPartition>> = BTreeMap::new();
    for ((_, index), offset) in before {
        let leader = usize::try_from(index).ok().and_then(|at| leaders.get(at));
        let asked = by_leader.entry(leader.copied().unwrap_or(-1)).or_default();
        asked.push(DeleteRecordsPartition {
            partition_index: index,
            offset,
        });
    }
    let mut deleted = Vec::new();
    for (leader, partitions) in by_leader {
        let request = DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: names[0].clone(),
                partitions,
            }],
            timeout_ms: session.timeout_ms(),
        };
        for topic in session.cluster.call_node(leader, &request)?.topics {
            for answer in topic.partitions {
                let what = || {
                    format!(
                        "delete records of {}-{}",
                        topic.name, answer.partition_index
                    )
                };
                KafkaError::check(answer.error_code, what, None)?;
                deleted.push(Deleted {
                    topic: topic.name.to_string(),
                    partition: answer.partition_index,
                    start_offset: answer.low_watermark,
                });
            }
        }
    }
    deleted.sort_by_key(|deleted| deleted.partition);
    session.print(&AllDeleted(deleted))
}

/// Where each partition shall start.
fn offsets(
    session: &mut Session,
    args: &DeleteRecordsArgs,
) -> Result<BTreeMap<Partition, i64>, Failure> {
    let partitions = session.partitions_of(&args.topic, &args.partitions)?;
    if let Some(offset) = args.before.before_offset {
        return Ok(partitions
            .into_iter()
            .map(|place| (place, offset))
            .collect());
    }
    let mut at = |spec| {
        session
            .cluster
            .offsets(&partitions, spec, Isolation::default())
    };
    let ends = at(OffsetSpec::Latest)?;
    let found = match args.before.before_time {
        Some(timestamp_ms) => at(OffsetSpec::At(timestamp_ms))?,
        None => ends.clone(),
    };
    let offset_of = |place: &Partition| match found.get(place).map_or(-1, |found| found.offset) {
        // All records are older.
        -1 => ends.get(place).map_or(-1, |end| end.offset),
        offset => offset,
    };
    let offsets = partitions
        .iter()
        .map(|place| (place.clone(), offset_of(place)));
    Ok(offsets.collect())
}

impl Report for AllDeleted {
    fn text(&self) -> String {
        let mut table = Table::new(&["TOPIC", "PARTITION", "START"]);
        for deleted in &self.0 {
            table.row(vec![
                deleted.topic.clone(),
                deleted.partition.to_string(),
                deleted.start_offset.to_string(),
            ]);
        }
        table.to_string()
    }
}
