//! `naru group delete-offsets`: OffsetDelete (KIP-496).

use std::collections::BTreeMap;

use clap::Args;
use naru_client::{CoordinatorKind, KafkaError};
use naru_wire::Str;
use naru_wire::api::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use serde::Serialize;

use super::topic_choice::{TopicChoice, partitions_of};
use crate::failure::Outcome;
use crate::output::Report;
use crate::session::Session;

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DeleteOffsetsArgs {
    /// The group.
    group: String,
    /// The topic, or some of its partitions (orders:0,2). May be repeated.
    #[arg(short, long = "topic", value_name = "TOPIC", required = true)]
    topics: Vec<TopicChoice>,
}

#[derive(Debug, Serialize)]
struct Forgotten {
    group: String,
    partitions: Vec<PartitionForgotten>,
}

#[derive(Debug, Serialize)]
struct PartitionForgotten {
    topic: String,
    partition: i32,
}

pub fn run(session: &mut Session, args: &DeleteOffsetsArgs) -> Outcome {
    session.group_must_exist(&args.group)?;
    let mut topics: BTreeMap<Str, Vec<OffsetDeleteRequestPartition>> = BTreeMap::new();
    for (name, partition_index) in partitions_of(session, &args.topics)? {
        let asked = topics.entry(name).or_default();
        asked.push(OffsetDeleteRequestPartition { partition_index });
    }
    let topics = topics.into_iter();
    let request = OffsetDeleteRequest {
        group_id: (&args.group).into(),
        topics: topics
            .map(|(name, partitions)| OffsetDeleteRequestTopic { name, partitions })
            .collect(),
    };
    let kind = CoordinatorKind::Group;
    let answer =
        session
            .cluster
            .call_coordinator(kind, &args.group, &request, i16::MAX, |answer| {
                answer.error_code
            })?;
    let mut partitions = Vec::new();
    for topic in answer.topics {
        for partition in topic.partitions {
            let index = partition.partition_index;
            let what = || format!("forget the offset of {}-{index}", topic.name);
            KafkaError::check(partition.error_code, what, None)?;
            partitions.push(PartitionForgotten {
                topic: topic.name.to_string(),
                partition: index,
            });
        }
    }
    session.print(&Forgotten {
        group: args.group.clone(),
        partitions,
    })
}

impl Report for Forgotten {
    fn text(&self) -> String {
        let partitions = self.partitions.iter();
        partitions
            .map(|of| {
                format!(
                    "{}-{}: {} has no offset\n",
                    of.topic, of.partition, self.group
                )
            })
            .collect()
    }
}
