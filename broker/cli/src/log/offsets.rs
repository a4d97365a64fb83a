//! `naru log offsets`: ListOffsets, by any of its questions.

use std::str::FromStr;

use clap::Args;
use naru_client::{Isolation, OffsetSpec};
use serde::Serialize;

use crate::failure::Outcome;
use crate::output::Report;
use crate::session::Session;
use crate::table::{Table, or_none};
use crate::units::{duration, now_ms, time, timestamp_ms};

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct OffsetsArgs {
    /// The topic.
    topic: String,
    /// Only of these partitions; without it of all of them.
    #[arg(short, long, value_delimiter = ',', value_name = "PARTITION,...")]
    partitions: Vec<i32>,
    /// `earliest`, `latest`, `max-timestamp`, a time back (1h) or a time (2026-11-24T18:30:00Z):
    /// the first record that is not older.
    #[arg(long, value_name = "WHEN", default_value = "latest")]
    at: When,
    /// Of what transactions have committed: `latest` is the last stable offset.
    #[arg(long)]
    read_committed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct When(OffsetSpec);

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text {
            "earliest" | "beginning" => OffsetSpec::Earliest,
            "latest" | "end" => OffsetSpec::Latest,
            "max-timestamp" => OffsetSpec::MaxTimestamp,
            // A number is a timestamp here, not seconds back.
            _ => match (timestamp_ms(text), duration(text)) {
                (Ok(timestamp_ms), _) => OffsetSpec::At(timestamp_ms),
                (_, Ok(back)) => {
                    let back_ms = i64::try_from(back.as_millis()).unwrap_or(i64::MAX);
                    OffsetSpec::At(now_ms().saturating_sub(back_ms).max(0))
                }
                (Err(wrong), _) => return Err(wrong),
            },
        }))
    }
}

#[derive(Debug, Serialize)]
struct At {
    topic: String,
    partition: i32,
    /// `None` if no record is that young.
    offset: Option<i64>,
    /// `None` for earliest and latest.
    timestamp_ms: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Offsets(Vec<At>);

pub fn run(session: &mut Session, args: &OffsetsArgs) -> Outcome {
    let partitions = session.partitions_of(&args.topic, &args.partitions)?;
    let isolation = match args.read_committed {
        true => Isolation::ReadCommitted,
        false => Isolation::ReadUncommitted,
    };
    let known = |number: i64| Some(number).filter(|number| *number >= 0);
    let found = session
        .cluster
        .offsets(&partitions, args.at.0, isolation)?
        .into_iter();
    let offsets = found.map(|((topic, partition), found)| At {
        topic: topic.to_string(),
        partition,
        offset: known(found.offset),
        timestamp_ms: known(found.timestamp_ms),
    });
    session.print(&Offsets(offsets.collect()))
}

impl Report for Offsets {
    fn text(&self) -> String {
        let mut table = Table::new(&["TOPIC", "PARTITION", "OFFSET", "TIMESTAMP"]);
        for at in &self.0 {
            table.row(vec![
                at.topic.clone(),
                at.partition.to_string(),
                or_none(at.offset),
                or_none(at.timestamp_ms.map(time)),
            ]);
        }
        table.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_word_a_time_or_a_time_back() {
        let when = |text: &str| text.parse::<When>().map(|when| when.0);
        assert_eq!(when("latest"), Ok(OffsetSpec::Latest));
        assert_eq!(when("1000"), Ok(OffsetSpec::At(1000)));
        assert_eq!(when("1970-01-01T00:00:01Z"), Ok(OffsetSpec::At(1000)));
        assert!(matches!(when("1h"), Ok(OffsetSpec::At(at)) if at < now_ms()));
        assert!(when("soon").is_err());
    }
}
