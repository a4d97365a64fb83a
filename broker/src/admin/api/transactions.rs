//! Transactional ids and their transactions.

use schemars::JsonSchema;
use serde::Serialize;

use super::Paged;
use crate::admin::answer::Problem;
use crate::admin::call::Call;
use crate::transaction::ListFilter;

/// A transactional id.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TransactionInfo {
    pub transactional_id: String,
    pub producer_id: i64,
    /// Kafka's name: Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort.
    pub state: &'static str,
}

/// A transactional id and its transaction.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TransactionDetail {
    #[serde(flatten)]
    pub transaction: TransactionInfo,
    pub producer_epoch: i16,
    pub timeout_ms: i32,
    /// When the transaction began, since 1970; -1 where none is open.
    pub start_ms: i64,
    /// The partitions that wait for its marker.
    pub partitions: Vec<InTransaction>,
}

/// A partition of a transaction.
#[derive(Debug, Serialize, JsonSchema)]
pub struct InTransaction {
    pub topic: String,
    pub partition: i32,
}

pub async fn list(call: Call) -> Result<Paged<TransactionInfo>, Problem> {
    let page = call.page()?;
    let (after, wanted) = (page.after, page.limit + 1);
    let found = call.broker.ask(async move |shard| {
        let (now, mut found) = (shard.transactions.now(), Vec::new());
        // As in Kafka's protocol, a negative duration lets all through.
        let filter = ListFilter {
            duration_ms: -1,
            ..Default::default()
        };
        for slot in shard.transactions.all() {
            let listed = slot.transactions.borrow().list(now, &filter);
            let is_after = |id: &str| after.as_deref().is_none_or(|after| id > after);
            let listed = listed.into_iter();
            found.extend(listed.filter(|one| is_after(&one.transactional_id)));
            shard.io.yield_now().await;
        }
        found.sort_by(|a, b| a.transactional_id.cmp(&b.transactional_id));
        found.truncate(wanted);
        found
    });
    let mut listed: Vec<_> = found.await?.into_iter().flatten().collect();
    listed.sort_by(|a, b| a.transactional_id.cmp(&b.transactional_id));
    let listed = listed.into_iter().take(wanted).map(|one| TransactionInfo {
        transactional_id: one.transactional_id,
        producer_id: one.producer_id,
        state: one.state.name(),
    });
    let listed = listed.collect();
    Ok(Paged::of(listed, page.limit, |t: &TransactionInfo| {
        t.transactional_id.clone()
    }))
}

pub async fn show(call: Call) -> Result<TransactionDetail, Problem> {
    let id = call.segment(0).to_owned();
    let asked = id.clone();
    let found = call.broker.ask(async move |shard| {
        let slots = shard.transactions.all();
        let described = slots
            .iter()
            .map(|slot| slot.transactions.borrow().describe(&asked));
        described.flatten().next()
    });
    let found = found.await?.into_iter().flatten().next();
    let found = found.ok_or_else(|| Problem::not_found(format!("no transactional id {id}")))?;
    let partitions = found.partitions.into_iter().map(|one| InTransaction {
        topic: one.topic,
        partition: one.index,
    });
    Ok(TransactionDetail {
        transaction: TransactionInfo {
            transactional_id: id,
            producer_id: found.producer.producer_id,
            state: found.state.name(),
        },
        producer_epoch: found.producer.producer_epoch,
        timeout_ms: found.timeout_ms,
        start_ms: found.start_ms,
        partitions: partitions.collect(),
    })
}
