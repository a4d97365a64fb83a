//! The cluster and its brokers.

use schemars::JsonSchema;
use serde::Serialize;

use super::Paged;
use crate::admin::answer::Problem;
use crate::admin::call::Call;
use crate::cluster::Broker;

/// The cluster as this broker sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Cluster {
    pub cluster_id: Option<String>,
    /// The node that carries changes out; null while none is known.
    pub controller_id: Option<i32>,
    /// This broker.
    pub node_id: i32,
    /// The version of Naru that it runs.
    pub version: &'static str,
    pub brokers: usize,
    pub topics: usize,
    pub partitions: usize,
    /// How many commands the metadata has seen: grows with each change.
    pub metadata_index: u64,
}

/// A broker that has registered.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BrokerInfo {
    pub node_id: i32,
    /// Grows with each start of the broker.
    pub epoch: u64,
    pub rack: Option<String>,
    /// Where clients are told to connect.
    pub listeners: Vec<ListenerInfo>,
}

/// An address that clients are told.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListenerInfo {
    pub name: String,
    pub host: String,
    pub port: u16,
}

pub async fn show(call: Call) -> Result<Cluster, Problem> {
    let image = call.broker.image();
    Ok(Cluster {
        cluster_id: image.cluster_id().map(str::to_owned),
        controller_id: call.broker.control.images().leader(),
        node_id: call.broker.config.node_id,
        version: env!("CARGO_PKG_VERSION"),
        brokers: image.brokers().len(),
        topics: image.topics().len(),
        partitions: image.topics().map(|topic| topic.partitions.len()).sum(),
        metadata_index: image.index,
    })
}

pub async fn brokers(call: Call) -> Result<Paged<BrokerInfo>, Problem> {
    let page = call.page()?;
    let after = page.number_after()?;
    let image = call.broker.image();
    let listed = image.brokers().filter(|broker| {
        let node_id = i64::from(broker.registration.node_id);
        after.is_none_or(|after| node_id > after)
    });
    let listed = listed.take(page.limit + 1).map(|broker| info(broker));
    let listed = listed.collect();
    Ok(Paged::of(listed, page.limit, |b: &BrokerInfo| {
        b.node_id.to_string()
    }))
}

fn info(broker: &Broker) -> BrokerInfo {
    let registration = &broker.registration;
    let listeners = registration.listeners.iter().map(|listener| ListenerInfo {
        name: listener.name.clone(),
        host: listener.host.clone(),
        port: listener.port,
    });
    BrokerInfo {
        node_id: registration.node_id,
        epoch: broker.epoch,
        rack: registration.rack.clone(),
        listeners: listeners.collect(),
    }
}
