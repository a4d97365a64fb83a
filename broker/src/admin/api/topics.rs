//! Topics, by name.

use schemars::JsonSchema;
use serde::Serialize;

use super::Paged;
use crate::admin::answer::Problem;
use crate::admin::call::Call;
use crate::cluster::{self, Topic, TopicRef};

/// A topic.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TopicInfo {
    pub name: String,
    /// As Kafka's tools show it.
    pub id: String,
    /// One of Kafka's own, which clients cannot write.
    pub is_internal: bool,
    pub partitions: usize,
    pub replication_factor: usize,
    /// How many configs the topic itself sets.
    pub own_configs: usize,
}

/// A topic, and what its partitions on this broker hold.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TopicDetail {
    #[serde(flatten)]
    pub topic: TopicInfo,
    /// Partitions that this broker has and does not serve.
    pub offline_partitions: usize,
    pub segments: usize,
    pub size_bytes: u64,
}

pub async fn list(call: Call) -> Result<Paged<TopicInfo>, Problem> {
    let page = call.page()?;
    let image = call.broker.image();
    let after = page.after.as_deref();
    let listed = image
        .topics()
        .filter(|topic| after.is_none_or(|after| *topic.name > *after));
    let listed = listed.take(page.limit + 1).map(|topic| info(topic));
    let listed = listed.collect();
    Ok(Paged::of(listed, page.limit, |t: &TopicInfo| {
        t.name.clone()
    }))
}

pub async fn show(call: Call) -> Result<TopicDetail, Problem> {
    let topic = call.topic()?;
    let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
    let reports = call.broker.partitions(&topic, 0..count).await?;
    let mut detail = TopicDetail {
        topic: info(&topic),
        offline_partitions: 0,
        segments: 0,
        size_bytes: 0,
    };
    for report in reports.into_values() {
        match report {
            Some(report) => {
                detail.segments += report.segments;
                detail.size_bytes += report.size_bytes;
            }
            None => detail.offline_partitions += 1,
        }
    }
    Ok(detail)
}

fn info(topic: &Topic) -> TopicInfo {
    let replicas = topic.partitions.iter().map(|p| p.replicas.len());
    TopicInfo {
        name: topic.name.to_string(),
        id: cluster::kafka_text(topic.id),
        is_internal: topic.is_internal(),
        partitions: topic.partitions.len(),
        replication_factor: replicas.max().unwrap_or(0),
        own_configs: topic.configs.len(),
    }
}

impl Call {
    /// The topic that the first name of the path names.
    pub fn topic(&self) -> Result<std::sync::Arc<Topic>, Problem> {
        let name = self.segment(0);
        let topic = self.broker.image().topic(TopicRef::Name(name));
        topic.ok_or_else(|| Problem::not_found(format!("there is no topic {name}")))
    }
}
