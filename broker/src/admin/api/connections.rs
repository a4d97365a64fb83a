//! The connections of clients, shard by shard.

use schemars::JsonSchema;
use serde::Serialize;

use super::Paged;
use crate::admin::answer::Problem;
use crate::admin::call::Call;

/// A connection.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ConnectionInfo {
    /// `shard/slot`; the slot is used again once the connection is closed.
    pub id: String,
    /// The peer's, as host:port.
    pub address: String,
    /// The name of the listener that it came in by.
    pub listener: String,
    /// The shard that serves it.
    pub shard: usize,
    pub age_ms: u64,
    /// Since when nothing was received or sent.
    pub idle_ms: u64,
    /// A request or an answer is under way.
    pub is_busy: bool,
}

pub async fn list(call: Call) -> Result<Paged<ConnectionInfo>, Problem> {
    let page = call.page()?;
    let after = page.after.as_deref().map(place).transpose()?;
    let wanted = page.limit + 1;
    let found = call.broker.ask(async move |shard| {
        let own = shard.id.index();
        let slot = match after {
            Some((asked, _)) if own < asked => return Vec::new(),
            Some((asked, slot)) if own == asked => Some(slot),
            _ => None,
        };
        shard.connections.report(slot, wanted, shard.io.now())
    });
    let listeners = &call.broker.config.listeners;
    let shards = found.await?.into_iter().enumerate();
    let listed = shards.flat_map(|(shard, open)| open.into_iter().map(move |one| (shard, one)));
    let listed = listed.take(wanted).map(|(shard, open)| ConnectionInfo {
        id: format!("{shard}/{}", open.slot),
        address: open.address.to_string(),
        listener: listeners
            .get(open.listener)
            .map_or_else(String::new, |listener| listener.name.clone()),
        shard,
        age_ms: u64::try_from(open.age.as_millis()).unwrap_or(u64::MAX),
        idle_ms: u64::try_from(open.idle.as_millis()).unwrap_or(u64::MAX),
        is_busy: open.is_busy,
    });
    let listed = listed.collect();
    Ok(Paged::of(listed, page.limit, |c: &ConnectionInfo| {
        c.id.clone()
    }))
}

fn place(text: &str) -> Result<(usize, usize), Problem> {
    let place = text.split_once('/');
    let place = place.and_then(|(shard, slot)| Some((shard.parse().ok()?, slot.parse().ok()?)));
    place.ok_or_else(|| Problem::bad_request(format!("after={text} is not shard/slot")))
}
