//! The loop of `naru produce`, and its report.

use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::time::Duration;

use naru_wire::Str;
use serde::Serialize;

use super::command::ProduceArgs;
use super::input::{Parser, lines};
use super::producer::{Producer, Settings, Written};
use crate::failure::Outcome;
use crate::output::Report;
use crate::session::Session;
use crate::table::{Table, or_none};
use crate::units::now_ms;

/// What has gathered is sent when no line has come for this long.
const LINGER: Duration = Duration::from_millis(5);

#[derive(Debug, Serialize)]
struct WrittenTo {
    topic: String,
    partition: usize,
    records: u64,
    /// `None` with --acks 0: nobody says.
    first_offset: Option<i64>,
    last_offset: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Produced(Vec<WrittenTo>);

/// Sends every line, then says where they went.
pub fn run(session: &mut Session, args: &ProduceArgs) -> Outcome {
    session.partitions_of(&args.topic, args.partition.as_slice())?;
    let names = [Str::from(&args.topic)];
    let topic = session.cluster.topics(&names)?.remove(0);
    let settings = Settings {
        codec: args.compression.into(),
        acks: args.acks.into(),
        partition: args.partition.and_then(|index| usize::try_from(index).ok()),
        headers: args.headers.clone(),
    };
    let mut producer = Producer::new(&mut session.cluster, topic, settings)?;
    let outcome = send_all(&mut producer, args);
    let written = producer.written().iter();
    let report = Produced(
        written
            .map(|(partition, written)| WrittenTo::new(&args.topic, *partition, *written))
            .collect(),
    );
    // What was written is written, whatever became of the rest.
    if outcome.is_ok() || !report.0.is_empty() {
        session.print(&report)?;
    }
    outcome
}

fn send_all(producer: &mut Producer<'_>, args: &ProduceArgs) -> Outcome {
    let parser = Parser::new(args);
    let lines = lines(args)?;
    loop {
        let line = match lines.try_recv() {
            Ok(line) => line?,
            Err(TryRecvError::Disconnected) => return producer.flush_all(),
            Err(TryRecvError::Empty) => match lines.recv_timeout(LINGER) {
                Ok(line) => line?,
                Err(RecvTimeoutError::Disconnected) => return producer.flush_all(),
                Err(RecvTimeoutError::Timeout) => {
                    producer.flush_all()?;
                    match lines.recv() {
                        Ok(line) => line?,
                        Err(_) => return Ok(()),
                    }
                }
            },
        };
        let timestamp_ms = args.timestamp.unwrap_or_else(now_ms);
        producer.push(timestamp_ms, parser.parse(line))?;
    }
}

impl WrittenTo {
    fn new(topic: &str, partition: usize, written: Written) -> Self {
        Self {
            topic: topic.to_owned(),
            partition,
            records: written.records,
            first_offset: written.offsets.map(|(first, _)| first),
            last_offset: written.offsets.map(|(_, last)| last),
        }
    }
}

impl Report for Produced {
    fn text(&self) -> String {
        let mut table = Table::new(&["TOPIC", "PARTITION", "RECORDS", "FIRST", "LAST"]);
        for written in &self.0 {
            table.row(vec![
                written.topic.clone(),
                written.partition.to_string(),
                written.records.to_string(),
                or_none(written.first_offset),
                or_none(written.last_offset),
            ]);
        }
        table.to_string()
    }
}
