//! `naru transaction find-hanging`: what is open in a partition for longer than any transaction may
//! be, and that the coordinator of its producer does not know (KIP-664).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use clap::Args;
use naru_client::{KafkaError, Partition};
use naru_wire::api::describe_transactions::TransactionState;
use naru_wire::api::list_transactions::ListTransactionsRequest;
use naru_wire::{ErrorCode, Str};
use serde::Serialize;

use super::describe::state_of;
use super::open::open_transactions;
use crate::failure::{Failure, Outcome};
use crate::output::Report;
use crate::session::Session;
use crate::table::Table;
use crate::units::{age, duration, now_ms};

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct FindArgs {
    /// Only in these topics; without any, in all.
    #[arg(value_name = "TOPIC")]
    topics: Vec<String>,
    /// Only what has written nothing for longer than this; by default the brokers' usual
    /// transaction.max.timeout.ms, after which a coordinator has aborted what it knows.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "15m")]
    idle_for: Duration,
}

#[derive(Debug, Serialize)]
struct Hanging {
    topic: String,
    partition: i32,
    producer_id: i64,
    producer_epoch: i32,
    start_offset: i64,
    idle_ms: i64,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct AllHanging(Vec<Hanging>);

pub fn run(session: &mut Session, args: &FindArgs) -> Outcome {
    let topics = match args.topics.as_slice() {
        [] => session.all_topics()?,
        named => session.topics_named(named)?,
    };
    let partitions: Vec<Partition> = topics
        .iter()
        .flat_map(|topic| {
            let name = topic.name.clone().unwrap_or_default();
            let partitions = topic.partitions.iter();
            partitions.map(move |partition| (name.clone(), partition.partition_index))
        })
        .collect();
    let idle_min_ms = i64::try_from(args.idle_for.as_millis()).unwrap_or(i64::MAX);
    let now_ms = now_ms();
    let mut open = open_transactions(session, &partitions)?;
    open.retain(|(_, _, producer)| now_ms - producer.last_timestamp >= idle_min_ms);
    let mut known = Known::default();
    let mut hanging = Vec::new();
    for (_, place, producer) in open {
        if known.has(session, producer.producer_id, &place)? {
            continue;
        }
        hanging.push(Hanging {
            topic: place.0.to_string(),
            partition: place.1,
            producer_id: producer.producer_id,
            producer_epoch: producer.producer_epoch,
            start_offset: producer.current_txn_start_offset,
            idle_ms: now_ms - producer.last_timestamp,
        });
    }
    session.print(&AllHanging(hanging))
}

/// What the coordinators know of producers' transactions, asked once for each.
#[derive(Default)]
struct Known(BTreeMap<i64, Option<TransactionState>>);

impl Known {
    fn has(
        &mut self,
        session: &mut Session,
        producer_id: i64,
        place: &Partition,
    ) -> Result<bool, Failure> {
        let state = match self.0.entry(producer_id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(look_up(session, producer_id)?),
        };
        let mut topics = state.iter().flat_map(|state| &state.topics);
        Ok(topics.any(|topic| topic.topic == place.0 && topic.partitions.contains(&place.1)))
    }
}

fn look_up(session: &mut Session, producer_id: i64) -> Result<Option<TransactionState>, Failure> {
    let request = ListTransactionsRequest {
        producer_id_filters: vec![producer_id],
        ..Default::default()
    };
    let mut id: Option<Str> = None;
    for broker in session.cluster.brokers()? {
        let answer = session.cluster.call_node(broker.node_id, &request)?;
        KafkaError::check(answer.error_code, || "list transactions".into(), None)?;
        let mut states = answer.transaction_states.into_iter();
        id = id.or(states.next().map(|state| state.transactional_id));
    }
    let Some(id) = id else { return Ok(None) };
    match state_of(session, &id) {
        // The id may have a newer producer, or be gone since.
        Ok(state) if state.producer_id == producer_id => Ok(Some(state)),
        Ok(_) => Ok(None),
        Err(error) if error.code() == Some(ErrorCode::TransactionalIdNotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Report for AllHanging {
    fn text(&self) -> String {
        let Some(first) = self.0.first() else {
            return "no transaction hangs\n".to_owned();
        };
        let heads = ["TOPIC", "PARTITION", "PRODUCER", "EPOCH", "START", "IDLE"];
        let mut table = Table::new(&heads);
        for hanging in &self.0 {
            table.row(vec![
                hanging.topic.clone(),
                hanging.partition.to_string(),
                hanging.producer_id.to_string(),
                hanging.producer_epoch.to_string(),
                hanging.start_offset.to_string(),
                age(hanging.idle_ms),
            ]);
        }
        let Hanging {
            topic,
            partition,
            start_offset,
            ..
        } = first;
        format!(
            "{table}`naru transaction abort {topic} -p {partition} --start-offset {start_offset}` \
             ends the first of them\n"
        )
    }
}
