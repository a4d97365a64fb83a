//! [`Resource`]: what has configs.

use std::fmt;

use clap::{Args, ValueEnum};
use naru_client::{Cluster, KafkaError};
use naru_wire::Request;

/// The name that stands for all brokers: their dynamic default.
const ALL: &str = "all";

/// `ConfigResource.Type`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ResourceKind {
    Topic = 2,
    Broker = 4,
    BrokerLogger = 8,
    ClientMetrics = 16,
    Group = 32,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Resource {
    /// What kind of thing it is.
    #[arg(value_enum)]
    pub kind: ResourceKind,
    /// Its name; of a broker its id, or `all` for what counts for all of them.
    pub name: String,
}

impl Resource {
    pub fn topic(name: &str) -> Self {
        Self {
            kind: ResourceKind::Topic,
            name: name.to_owned(),
        }
    }

    /// The name as requests have it.
    pub fn wire_name(&self) -> &str {
        match self.is_of_all_brokers() {
            true => "",
            false => &self.name,
        }
    }

    pub fn is_of_all_brokers(&self) -> bool {
        self.kind == ResourceKind::Broker && self.name == ALL
    }

    /// A broker answers for its own configs only; any broker for all else.
    pub fn ask<R: Request>(
        &self,
        cluster: &mut Cluster,
        request: &R,
    ) -> Result<R::Response, KafkaError> {
        let has_id = matches!(self.kind, ResourceKind::Broker | ResourceKind::BrokerLogger);
        match self.name.parse() {
            Ok(node_id) if has_id => {
                cluster.brokers()?;
                cluster.call_node(node_id, request)
            }
            _ => cluster.call(request),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_of_all_brokers() {
            true => write!(f, "all brokers"),
            false => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Topic => "topic",
            Self::Broker => "broker",
            Self::BrokerLogger => "broker logger",
            Self::ClientMetrics => "client metrics",
            Self::Group => "group",
        })
    }
}
