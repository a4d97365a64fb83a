//! `naru topic describe`: Metadata, ListOffsets, DescribeLogDirs and DescribeConfigs together.

use std::collections::BTreeMap;

use clap::Args;
use naru_client::{Isolation, OffsetSpec, Partition};
use naru_wire::api::metadata::MetadataResponseTopic;
use serde::Serialize;

use super::sizes;
use crate::config::{self, ConfigSource, Resource};
use crate::failure::{Failure, Outcome};
use crate::output::Report;
use crate::session::Session;
use crate::table::{Table, joined, or_none};
use crate::units::size;

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DescribeArgs {
    /// The topics.
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Described {
    topic: String,
    topic_id: String,
    is_internal: bool,
    partitions: Vec<PartitionDescribed>,
    /// Those that are not the default.
    configs: Vec<ConfigDescribed>,
}

#[derive(Debug, Serialize)]
struct PartitionDescribed {
    partition: i32,
    /// `None` where there is no leader; then there are no offsets, either.
    leader: Option<i32>,
    leader_epoch: i32,
    replicas: Vec<i32>,
    isr: Vec<i32>,
    start_offset: Option<i64>,
    end_offset: Option<i64>,
    /// `None` if the broker does not say.
    size_bytes: Option<i64>,
}

#[derive(Debug, Serialize)]
struct ConfigDescribed {
    name: String,
    value: Option<String>,
    source: ConfigSource,
}

pub fn run(session: &mut Session, args: &DescribeArgs) -> Outcome {
    let topics = session.topics_named(&args.topics)?;
    let described: Result<Vec<Described>, Failure> = topics
        .iter()
        .map(|topic| describe(session, topic))
        .collect();
    session.print(&described?)
}

fn describe(session: &mut Session, topic: &MetadataResponseTopic) -> Result<Described, Failure> {
    let name = topic.name.clone().unwrap_or_default();
    let led: BTreeMap<Partition, i32> = topic
        .partitions
        .iter()
        .filter(|partition| partition.leader_id >= 0)
        .map(|partition| {
            (
                (name.clone(), partition.partition_index),
                partition.leader_id,
            )
        })
        .collect();
    let has_leaders = led.len() == topic.partitions.len();
    let mut ends = |spec| match has_leaders {
        true => {
            let wanted: Vec<Partition> = led.keys().cloned().collect();
            session.cluster.offsets(&wanted, spec, Isolation::default())
        }
        false => Ok(BTreeMap::new()),
    };
    let starts = ends(OffsetSpec::Earliest)?;
    let ends = ends(OffsetSpec::Latest)?;
    // Older brokers, and those that forbid it, do not say; the rest is worth showing.
    let sizes = sizes::of_leaders(session, &led).unwrap_or_default();
    let mut partitions: Vec<_> = topic.partitions.iter().collect();
    partitions.sort_by_key(|partition| partition.partition_index);
    let partitions = partitions.into_iter().map(|partition| {
        let place = (name.clone(), partition.partition_index);
        PartitionDescribed {
            partition: partition.partition_index,
            leader: led.get(&place).copied(),
            leader_epoch: partition.leader_epoch,
            replicas: partition.replica_nodes.clone(),
            isr: partition.isr_nodes.clone(),
            start_offset: starts.get(&place).map(|found| found.offset),
            end_offset: ends.get(&place).map(|found| found.offset),
            size_bytes: sizes.get(&place).copied(),
        }
    });
    Ok(Described {
        topic: name.to_string(),
        topic_id: topic.topic_id.to_string(),
        is_internal: topic.is_internal,
        partitions: partitions.collect(),
        configs: changed_configs(session, &name)?,
    })
}

fn changed_configs(session: &mut Session, topic: &str) -> Result<Vec<ConfigDescribed>, Failure> {
    let configs = config::describe(&mut session.cluster, &Resource::topic(topic), None, false)?;
    let changed = configs.into_iter();
    let changed = changed.filter(|config| config.source != ConfigSource::Default);
    Ok(changed
        .map(|config| ConfigDescribed {
            name: config.name,
            value: config.value,
            source: config.source,
        })
        .collect())
}

impl Report for Described {
    fn text(&self) -> String {
        let mut table = Table::new(&[
            "PARTITION",
            "LEADER",
            "EPOCH",
            "REPLICAS",
            "ISR",
            "START",
            "END",
            "SIZE",
        ]);
        for partition in &self.partitions {
            table.row(vec![
                partition.partition.to_string(),
                or_none(partition.leader),
                partition.leader_epoch.to_string(),
                joined(&partition.replicas),
                joined(&partition.isr),
                or_none(partition.start_offset),
                or_none(partition.end_offset),
                or_none(partition.size_bytes.map(size)),
            ]);
        }
        let internal = if self.is_internal { ", internal" } else { "" };
        let mut text = format!("{} (id {}{internal})\n{table}", self.topic, self.topic_id);
        if !self.configs.is_empty() {
            let mut configs = Table::new(&["CONFIG", "VALUE", "SET AS"]);
            for config in &self.configs {
                configs.row(vec![
                    config.name.clone(),
                    or_none(config.value.clone()),
                    config.source.to_string(),
                ]);
            }
            text.push_str(&configs.to_string());
        }
        text
    }
}
