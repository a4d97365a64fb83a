//! Administration for commands that are not asynchronous themselves: topics and configs.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use bytes::Bytes;
use naru_client::KafkaError;
use naru_runtime::Handle;
use naru_wire::api::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse,
};
use naru_wire::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use naru_wire::api::describe_cluster::DescribeClusterRequest;
use naru_wire::api::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use naru_wire::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use naru_wire::api::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use naru_wire::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use naru_wire::{ErrorCode, Str};

use super::cluster::Cluster;
use super::connection::Connection;
use super::ring::new_runtime;

/// Topics are named, not numbered, up to this version.
const PRODUCE_VERSION_MAX: i16 = 12;

/// The timestamp that asks for the end of a partition.
const LATEST: i64 = -1;

/// `ConfigResource.Type`
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// How long brokers may take for a change, and for all of it to be seen.
const CHANGE_TIME_MAX: Duration = Duration::from_secs(30);

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
        admin.run(async |_, _| Ok(()))?;
        Ok(admin)
    }

    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The cluster's id, and the id and address of the node that this address leads to.
    pub fn describe_cluster(&self) -> Result<(String, i32), KafkaError> {
        self.run(async |_, connection| {
            let request = DescribeClusterRequest::default();
            let response = connection.call(&request).await?;
            let message = response.error_message.as_ref();
            KafkaError::check(response.error_code, || "DescribeCluster".into(), message)?;
            let port = connection.address().rsplit(':').next().unwrap_or_default();
            let node = response.brokers.iter().find(|b| b.port.to_string() == port);
            let node = node.or(response.brokers.first());
            Ok((
                response.cluster_id.to_string(),
                node.map_or(-1, |b| b.broker_id),
            ))
        })
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
        self.run(async |handle, connection| {
            let response: CreateTopicsResponse = connection.call(&request).await?;
            for topic in &response.topics {
                let what = || format!("create topic {name}");
                KafkaError::check(topic.error_code, what, topic.error_message.as_ref())?;
            }
            let cluster = Cluster::connect(handle, &self.bootstrap).await?;
            let names = [Str::from(name)];
            wait_for(handle, &format!("topic {name}"), async || {
                passing(end_offsets(&cluster, &names).await)
            })
            .await
            .map(|_| ())
        })
    }

    /// Removes a topic; one that is not there is no error.
    pub fn delete_topic(&self, name: &str) -> Result<(), KafkaError> {
        self.run(async |_, connection| {
            let request = DeleteTopicsRequest {
                topics: vec![DeleteTopicState {
                    name: Some(name.into()),
                    ..Default::default()
                }],
                topic_names: vec![name.into()],
                timeout_ms: CHANGE_TIME_MAX.as_millis() as i32,
            };
            let response = connection.call(&request).await?;
            for topic in &response.responses {
                if topic.error_code != ErrorCode::UnknownTopicOrPartition {
                    let what = || format!("delete topic {name}");
                    KafkaError::check(topic.error_code, what, topic.error_message.as_ref())?;
                }
            }
            Ok(())
        })
    }

    /// The effective configs of a topic. Sensitive ones are left out.
    pub fn topic_configs(&self, name: &str) -> Result<BTreeMap<String, String>, KafkaError> {
        self.run(async |_, connection| describe(connection, TOPIC, name).await)
    }

    /// The effective configs of the broker at the address.
    pub fn broker_configs(&self) -> Result<BTreeMap<String, String>, KafkaError> {
        let (_, node_id) = self.describe_cluster()?;
        self.run(async |_, connection| describe(connection, BROKER, &node_id.to_string()).await)
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
        self.run(async |handle, connection| {
            for answer in connection.call(&request).await?.responses {
                let what = || format!("alter the configs of topic {name}");
                KafkaError::check(answer.error_code, what, answer.error_message.as_ref())?;
            }
            wait_for(
                handle,
                &format!("the new configs of topic {name}"),
                async || {
                    let seen = describe(connection, TOPIC, name).await?;
                    let is_there = |(name, value): &(String, String)| seen.get(name) == Some(value);
                    Ok(configs.iter().all(is_there).then_some(()))
                },
            )
            .await
        })
    }

    /// How many brokers keep each record of a topic; of one that is not there yet, how many there
    /// are that could.
    pub fn replicas(&self, topic: Option<&str>) -> Result<usize, KafkaError> {
        let names: Vec<Str> = topic.map(Str::from).into_iter().collect();
        self.run(async |handle, _| {
            let cluster = Cluster::connect(handle, &self.bootstrap).await?;
            let response = cluster.metadata(&names).await?;
            let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            let most = partitions
                .map(|partition| partition.replica_nodes.len())
                .max();
            Ok(most.unwrap_or(response.brokers.len()))
        })
    }

    /// Where each partition of these topics ends: topic by topic, partition by partition.
    pub fn end_offsets(&self, topics: &[String]) -> Result<Vec<i64>, KafkaError> {
        let names: Vec<Str> = topics.iter().map(Str::from).collect();
        self.run(async |handle, _| {
            let cluster = Cluster::connect(handle, &self.bootstrap).await?;
            // A leader that was just chosen may not know it yet.
            wait_for(handle, "the ends of all partitions", async || {
                passing(end_offsets(&cluster, &names).await)
            })
            .await
        })
    }

    /// Produces one batch to partition 0 with acks=all.
    pub fn produce_one(&self, topic: &str, batch: Bytes) -> Result<(), KafkaError> {
        let names = [Str::from(topic)];
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: CHANGE_TIME_MAX.as_millis() as i32,
            topic_data: vec![TopicProduceData {
                name: topic.into(),
                partition_data: vec![PartitionProduceData {
                    index: 0,
                    records: Some(batch.clone()),
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        self.run(async |handle, _| {
            let cluster = Cluster::connect(handle, &self.bootstrap).await?;
            let leader = cluster
                .topics(&names)
                .await?
                .first()
                .and_then(|t| t.leaders.first().copied());
            let connection = cluster.node(leader.unwrap_or(-1)).await?;
            let version = connection.version::<ProduceRequest>(PRODUCE_VERSION_MAX)?;
            let response = connection.send_in(&request, version)?.await?;
            for partition in response
                .responses
                .iter()
                .flat_map(|topic| &topic.partition_responses)
            {
                let message = partition.error_message.as_ref();
                KafkaError::check(partition.error_code, || "produce".into(), message)?;
            }
            Ok(())
        })
    }

    /// Runs one conversation on a thread and ring of its own.
    fn run<T: Send>(
        &self,
        talk: impl AsyncFnOnce(&Handle, &Connection) -> Result<T, KafkaError> + Send,
    ) -> Result<T, KafkaError> {
        let broke = |reason: String| KafkaError::Broken {
            address: self.bootstrap.clone(),
            reason,
        };
        let converse = || {
            let runtime = new_runtime().map_err(|e| broke(e.to_string()))?;
            let handle = runtime.handle();
            runtime.run(async {
                let connection = Connection::open(&handle, &self.bootstrap).await?;
                talk(&handle, &connection).await
            })
        };
        std::thread::scope(|scope| scope.spawn(converse).join())
            .unwrap_or_else(|_| Err(broke("the client panicked".into())))
    }
}

async fn describe(
    connection: &Connection,
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
    for result in connection.call(&request).await?.results {
        let what = || format!("describe the configs of {name}");
        KafkaError::check(result.error_code, what, result.error_message.as_ref())?;
        let shown = result.configs.into_iter();
        configs.extend(shown.filter_map(|c| Some((c.name.to_string(), c.value?.to_string()))));
    }
    Ok(configs)
}

async fn end_offsets(cluster: &Cluster, names: &[Str]) -> Result<Vec<i64>, KafkaError> {
    let topics = cluster.topics(names).await?;
    let mut asked: BTreeMap<i32, Vec<ListOffsetsTopic>> = BTreeMap::new();
    for topic in &topics {
        for (index, leader) in topic.leaders.iter().enumerate() {
            asked.entry(*leader).or_default().push(ListOffsetsTopic {
                name: topic.name.clone(),
                partitions: vec![ListOffsetsPartition {
                    partition_index: index as i32,
                    timestamp: LATEST,
                    ..Default::default()
                }],
            });
        }
    }
    let mut ends = HashMap::new();
    for (leader, topics) in asked {
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics,
            ..Default::default()
        };
        let response = cluster.node(leader).await?.call(&request).await?;
        for topic in &response.topics {
            for answer in &topic.partitions {
                let what = || format!("the end of {}-{}", topic.name, answer.partition_index);
                KafkaError::check(answer.error_code, what, None)?;
                ends.insert((topic.name.clone(), answer.partition_index), answer.offset);
            }
        }
    }
    let all = topics.iter().flat_map(|topic| {
        let partitions = 0..topic.leaders.len() as i32;
        partitions.map(|index| (topic.name.clone(), index))
    });
    Ok(all
        .map(|partition| ends.get(&partition).copied().unwrap_or(0))
        .collect())
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
async fn wait_for<T>(
    handle: &Handle,
    what: &str,
    mut ask: impl AsyncFnMut() -> Result<Option<T>, KafkaError>,
) -> Result<T, KafkaError> {
    let deadline = Instant::now() + CHANGE_TIME_MAX;
    loop {
        if let Some(found) = ask().await? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return Err(KafkaError::TooLate(
                what.to_owned(),
                CHANGE_TIME_MAX.as_secs(),
            ));
        }
        handle.sleep(Duration::from_millis(20)).await;
    }
}
