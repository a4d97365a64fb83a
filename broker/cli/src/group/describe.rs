//! `naru group describe`: a group as its coordinator shows it, and its lag.

use std::collections::BTreeMap;

use clap::Args;
use naru_client::{CoordinatorKind, GroupDescription, Partition, read_assignment};
use naru_wire::api::consumer_group_describe::ConsumerGroupDescribeAssignment;
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::lag::{PartitionLag, measure, shown};
use crate::output::Report;
use crate::session::Session;
use crate::table::{Table, joined, or_none};

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DescribeArgs {
    /// The groups.
    #[arg(required = true, value_name = "GROUP")]
    groups: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Described {
    group: String,
    state: String,
    /// `classic` or `consumer` (KIP-848).
    #[serde(rename = "type")]
    kind: &'static str,
    /// The assignor that the members have agreed on.
    assignor: String,
    /// Of the consumer protocol: raised by each change of members or topics.
    #[serde(skip_serializing_if = "Option::is_none")]
    group_epoch: Option<i32>,
    coordinator: i32,
    members: Vec<MemberDescribed>,
    partitions: Vec<PartitionDescribed>,
}

#[derive(Debug, Serialize)]
struct MemberDescribed {
    member_id: String,
    /// Of a static member.
    instance_id: Option<String>,
    client_id: String,
    client_host: String,
    assignment: Vec<Assigned>,
}

#[derive(Debug, Serialize)]
struct Assigned {
    topic: String,
    partitions: Vec<i32>,
}

#[derive(Debug, Serialize)]
struct PartitionDescribed {
    #[serde(flatten)]
    lag: PartitionLag,
    /// Who reads it now.
    member_id: Option<String>,
}

pub fn run(session: &mut Session, args: &DescribeArgs) -> Outcome {
    let groups = args.groups.iter().map(|group| describe(session, group));
    let described: Result<Vec<Described>, Failure> = groups.collect();
    session.print(&described?)
}

fn describe(session: &mut Session, group: &str) -> Result<Described, Failure> {
    let found = session.describe_group(group)?;
    let coordinator = session.cluster.coordinator(CoordinatorKind::Group, group)?;
    let committed = session.cluster.committed_offsets(group)?;
    let lags = measure(&mut session.cluster, &committed)?;
    let mut described = match found {
        GroupDescription::Classic(found) => Described {
            group: group.to_owned(),
            state: found.group_state.to_string(),
            kind: "classic",
            assignor: found.protocol_data.to_string(),
            group_epoch: None,
            coordinator,
            members: found
                .members
                .into_iter()
                .map(|member| MemberDescribed {
                    member_id: member.member_id.to_string(),
                    instance_id: member.group_instance_id.map(|id| id.to_string()),
                    client_id: member.client_id.to_string(),
                    client_host: member.client_host.to_string(),
                    assignment: by_topic(read_assignment(&member.member_assignment)),
                })
                .collect(),
            partitions: Vec::new(),
        },
        GroupDescription::Consumer(found) => Described {
            group: group.to_owned(),
            state: found.group_state.to_string(),
            kind: "consumer",
            assignor: found.assignor_name.to_string(),
            group_epoch: Some(found.group_epoch),
            coordinator,
            members: found
                .members
                .into_iter()
                .map(|member| MemberDescribed {
                    member_id: member.member_id.to_string(),
                    instance_id: member.instance_id.map(|id| id.to_string()),
                    client_id: member.client_id.to_string(),
                    client_host: member.client_host.to_string(),
                    assignment: by_topic(partitions_of(&member.assignment)),
                })
                .collect(),
            partitions: Vec::new(),
        },
    };
    described
        .members
        .sort_by(|a, b| a.member_id.cmp(&b.member_id));
    let partitions = lags.into_iter().map(|lag| PartitionDescribed {
        member_id: described.reader_of(&lag.topic, lag.partition),
        lag,
    });
    let partitions = partitions.collect();
    Ok(Described {
        partitions,
        ..described
    })
}

fn partitions_of(assignment: &ConsumerGroupDescribeAssignment) -> Vec<Partition> {
    let topics = assignment.topic_partitions.iter();
    topics
        .flat_map(|topic| {
            let partitions = topic.partitions.iter();
            partitions.map(|index| (topic.topic_name.clone(), *index))
        })
        .collect()
}

fn by_topic(partitions: Vec<Partition>) -> Vec<Assigned> {
    let mut topics: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for (topic, index) in partitions {
        topics.entry(topic.to_string()).or_default().push(index);
    }
    let topics = topics.into_iter();
    topics
        .map(|(topic, mut partitions)| {
            partitions.sort_unstable();
            Assigned { topic, partitions }
        })
        .collect()
}

impl Described {
    fn reader_of(&self, topic: &str, partition: i32) -> Option<String> {
        let reads = |member: &&MemberDescribed| {
            let mut assignment = member.assignment.iter();
            assignment.any(|of| of.topic == topic && of.partitions.contains(&partition))
        };
        self.members
            .iter()
            .find(reads)
            .map(|member| member.member_id.clone())
    }
}

impl Report for Described {
    fn text(&self) -> String {
        let assignor = match self.assignor.as_str() {
            "" => String::new(),
            assignor => format!(", {assignor}"),
        };
        let mut text = format!(
            "{}: {} ({} protocol{assignor}), coordinator {}\n",
            self.group, self.state, self.kind, self.coordinator
        );
        if !self.members.is_empty() {
            let mut members = Table::new(&["MEMBER", "INSTANCE", "CLIENT", "HOST", "READS"]);
            for member in &self.members {
                let assignment = member.assignment.iter();
                let reads: Vec<String> = assignment
                    .map(|of| format!("{}:{}", of.topic, joined(&of.partitions)))
                    .collect();
                members.row(vec![
                    member.member_id.clone(),
                    or_none(member.instance_id.clone()),
                    member.client_id.clone(),
                    member.client_host.clone(),
                    reads.join(" "),
                ]);
            }
            text.push_str(&members.to_string());
        }
        let heads = [
            "TOPIC",
            "PARTITION",
            "COMMITTED",
            "END",
            "LAG",
            "TIME",
            "MEMBER",
        ];
        let mut partitions = Table::new(&heads);
        for PartitionDescribed { lag, member_id } in &self.partitions {
            partitions.row(vec![
                lag.topic.clone(),
                lag.partition.to_string(),
                lag.committed_offset.to_string(),
                lag.end_offset.to_string(),
                lag.lag_records.to_string(),
                shown(lag.lag_records, lag.lag_ms),
                or_none(member_id.clone()),
            ]);
        }
        text.push_str(&partitions.to_string());
        text
    }
}
