//! [`Cluster`]: the brokers behind the bootstrap addresses, and which of them is to be asked.
//!
//! Connections are opened when they are first needed, one to each broker, and again after one
//! broke. What passes by itself, a leader or coordinator that moves, is asked again within
//! [`Settings::request_time_max`].

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use naru_wire::api::find_coordinator::FindCoordinatorRequest;
use naru_wire::api::metadata::{MetadataResponse, MetadataResponseBroker};
use naru_wire::{ErrorCode, Request, Str};

use crate::connection::Connection;
use crate::topic::{self, Topic, topics_of};
use crate::{KafkaError, Versions};

/// Between two questions, while something passes.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// How patient the client is, and what it calls itself.
#[derive(Clone, Debug)]
pub struct Settings {
    pub client_id: &'static str,
    /// For a broker to accept a connection, and to say what it serves.
    pub connect_time_max: Duration,
    /// For an answer, and for what passes by itself.
    pub request_time_max: Duration,
}

/// `FindCoordinatorRequest.key_type`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CoordinatorKind {
    Group = 0,
    Transaction = 1,
}

impl CoordinatorKind {
    fn name(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Transaction => "transactional id",
        }
    }
}

#[derive(Debug)]
pub struct Cluster {
    settings: Settings,
    bootstraps: Vec<String>,
    any: Option<Connection>,
    nodes: BTreeMap<i32, Connection>,
    /// Of the last metadata.
    brokers: Vec<MetadataResponseBroker>,
    controller_id: i32,
    coordinators: BTreeMap<(CoordinatorKind, Str), i32>,
}

impl Cluster {
    /// Connects to the first of these addresses that answers.
    ///
    /// # Errors
    /// Why the last of them could not be reached.
    pub fn connect(bootstraps: &[String], settings: &Settings) -> Result<Self, KafkaError> {
        let mut cluster = Self {
            settings: settings.clone(),
            bootstraps: bootstraps.to_vec(),
            any: None,
            nodes: BTreeMap::new(),
            brokers: Vec::new(),
            controller_id: -1,
            coordinators: BTreeMap::new(),
        };
        cluster.any()?;
        Ok(cluster)
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the broker that was reached first serves.
    ///
    /// # Errors
    /// When no bootstrap address can be reached.
    pub fn versions(&mut self) -> Result<Versions, KafkaError> {
        Ok(self.any()?.versions().clone())
    }

    /// The connection to whichever bootstrap address answered.
    fn any(&mut self) -> Result<&mut Connection, KafkaError> {
        if let Some(connection) = self.any.take() {
            return Ok(self.any.insert(connection));
        }
        let mut failure = KafkaError::Address(String::new());
        for address in &self.bootstraps {
            match Connection::open(address, &self.settings) {
                Ok(opened) => return Ok(self.any.insert(opened)),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Asks any broker.
    ///
    /// # Errors
    /// When it cannot be reached, or has no such API.
    pub fn call<R: Request>(&mut self, request: &R) -> Result<R::Response, KafkaError> {
        let answered = self.any()?.call(request);
        if is_broken(&answered) {
            self.any = None;
        }
        answered
    }

    /// Asks a broker that metadata has named.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn call_node<R: Request>(
        &mut self,
        node_id: i32,
        request: &R,
    ) -> Result<R::Response, KafkaError> {
        self.call_node_within(node_id, request, i16::MAX, Duration::ZERO)
    }

    /// As [`Self::call_node`]; see [`Connection::call_within`].
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn call_node_within<R: Request>(
        &mut self,
        node_id: i32,
        request: &R,
        version_max: i16,
        held: Duration,
    ) -> Result<R::Response, KafkaError> {
        let connection = self.node(node_id)?;
        let answered = connection.call_within(request, version_max, held);
        if is_broken(&answered) {
            self.nodes.remove(&node_id);
        }
        answered
    }

    /// The connection to a broker.
    ///
    /// # Errors
    /// When metadata names no such broker, or it cannot be reached.
    pub fn node(&mut self, node_id: i32) -> Result<&mut Connection, KafkaError> {
        if !self.nodes.contains_key(&node_id) {
            if self.brokers.is_empty() {
                self.metadata(Some(&[]))?;
            }
            let broker = self.brokers.iter().find(|broker| broker.node_id == node_id);
            let broker = broker.ok_or_else(|| KafkaError::Unreachable {
                address: format!("broker {node_id}"),
                reason: "the cluster's metadata does not name it".into(),
            })?;
            let address = format!("{}:{}", broker.host, broker.port);
            let opened = Connection::open(&address, &self.settings)?;
            self.nodes.insert(node_id, opened);
        }
        match self.nodes.get_mut(&node_id) {
            Some(connection) => Ok(connection),
            None => unreachable!("it was inserted above"),
        }
    }

    /// Asks the controller: a cluster with ZooKeeper takes some requests nowhere else.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn call_controller<R: Request>(&mut self, request: &R) -> Result<R::Response, KafkaError> {
        if self.brokers.is_empty() {
            self.metadata(Some(&[]))?;
        }
        match self.controller_id {
            -1 => self.call(request),
            id => self.call_node(id, request),
        }
    }

    /// What any broker knows of these topics, or of all of them; none is made by it.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn metadata(&mut self, names: Option<&[Str]>) -> Result<MetadataResponse, KafkaError> {
        let response = self.call(&topic::request(names))?;
        self.brokers.clone_from(&response.brokers);
        self.controller_id = response.controller_id;
        Ok(response)
    }

    /// The brokers that there are.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn brokers(&mut self) -> Result<Vec<MetadataResponseBroker>, KafkaError> {
        Ok(self.metadata(Some(&[]))?.brokers)
    }

    /// The topics of these names, in their order, once all their partitions have leaders.
    ///
    /// # Errors
    /// When one is missing.
    pub fn topics(&mut self, names: &[Str]) -> Result<Vec<Topic>, KafkaError> {
        self.until_it_passes(|cluster| topics_of(&cluster.metadata(Some(names))?, names))
    }

    /// The broker that coordinates a group or a transactional id.
    ///
    /// # Errors
    /// When there is none within the time.
    pub fn coordinator(&mut self, kind: CoordinatorKind, key: &str) -> Result<i32, KafkaError> {
        let place = (kind, Str::from(key));
        if let Some(node_id) = self.coordinators.get(&place) {
            return Ok(*node_id);
        }
        let request = FindCoordinatorRequest {
            key: key.into(),
            key_type: kind as i8,
            coordinator_keys: vec![key.into()],
        };
        let node_id = self.until_it_passes(|cluster| {
            let found = cluster.call(&request)?;
            // Up to version 3 there is one, later there are as many as were asked for.
            let first = found.coordinators.first();
            let (code, node_id) = first.map_or((found.error_code, found.node_id), |first| {
                (first.error_code, first.node_id)
            });
            let message = first.map_or(found.error_message.as_ref(), |first| {
                first.error_message.as_ref()
            });
            KafkaError::check(code, || format!("find the coordinator of {key}"), message)?;
            Ok(node_id)
        })?;
        self.coordinators.insert(place, node_id);
        Ok(node_id)
    }

    /// Asks a coordinator, and its successor if it has moved. `code_of` says how an answer, as a
    /// whole, turned out.
    ///
    /// # Errors
    /// As [`Self::call`], and any error that `code_of` finds.
    pub fn call_coordinator<R: Request>(
        &mut self,
        kind: CoordinatorKind,
        key: &str,
        request: &R,
        version_max: i16,
        code_of: impl Fn(&R::Response) -> ErrorCode,
    ) -> Result<R::Response, KafkaError> {
        self.until_it_passes(|cluster| {
            let node_id = cluster.coordinator(kind, key)?;
            let answer = cluster.call_node_within(node_id, request, version_max, Duration::ZERO);
            let refused = answer.and_then(|answer| {
                let what = || format!("{} {key}", kind.name());
                KafkaError::check(code_of(&answer), what, None).map(|()| answer)
            });
            if refused.is_err() {
                cluster.coordinators.remove(&(kind, Str::from(key)));
            }
            refused
        })
    }

    /// Asks until the answer is something else than what passes by itself.
    ///
    /// # Errors
    /// The last error, when the time is over.
    pub fn until_it_passes<T>(
        &mut self,
        mut ask: impl FnMut(&mut Self) -> Result<T, KafkaError>,
    ) -> Result<T, KafkaError> {
        let deadline = Instant::now() + self.settings.request_time_max;
        loop {
            match ask(self) {
                Err(error) if error.is_passing() && Instant::now() < deadline => {
                    sleep(RETRY_INTERVAL);
                }
                answered => return answered,
            }
        }
    }
}

fn is_broken<T>(answered: &Result<T, KafkaError>) -> bool {
    matches!(
        answered,
        Err(KafkaError::Broken { .. } | KafkaError::Unreadable { .. })
    )
}
