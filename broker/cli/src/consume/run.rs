//! The loop of `naru consume`.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::time::{Duration, Instant};

use naru_client::{Fetched, Member, OffsetSpec, Partition, Position};
use naru_wire::Str;

use super::command::ConsumeArgs;
use super::format::Format;
use super::reader::Reader;
use super::start::start_offsets;
use crate::failure::{Failure, Outcome};
use crate::interrupt::{Interrupt, reader_has_gone};
use crate::session::Session;

/// How long a fetch waits for a first record; Ctrl-C is heard within it.
const WAIT_MAX: Duration = Duration::from_millis(300);

const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(2);
const COMMIT_INTERVAL: Duration = Duration::from_secs(5);

/// Reads until there is enough, or somebody wants it to end.
pub fn run(session: &mut Session, args: &ConsumeArgs) -> Outcome {
    let interrupt = Interrupt::install()?;
    let mut writer = Writer {
        out: BufWriter::new(io::stdout().lock()),
        format: match session.prints_json() {
            true => Format::Json,
            false => args.format.clone(),
        },
        left: args.count.unwrap_or(u64::MAX),
    };
    match &args.group {
        None => read_alone(session, args, &interrupt, &mut writer),
        Some(group) => read_as_member(session, args, group, &interrupt, &mut writer),
    }
}

struct Writer {
    out: BufWriter<StdoutLock<'static>>,
    format: Format,
    /// How many more records are wanted.
    left: u64,
}

impl Writer {
    /// Writes what was fetched and tells the reader how far it has come.
    fn write(&mut self, fetched: &[Fetched], reader: &mut Reader) -> Outcome {
        for of_partition in fetched {
            let partition = &of_partition.partition;
            for record in &of_partition.records {
                if self.left == 0 {
                    break;
                }
                self.format.write(&mut self.out, partition, record)?;
                self.left -= 1;
                reader.advance(partition, record.offset + 1);
            }
            if self.left > 0 {
                reader.advance(partition, of_partition.next_offset);
            }
        }
        Ok(self.out.flush()?)
    }
}

fn read_alone(
    session: &mut Session,
    args: &ConsumeArgs,
    interrupt: &Interrupt,
    writer: &mut Writer,
) -> Outcome {
    let mut partitions = Vec::new();
    for topic in &args.topics {
        partitions.extend(session.partitions_of(topic, &args.partitions)?);
    }
    let isolation = args.isolation();
    let ends = match args.until_end {
        true => Some(ends(session, args, &partitions)?),
        false => None,
    };
    let cluster = &mut session.cluster;
    let starts = start_offsets(cluster, &partitions, args.from, isolation)?;
    let mut reader = Reader::new(starts, isolation);
    while writer.left > 0 && !interrupt.is_requested() {
        if ends.as_ref().is_some_and(|ends| is_past(&reader, ends)) {
            break;
        }
        let fetched = reader.fetch(cluster, WAIT_MAX)?;
        if fetched.is_empty() && reader_has_gone() {
            break;
        }
        writer.write(&fetched, &mut reader)?;
    }
    Ok(())
}

fn ends(
    session: &mut Session,
    args: &ConsumeArgs,
    partitions: &[Partition],
) -> Result<BTreeMap<Partition, i64>, Failure> {
    let found = session
        .cluster
        .offsets(partitions, OffsetSpec::Latest, args.isolation())?;
    Ok(found
        .into_iter()
        .map(|(place, found)| (place, found.offset))
        .collect())
}

fn is_past(reader: &Reader, ends: &BTreeMap<Partition, i64>) -> bool {
    let mut positions = reader.positions().iter();
    positions.all(|(place, position)| ends.get(place).is_none_or(|end| position >= end))
}

/// What is printed is committed: every few seconds, before a rebalance, and at the end.
fn read_as_member(
    session: &mut Session,
    args: &ConsumeArgs,
    group: &str,
    interrupt: &Interrupt,
    writer: &mut Writer,
) -> Outcome {
    session.topics_named(&args.topics)?;
    let names: Vec<Str> = args.topics.iter().map(Str::from).collect();
    let topics = session.cluster.topics(&names)?;
    let all: Vec<Partition> = topics
        .iter()
        .flat_map(|topic| {
            (0..)
                .zip(&topic.leaders)
                .map(|(index, _)| (topic.name.clone(), index))
        })
        .collect();
    let ends = match args.until_end {
        true => Some(ends(session, args, &all)?),
        false => None,
    };
    let mut member = Member::new(group, topics);
    let mut outcome = Ok(());
    while outcome.is_ok() && writer.left > 0 && !interrupt.is_requested() {
        let assigned = member.join(&mut session.cluster)?;
        let mut reader = Reader::new(positions(session, args, assigned)?, args.isolation());
        let ended = read_until_rebalance(
            session,
            &member,
            &mut reader,
            interrupt,
            writer,
            ends.as_ref(),
        );
        if !matches!(ended, Err(Failure::ReaderGone)) {
            // A group that has gone on without us gives the records to somebody else.
            let committed = commit(session, &member, &reader);
            if matches!(ended, Ok(true)) {
                committed?;
            }
        }
        match ended {
            Ok(true) => break,
            Ok(false) => {}
            Err(error) => outcome = Err(error),
        }
    }
    let left = member.leave(&mut session.cluster);
    // Why the reading ended says more than a leave that failed after it.
    outcome?;
    Ok(left?)
}

/// Whether the reading is over; if not, the group wants the member to join again.
fn read_until_rebalance(
    session: &mut Session,
    member: &Member,
    reader: &mut Reader,
    interrupt: &Interrupt,
    writer: &mut Writer,
    ends: Option<&BTreeMap<Partition, i64>>,
) -> Result<bool, Failure> {
    let (mut beaten, mut committed) = (Instant::now(), Instant::now());
    loop {
        let is_enough = writer.left == 0 || ends.is_some_and(|ends| is_past(reader, ends));
        if is_enough || interrupt.is_requested() {
            return Ok(true);
        }
        let fetched = reader.fetch(&mut session.cluster, WAIT_MAX)?;
        if fetched.is_empty() && reader_has_gone() {
            return Err(Failure::ReaderGone);
        }
        writer.write(&fetched, reader)?;
        if beaten.elapsed() >= HEARTBEAT_INTERVAL {
            if !member.heartbeat(&mut session.cluster)? {
                return Ok(false);
            }
            beaten = Instant::now();
        }
        if committed.elapsed() >= COMMIT_INTERVAL {
            commit(session, member, reader)?;
            committed = Instant::now();
        }
    }
}

fn commit(session: &mut Session, member: &Member, reader: &Reader) -> Outcome {
    let positions = reader.positions().iter();
    let positions: Vec<Position> = positions
        .map(|((name, index), offset)| (name.clone(), *index, *offset))
        .collect();
    Ok(member.commit(&mut session.cluster, &positions)?)
}

/// Where the group is; where it has no offset yet, `--from` counts.
fn positions(
    session: &mut Session,
    args: &ConsumeArgs,
    assigned: Vec<Position>,
) -> Result<BTreeMap<Partition, i64>, Failure> {
    let is_new = |(name, index, offset): &Position| (*offset < 0).then(|| (name.clone(), *index));
    let fresh: Vec<Partition> = assigned.iter().filter_map(is_new).collect();
    let mut positions = start_offsets(&mut session.cluster, &fresh, args.from, args.isolation())?;
    for (name, index, offset) in assigned {
        positions.entry((name, index)).or_insert(offset);
    }
    Ok(positions)
}
