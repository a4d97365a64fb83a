//! The logs of all partitions that this broker has, and what they take of the disk.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::Paged;
use super::partitions::LogInfo;
use crate::admin::answer::Problem;
use crate::admin::call::Call;
use crate::cluster::{ClusterImage, Topic};
use crate::partition::PartitionId;

/// The log of one partition.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PartitionLog {
    pub topic: String,
    pub partition: i32,
    /// Null where this broker serves nothing of it.
    pub log: Option<LogInfo>,
}

/// By topic and partition; a key of a page is `topic/partition`.
pub async fn list(call: Call) -> Result<Paged<PartitionLog>, Problem> {
    let page = call.page()?;
    let after = page.after.as_deref().map(place).transpose()?;
    let image = call.broker.image();
    let places = places(&image, after, page.limit + 1);
    let ids = places.iter().map(|(topic, index)| PartitionId {
        topic_id: topic.id,
        index: *index,
    });
    let reports = call.broker.reports(ids.clone().collect()).await?;
    let logs = places
        .iter()
        .zip(ids)
        .map(|((topic, index), id)| PartitionLog {
            topic: topic.name.to_string(),
            partition: *index,
            log: reports.get(&id).and_then(Option::as_ref).map(LogInfo::of),
        });
    let logs = logs.collect();
    Ok(Paged::of(logs, page.limit, |log: &PartitionLog| {
        format!("{}/{}", log.topic, log.partition)
    }))
}

fn place(text: &str) -> Result<(&str, i32), Problem> {
    let place = text.rsplit_once('/');
    let place = place.and_then(|(topic, index)| Some((topic, index.parse().ok()?)));
    place.ok_or_else(|| Problem::bad_request(format!("after={text} is not topic/partition")))
}

/// The first `count` partitions after `after`, in order.
fn places(
    image: &ClusterImage,
    after: Option<(&str, i32)>,
    count: usize,
) -> Vec<(Arc<Topic>, i32)> {
    let places = image.topics().flat_map(|topic| {
        let first = match after {
            Some((name, _)) if *topic.name < *name => topic.partitions.len(),
            Some((name, index)) if *topic.name == *name => {
                usize::try_from(index.saturating_add(1)).unwrap_or(0)
            }
            _ => 0,
        };
        let indexes = first..topic.partitions.len();
        indexes.map(|index| (Arc::clone(topic), index as i32))
    });
    places.take(count).collect()
}
