//! `naru log dirs`: DescribeLogDirs at every broker (KIP-113, KIP-827).

use naru_client::{KafkaError, name};
use naru_wire::api::describe_log_dirs::{DescribeLogDirsRequest, DescribeLogDirsResult};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::output::Report;
use crate::session::Session;
use crate::table::{Table, or_none};
use crate::units::size;

#[derive(Debug, Serialize)]
struct Dir {
    broker: i32,
    dir: String,
    /// KAFKA_STORAGE_ERROR if the broker has given it up.
    error: Option<String>,
    partitions: usize,
    log_bytes: i64,
    /// Of the file system; `None` before Kafka 3.3.
    total_bytes: Option<i64>,
    usable_bytes: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Dirs(Vec<Dir>);

/// The directories of each broker, with all their partitions.
pub(super) fn ask(session: &mut Session) -> Result<Vec<(i32, DescribeLogDirsResult)>, Failure> {
    let request = DescribeLogDirsRequest { topics: None };
    let mut dirs = Vec::new();
    for broker in session.cluster.brokers()? {
        let answer = session.cluster.call_node(broker.node_id, &request)?;
        KafkaError::check(
            answer.error_code,
            || "describe log directories".into(),
            None,
        )?;
        dirs.extend(answer.results.into_iter().map(|dir| (broker.node_id, dir)));
    }
    Ok(dirs)
}

pub fn run(session: &mut Session) -> Outcome {
    let dirs = ask(session)?.into_iter().map(|(broker, dir)| {
        let partitions = dir.topics.iter().flat_map(|topic| &topic.partitions);
        let known = |bytes: i64| Some(bytes).filter(|bytes| *bytes >= 0);
        Dir {
            broker,
            dir: dir.log_dir.to_string(),
            error: (!dir.error_code.is_none()).then(|| name(dir.error_code)),
            partitions: partitions.clone().count(),
            log_bytes: partitions.map(|partition| partition.partition_size).sum(),
            total_bytes: known(dir.total_bytes),
            usable_bytes: known(dir.usable_bytes),
        }
    });
    session.print(&Dirs(dirs.collect()))
}

impl Report for Dirs {
    fn text(&self) -> String {
        let heads = [
            "BROKER",
            "DIRECTORY",
            "PARTITIONS",
            "LOGS",
            "FREE",
            "OF",
            "ERROR",
        ];
        let mut table = Table::new(&heads);
        for dir in &self.0 {
            table.row(vec![
                dir.broker.to_string(),
                dir.dir.clone(),
                dir.partitions.to_string(),
                size(dir.log_bytes),
                or_none(dir.usable_bytes.map(size)),
                or_none(dir.total_bytes.map(size)),
                or_none(dir.error.clone()),
            ]);
        }
        table.to_string()
    }
}
