//! The cluster as its metadata shows it: who leads which partition, and a connection to each
//! leader.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use naru_client::{KafkaError, Topic, topics_of};
use naru_runtime::Handle;
use naru_wire::Str;
use naru_wire::api::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};

use super::connection::Connection;

/// Belongs to one thread's runtime. Connections are made when they are first needed and shared by
/// all who ask.
pub struct Cluster {
    handle: Handle,
    bootstrap: Connection,
    addresses: RefCell<HashMap<i32, String>>,
    connections: RefCell<HashMap<i32, Connection>>,
}

impl Cluster {
    pub async fn connect(handle: &Handle, bootstrap: &str) -> Result<Rc<Self>, KafkaError> {
        Ok(Rc::new(Self {
            handle: handle.clone(),
            bootstrap: Connection::open(handle, bootstrap).await?,
            addresses: RefCell::default(),
            connections: RefCell::default(),
        }))
    }

    pub fn bootstrap(&self) -> &Connection {
        &self.bootstrap
    }

    pub async fn metadata(&self, names: &[Str]) -> Result<MetadataResponse, KafkaError> {
        let topics = names.iter().map(|name| MetadataRequestTopic {
            name: Some(name.clone()),
            ..Default::default()
        });
        let request = MetadataRequest {
            topics: Some(topics.collect()),
            allow_auto_topic_creation: false,
            ..Default::default()
        };
        let response = self.bootstrap.call(&request).await?;
        let addresses = response.brokers.iter();
        let addresses = addresses.map(|b| (b.node_id, format!("{}:{}", b.host, b.port)));
        self.addresses.replace(addresses.collect());
        Ok(response)
    }

    /// The topics of these names, in their order.
    ///
    /// # Errors
    /// When one is missing, or a partition has no leader (which passes when it was just made).
    pub async fn topics(&self, names: &[Str]) -> Result<Vec<Topic>, KafkaError> {
        let response = self.metadata(names).await?;
        topics_of(&response, names)
    }

    /// The shared connection to a node that the last metadata named.
    pub async fn node(&self, node_id: i32) -> Result<Connection, KafkaError> {
        if let Some(connection) = self.connections.borrow().get(&node_id) {
            return Ok(connection.clone());
        }
        let connection = self.new_connection(node_id).await?;
        let mut connections = self.connections.borrow_mut();
        Ok(connections.entry(node_id).or_insert(connection).clone())
    }

    /// A connection of its own to a node.
    pub async fn new_connection(&self, node_id: i32) -> Result<Connection, KafkaError> {
        let address = self.addresses.borrow().get(&node_id).cloned();
        let address = address.ok_or_else(|| KafkaError::Unreachable {
            address: format!("node {node_id}"),
            reason: "the cluster's metadata does not name it".into(),
        })?;
        Connection::open(&self.handle, &address).await
    }
}
