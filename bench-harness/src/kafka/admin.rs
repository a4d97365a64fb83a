//! Administration: topics and configs, each time over connections of its own. It blocks, and needs
//! no ring.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use naru_client::{Acks, Cluster, Isolation, KafkaError, OffsetSpec, Partition, Settings, Topic};
use naru_wire::api::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse,
};
use naru_wire::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use naru_wire::api::describe_cluster::DescribeClusterRequest;
use naru_wire::api::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use naru_wire::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use naru_wire::{ErrorCode, Str};

/// `ConfigResource.Type`
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// How long brokers may take for a change, and for all of it to be seen.
const CHANGE_TIME_MAX: Duration = Duration::from_secs(30);

const SETTINGS: Settings = Settings {
    client_id: "naru-bench",
    connect_time_max: Duration::from_secs(10),
    request_time_max: CHANGE_TIME_MAX,
};

/// Between two looks whether a change is seen.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Asks a broker, each time over a connection of its own.
#[derive(Clone, Debug)]
pub struct Admin {
    bootstrap: String,
}

impl Admin {
    /// Checks that the broker answers.
    pub fn connect(bootstrap: &str) -> Result<Self, KafkaError> {
        let admin = Self {
            bootstrap: bootstrap.to_owned(),
        };
        admin.connected()?;
        Ok(admin)
    }

    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The cluster's id, and the id and address of the node that this address leads to.
    pub fn describe_cluster(&self) -> Result<(String, i32), KafkaError> {
        let response = self.connected()?.call(&DescribeClusterRequest::default())?;
        let message = response.error_message.as_ref();
        KafkaError::check(response.error_code, || "DescribeCluster".into(), message)?;
        let port = self.bootstrap.rsplit(':').next().unwrap_or_default();
        let node = response.brokers.iter().find(|b| b.port.to_string() == port);
        let node = node.or(response.brokers.first());
        let id = node.map_or(-1, |broker| broker.broker_id);
        Ok((response.cluster_id.to_string(), id))
    }

    /// Makes a topic, and waits until every partition has a leader.
    pub fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        replication_factor: i16,
        configs: &[(String, String)],
    ) -> Result<(), KafkaError> {
        let configs = configs.iter().map(|(name, value)| CreatableTopicConfig {
            name: name.into(),
            value: Some(value.into()),
        });
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: name.into(),
                num_partitions: partitions,
                replication_factor,
                configs: configs.collect(),
                ..Default::default()
            }],
            timeout_ms: CHANGE_TIME_MAX.as_millis() as i32,
            ..Default::default()
        };
        let mut cluster = self.connected()?;
        let response: CreateTopicsResponse = cluster.call(&request)?;
        for topic in &response.topics {
            let what = || format!("create topic {name}");
            KafkaError::check(topic.error_code, what, topic.error_message.as_ref())?;
        }
        let names = [Str::from(name)];
        wait_for(&format!("topic {name}"), || {
            passing(end_offsets(&mut cluster, &names))
        })
        .map(|_| ())
    }

    /// Removes a topic; one that is not there is no error.
    pub fn delete_topic(&self, name: &str) -> Result<(), KafkaError> {
        let request = DeleteTopicsRequest {
            topics: vec![DeleteTopicState {
                name: Some(name.into()),
                ..Default::default()
            }],
            topic_names: vec![name.into()],
            timeout_ms: CHANGE_TIME_MAX.as_millis() as i32,
        };
        for topic in &self.connected()?.call(&request)?.responses {
            if topic.error_code != ErrorCode::UnknownTopicOrPartition {
                let what = || format!("delete topic {name}");
                KafkaError::check(topic.error_code, what, topic.error_message.as_ref())?;
            }
        }
        Ok(())
    }

    /// The effective configs of a topic. Sensitive ones are left out.
    pub fn topic_configs(&self, name: &str) -> Result<BTreeMap<String, String>, KafkaError> {
        describe(&mut self.connected()?, TOPIC, name)
    }

    /// The effective configs of the broker at the address.
    pub fn broker_configs(&self) -> Result<BTreeMap<String, String>, KafkaError> {
        let (_, node_id) = self.describe_cluster()?;
        describe(&mut self.connected()?, BROKER, &node_id.to_string())
    }

    /// Sets configs of a topic (KIP-339) and waits until they are seen.
    pub fn alter_topic_configs(
        &self,
        name: &str,
        configs: &[(String, String)],
    ) -> Result<(), KafkaError> {
        let altered = configs.iter().map(|(name, value)| AlterableConfig {
            name: name.into(),
            config_operation: 0,
            value: Some(value.into()),
        });
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: TOPIC,
                resource_name: name.into(),
                configs: altered.collect(),
            }],
            ..Default::default()
        };
        let mut cluster = self.connected()?;
        for answer in cluster.call(&request)?.responses {
            let what = || format!("alter the configs of topic {name}");
            KafkaError::check(answer.error_code, what, answer.error_message.as_ref())?;
        }
        wait_for(&format!("the new configs of topic {name}"), || {
            let seen = describe(&mut cluster, TOPIC, name)?;
            let is_there = |(name, value): &(String, String)| seen.get(name) == Some(value);
            Ok(configs.iter().all(is_there).then_some(()))
        })
    }

    /// How many brokers keep each record of a topic; of one that is not there yet, how many there
    /// are that could.
    pub fn replicas(&self, topic: Option<&str>) -> Result<usize, KafkaError> {
        let names: Vec<Str> = topic.map(Str::from).into_iter().collect();
        let response = self.connected()?.metadata(Some(&names))?;
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        let most = partitions
            .map(|partition| partition.replica_nodes.len())
            .max();
        Ok(most.unwrap_or(response.brokers.len()))
    }

    /// Where each partition of these topics ends: topic by topic, partition by partition.
    pub fn end_offsets(&self, topics: &[String]) -> Result<Vec<i64>, KafkaError> {
        let names: Vec<Str> = topics.iter().map(Str::from).collect();
        let mut cluster = self.connected()?;
        // A leader that was just chosen may not know it yet.
        wait_for("the ends of all partitions", || {
            passing(end_offsets(&mut cluster, &names))
        })
    }

    /// Produces one batch to partition 0 with acks=all.
    pub fn produce_one(&self, topic: &str, batch: Bytes) -> Result<(), KafkaError> {
        let place: Partition = (Str::from(topic), 0);
        let mut cluster = self.connected()?;
        let topics = cluster.topics(std::slice::from_ref(&place.0))?;
        let leader = topics.first().and_then(|topic| topic.leaders.first());
        let leader = leader.copied().unwrap_or(-1);
        cluster
            .produce(leader, &place, batch, Acks::All)
            .map(|_| ())
    }

    fn connected(&self) -> Result<Cluster, KafkaError> {
        Cluster::connect(std::slice::from_ref(&self.bootstrap), &SETTINGS)
    }
}

fn describe(
    cluster: &mut Cluster,
    resource_type: i8,
    name: &str,
) -> Result<BTreeMap<String, String>, KafkaError> {
    let request = DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type,
            resource_name: name.into(),
            configuration_keys: None,
        }],
        ..Default::default()
    };
    let mut configs = BTreeMap::new();
    for result in cluster.call(&request)?.results {
        let what = || format!("describe the configs of {name}");
        KafkaError::check(result.error_code, what, result.error_message.as_ref())?;
        let shown = result.configs.into_iter();
        configs.extend(shown.filter_map(|c| Some((c.name.to_string(), c.value?.to_string()))));
    }
    Ok(configs)
}

fn end_offsets(cluster: &mut Cluster, names: &[Str]) -> Result<Vec<i64>, KafkaError> {
    let topics = cluster.topics(names)?;
    let partitions = topics.iter().flat_map(partitions_of);
    let partitions: Vec<Partition> = partitions.collect();
    let isolation = Isolation::ReadUncommitted;
    let ends = cluster.offsets(&partitions, OffsetSpec::Latest, isolation)?;
    let end = |place: &Partition| ends.get(place).map_or(0, |found| found.offset);
    Ok(partitions.iter().map(end).collect())
}

fn partitions_of(topic: &Topic) -> impl Iterator<Item = Partition> {
    let indexes = (0..).zip(&topic.leaders);
    indexes.map(|(index, _)| (topic.name.clone(), index))
}

fn is_passing(code: ErrorCode) -> bool {
    use ErrorCode::{LeaderNotAvailable, NotLeaderOrFollower, UnknownTopicOrPartition};
    matches!(
        code,
        LeaderNotAvailable | NotLeaderOrFollower | UnknownTopicOrPartition
    )
}

/// `None` for what passes by itself: a topic that is not known everywhere yet, a partition without
/// a leader.
fn passing<T>(answer: Result<T, KafkaError>) -> Result<Option<T>, KafkaError> {
    match answer {
        Err(KafkaError::Refused { code, .. }) if is_passing(code) => Ok(None),
        other => other.map(Some),
    }
}

/// Asks until there is an answer.
fn wait_for<T>(
    what: &str,
    mut ask: impl FnMut() -> Result<Option<T>, KafkaError>,
) -> Result<T, KafkaError> {
    let deadline = Instant::now() + CHANGE_TIME_MAX;
    loop {
        if let Some(found) = ask()? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            let seconds = CHANGE_TIME_MAX.as_secs();
            return Err(KafkaError::TooLate(what.to_owned(), seconds));
        }
        sleep(LOOK_INTERVAL);
    }
}
