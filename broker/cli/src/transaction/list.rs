//! `naru transaction list`: ListTransactions at every broker.

use std::time::Duration;

use clap::Args;
use naru_client::KafkaError;
use naru_wire::Str;
use naru_wire::api::list_transactions::ListTransactionsRequest;
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::nearest::did_you_mean;
use crate::output::Report;
use crate::session::Session;
use crate::table::Table;
use crate::units::duration;

/// The names of Kafka's `TransactionState`.
const STATES: [&str; 8] = [
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Dead",
    "PrepareEpochFence",
];

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ListArgs {
    /// Only those in this state: Ongoing, CompleteCommit, ... May be repeated.
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<String>,
    /// Only those that have been open for longer than this.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    open_for: Option<Duration>,
}

#[derive(Debug, Serialize)]
struct Listed {
    transactional_id: String,
    producer_id: i64,
    state: String,
    coordinator: i32,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Transactions(Vec<Listed>);

pub fn run(session: &mut Session, args: &ListArgs) -> Outcome {
    if let Some(unknown) = args
        .states
        .iter()
        .find(|state| !STATES.contains(&state.as_str()))
    {
        let failure = Failure::new(format!("there is no state {unknown}"));
        let hint = did_you_mean(unknown, STATES);
        return Err(
            failure.advise(hint.unwrap_or_else(|| format!("there is {}", STATES.join(", "))))
        );
    }
    let open_for_ms = args.open_for.map(|time| time.as_millis());
    let request = ListTransactionsRequest {
        state_filters: args.states.iter().map(Str::from).collect(),
        duration_filter: open_for_ms.map_or(-1, |ms| i64::try_from(ms).unwrap_or(i64::MAX)),
        ..Default::default()
    };
    let mut found = Vec::new();
    for broker in session.cluster.brokers()? {
        let coordinator = broker.node_id;
        let answer = session.cluster.until_it_passes(|cluster| {
            let answer = cluster.call_node(coordinator, &request)?;
            KafkaError::check(answer.error_code, || "list transactions".into(), None)?;
            Ok(answer)
        })?;
        found.extend(answer.transaction_states.iter().map(|state| Listed {
            transactional_id: state.transactional_id.to_string(),
            producer_id: state.producer_id,
            state: state.transaction_state.to_string(),
            coordinator,
        }));
    }
    found.sort_by(|a, b| a.transactional_id.cmp(&b.transactional_id));
    session.print(&Transactions(found))
}

impl Report for Transactions {
    fn text(&self) -> String {
        let mut table = Table::new(&["TRANSACTIONAL ID", "PRODUCER", "STATE", "COORDINATOR"]);
        for listed in &self.0 {
            table.row(vec![
                listed.transactional_id.clone(),
                listed.producer_id.to_string(),
                listed.state.clone(),
                listed.coordinator.to_string(),
            ]);
        }
        table.to_string()
    }
}
