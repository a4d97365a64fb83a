//! `/metrics`: every shard is asked once, and what they say is added up and written as text.
//!
//! One gathering is under way at a time; those who ask meanwhile get its result. So neither many
//! scrapers nor slow ones cost the shards more than one that asks as fast as they answer.

mod gather;
mod process;
mod render;
mod shared;

use std::rc::Rc;
use std::sync::Arc;

pub use gather::Gathered;
pub use shared::Shared;

use super::answer::{Answer, Problem};
use super::call::Call;
use crate::metrics::Format;
use gather::{Detail, gather};

pub async fn metrics(call: Call) -> Result<Answer, Problem> {
    let format = Format::accepted(&call.accept);
    let broker = Rc::clone(&call.broker);
    let gathered = call.broker.gathered.get(async move {
        let detail = Arc::new(Detail::of(&broker.image(), &broker.config));
        let told = Arc::clone(&detail);
        let shards = broker.ask(async move |shard| gather(shard, told).await);
        let shards = shards.await?;
        Ok::<_, Problem>(Rc::new(Gathered { shards, detail }))
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
