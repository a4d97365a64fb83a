//! The answer to a scrape: what the shards count, then the lag of as many groups as are told of.

use std::rc::Rc;
use std::sync::Arc;

use super::gather::{Detail, Gathered, Told, gather};
use super::render;
use crate::admin::answer::{Answer, Problem};
use crate::admin::call::Call;
use crate::lag::GroupLag;
use crate::metrics::Format;

pub async fn metrics(call: Call) -> Result<Answer, Problem> {
    let format = Format::accepted(&call.accept);
    let broker = Rc::clone(&call.broker);
    let gathered = call.broker.gathered.get(async move {
        let detail = Arc::new(Detail::of(&broker.image(), &broker.config));
        let told = Arc::clone(&detail);
        let shards = broker.ask(async move |shard| gather(shard, told).await);
        let shards = shards.await?;
        let partitions_max = broker.config.naru.metrics_partitions_max as usize;
        let committed = shards.iter().map(|shard| &shard.committed);
        let told = Arc::new(Told::of(committed, partitions_max));
        let groups_left_out = told.left_out;
        let lags = broker.ask(async move |shard| match told.groups.get(shard.id.index()) {
            Some(group_ids) => shard.lag(group_ids).await,
            None => Vec::new(),
        });
        let mut lags: Vec<GroupLag> = lags.await?.into_iter().flatten().collect();
        lags.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        Ok::<_, Problem>(Rc::new(Gathered {
            shards,
            detail,
            lags,
            groups_left_out,
        }))
    });
    let gathered = gathered
        .await
        .ok_or_else(|| Problem::unavailable("the broker stops"))?;
    let gathered = gathered?;
    Ok(Answer {
        content_type: format.content_type(),
        body: render::text(&call.broker, &gathered, format).into(),
    })
}
