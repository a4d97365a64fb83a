//! [`Session`]: the cluster that a command talks to, and what all commands ask of it.

use std::collections::BTreeMap;

use naru_client::{Cluster, GroupDescription, KafkaError, Partition, Settings};
use naru_wire::api::metadata::MetadataResponseTopic;
use naru_wire::{ErrorCode, Str};

use crate::args::Shared;
use crate::failure::{Failure, Outcome};
use crate::nearest::did_you_mean;
use crate::output::{self, Report};

/// What brokers see of us: in their logs, quotas and metrics.
const CLIENT_ID: &str = "naru-cli";

pub struct Session {
    pub cluster: Cluster,
    json: bool,
}

impl Session {
    pub fn open(shared: &Shared) -> Result<Self, Failure> {
        let settings = Settings {
            client_id: CLIENT_ID,
            connect_time_max: shared.timeout,
            request_time_max: shared.timeout,
        };
        Ok(Self {
            cluster: Cluster::connect(&shared.addresses(), &settings)?,
            json: shared.json,
        })
    }

    pub fn prints_json(&self) -> bool {
        self.json
    }

    pub fn print(&self, report: &impl Report) -> Outcome {
        Ok(output::print(report, self.json)?)
    }

    /// How long brokers are told that they may take for a change.
    pub fn timeout_ms(&self) -> i32 {
        let timeout = self.cluster.settings().request_time_max;
        i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
    }

    /// All topics, by name.
    pub fn all_topics(&mut self) -> Result<Vec<MetadataResponseTopic>, Failure> {
        let mut topics = self.cluster.metadata(None)?.topics;
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// The topics of these names, in their order.
    pub fn topics_named(
        &mut self,
        names: &[String],
    ) -> Result<Vec<MetadataResponseTopic>, Failure> {
        let wanted: Vec<Str> = names.iter().map(Str::from).collect();
        let found = self.cluster.metadata(Some(&wanted))?.topics;
        let mut by_name: BTreeMap<Str, MetadataResponseTopic> = BTreeMap::new();
        for topic in found {
            let name = topic.name.clone().unwrap_or_default();
            match topic.error_code {
                ErrorCode::None => by_name.insert(name, topic),
                ErrorCode::UnknownTopicOrPartition => return Err(self.no_such_topic(&name)),
                code => {
                    let what = || format!("topic {name}");
                    KafkaError::check(code, what, None)?;
                    None
                }
            };
        }
        let in_order = wanted.iter().filter_map(|name| by_name.get(name).cloned());
        Ok(in_order.collect())
    }

    /// These partitions of a topic, or all of them if none is given.
    pub fn partitions_of(
        &mut self,
        topic: &str,
        partitions: &[i32],
    ) -> Result<Vec<Partition>, Failure> {
        let found = self.topics_named(&[topic.to_owned()])?;
        let there = found.iter().flat_map(|topic| &topic.partitions);
        let mut there: Vec<i32> = there.map(|partition| partition.partition_index).collect();
        there.sort_unstable();
        if let Some(missing) = partitions.iter().find(|index| !there.contains(index)) {
            let count = there.len();
            return Err(
                Failure::new(format!("topic {topic} has no partition {missing}"))
                    .advise(format!("it has {count}, numbered from 0")),
            );
        }
        let wanted = match partitions {
            [] => there,
            some => some.to_vec(),
        };
        Ok(wanted
            .into_iter()
            .map(|index| (topic.into(), index))
            .collect())
    }

    /// What to say of a topic that is not there: those that are, and sound like it.
    pub fn no_such_topic(&mut self, name: &str) -> Failure {
        let failure = Failure::new(format!("there is no topic {name}"));
        let known = self.all_topics().unwrap_or_default();
        let names = known.iter().filter_map(|topic| topic.name.as_deref());
        match did_you_mean(name, names) {
            Some(hint) => failure.advise(hint),
            None => failure.advise(format!(
                "`naru topic list` shows those that there are, `naru topic create {name}` makes it"
            )),
        }
    }

    /// A group as its coordinator shows it.
    pub fn describe_group(&mut self, group: &str) -> Result<GroupDescription, Failure> {
        match self.cluster.describe_group(group) {
            Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => {
                Err(self.no_such_group(group))
            }
            described => Ok(described?),
        }
    }

    /// Refuses a group that is not there.
    pub fn group_must_exist(&mut self, group: &str) -> Outcome {
        self.describe_group(group).map(|_| ())
    }

    /// What to say of a group that is not there: those that are, and sound like it.
    pub fn no_such_group(&mut self, group: &str) -> Failure {
        let failure = Failure::new(format!("there is no group {group}"));
        let known = self.cluster.list_groups().unwrap_or_default();
        let names = known.iter().map(|(_, known)| known.group_id.as_str());
        match did_you_mean(group, names) {
            Some(hint) => failure.advise(hint),
            None => failure.advise("`naru group list` shows those that there are"),
        }
    }
}
