//! `naru transaction describe`: DescribeTransactions at the id's coordinator.

use clap::Args;
use naru_client::{CoordinatorKind, KafkaError};
use naru_wire::ErrorCode;
use naru_wire::api::describe_transactions::{DescribeTransactionsRequest, TransactionState};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::output::Report;
use crate::session::Session;
use crate::table::joined;
use crate::units::{age, now_ms, time};

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DescribeArgs {
    /// The transactional ids.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Described {
    transactional_id: String,
    state: String,
    producer_id: i64,
    producer_epoch: i16,
    timeout_ms: i32,
    /// `None` if no transaction has begun.
    started_ms: Option<i64>,
    topics: Vec<TopicDescribed>,
    coordinator: i32,
}

#[derive(Debug, Serialize)]
struct TopicDescribed {
    topic: String,
    partitions: Vec<i32>,
}

pub fn run(session: &mut Session, args: &DescribeArgs) -> Outcome {
    let found: Result<Vec<Described>, Failure> =
        args.ids.iter().map(|id| describe(session, id)).collect();
    session.print(&found?)
}

/// The state of an id, as its coordinator has it.
pub(super) fn state_of(session: &mut Session, id: &str) -> Result<TransactionState, KafkaError> {
    let request = DescribeTransactionsRequest {
        transactional_ids: vec![id.into()],
    };
    let kind = CoordinatorKind::Transaction;
    let answer = session
        .cluster
        .call_coordinator(kind, id, &request, i16::MAX, |answer| {
            let first = answer.transaction_states.first();
            first.map_or(ErrorCode::TransactionalIdNotFound, |state| state.error_code)
        })?;
    let state = answer.transaction_states.into_iter().next();
    Ok(state.unwrap_or_default())
}

fn describe(session: &mut Session, id: &str) -> Result<Described, Failure> {
    let state = state_of(session, id)?;
    let coordinator = session
        .cluster
        .coordinator(CoordinatorKind::Transaction, id)?;
    let topics = state.topics.iter().map(|topic| TopicDescribed {
        topic: topic.topic.to_string(),
        partitions: topic.partitions.clone(),
    });
    Ok(Described {
        transactional_id: id.to_owned(),
        state: state.transaction_state.to_string(),
        producer_id: state.producer_id,
        producer_epoch: state.producer_epoch,
        timeout_ms: state.transaction_timeout_ms,
        started_ms: Some(state.transaction_start_time_ms).filter(|started| *started >= 0),
        topics: topics.collect(),
        coordinator,
    })
}

impl Report for Described {
    fn text(&self) -> String {
        let mut text = format!(
            "{}: {}, producer {} (epoch {}), times out after {}, coordinator {}\n",
            self.transactional_id,
            self.state,
            self.producer_id,
            self.producer_epoch,
            age(self.timeout_ms.into()),
            self.coordinator
        );
        if let Some(started_ms) = self.started_ms {
            let open_ms = (now_ms() - started_ms).max(0);
            text.push_str(&format!(
                "begun {} ago, at {}\n",
                age(open_ms),
                time(started_ms)
            ));
        }
        for topic in &self.topics {
            text.push_str(&format!(
                "in {}:{}\n",
                topic.topic,
                joined(&topic.partitions)
            ));
        }
        text
    }
}
