//! Where the broker listens, and what clients are told to connect to.
//!
//! A stock `server.properties` of Kafka also lists the listener of its controller; Naru has no
//! such thing and leaves those closed. Only PLAINTEXT is served: another protocol is an error,
//! because a listener that silently came up without TLS would be worse than none.

use std::net::IpAddr;

use super::error::ConfigError;
use super::keys::Network;
use super::machine::Machine;
use super::settings::Settings;

/// `NAME://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub name: String,
    /// Without brackets, also for IPv6; empty is every address.
    pub host: String,
    pub port: u16,
}

/// A socket to listen on, with the address that clients hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    pub name: String,
    /// The address to bind; empty is every address.
    pub bind_host: String,
    /// The port to bind; 0 lets the system choose.
    pub bind_port: u16,
    pub advertised_host: String,
    /// 0 where the bound port is to be advertised.
    pub advertised_port: u16,
}

impl Endpoint {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is not NAME://host:port");
        let (name, address) = text.split_once("://").ok_or_else(wrong)?;
        let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
        let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = bracketed.unwrap_or(host);
        if name.is_empty() || (bracketed.is_none() && host.contains(':')) {
            return Err(wrong());
        }
        Ok(Self {
            name: name.to_owned(),
            host: host.to_owned(),
            port: port.parse().map_err(|_| wrong())?,
        })
    }

    fn is_every_address(&self) -> bool {
        matches!(self.host.as_str(), "" | "0.0.0.0" | "::")
    }
}

/// Where HTTP is served to those who run the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminListener {
    /// Without brackets, also for IPv6.
    pub host: String,
    /// 0 lets the system choose.
    pub port: u16,
}

impl AdminListener {
    /// A port alone is for this machine: there is no authentication.
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is neither a port nor host:port");
        if let Ok(port) = text.parse() {
            let host = "127.0.0.1".to_owned();
            return Ok(Self { host, port });
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = bracketed.unwrap_or(host);
        if host.is_empty() {
            return Err("an empty host would be every address: say so with 0.0.0.0".to_owned());
        }
        if bracketed.is_none() && host.contains([':', '/']) {
            return Err(wrong());
        }
        Ok(Self {
            host: host.to_owned(),
            port: port.parse().map_err(|_| wrong())?,
        })
    }

    pub fn is_loopback(&self) -> bool {
        let address: Result<IpAddr, _> = self.host.parse();
        address.map_or(self.host == "localhost", |address| address.is_loopback())
    }
}

/// The admin listener, if one is set.
pub(super) fn resolve_admin(settings: &Settings) -> Result<Option<AdminListener>, ConfigError> {
    let name = "naru.admin.listener";
    let parsed = settings.text(name).map(AdminListener::parse).transpose();
    parsed.map_err(|reason| settings.invalid(name, reason))
}

/// Resolves the listeners of the network room.
pub(super) fn resolve(
    network: &Network,
    settings: &Settings,
    machine: &Machine,
) -> Result<Vec<Listener>, ConfigError> {
    let of_controller = network.controller_listeners.as_deref().unwrap_or_default();
    let bound = endpoints(&network.listeners, of_controller)
        .map_err(|reason| settings.invalid("listeners", reason))?;
    let advertised = match &network.advertised_listeners {
        None => None,
        Some(texts) => Some(
            endpoints(texts, of_controller)
                .and_then(|all| reachable(all, &bound))
                .map_err(|reason| settings.invalid("advertised.listeners", reason))?,
        ),
    };
    if bound.is_empty() {
        let reason = "no listener is left for clients".to_owned();
        return Err(settings.invalid("listeners", reason));
    }
    bound
        .into_iter()
        .map(|endpoint| {
            plaintext(&endpoint.name, network)
                .map_err(|reason| settings.invalid("listeners", reason))?;
            let Some(advertised) = &advertised else {
                return Ok(advertise_itself(endpoint, machine));
            };
            let told = advertised.iter().find(|a| a.name == endpoint.name);
            let told = told.ok_or_else(|| {
                let reason = format!("says nothing of the listener {}", endpoint.name);
                settings.invalid("advertised.listeners", reason)
            })?;
            Ok(Listener {
                name: endpoint.name,
                bind_host: endpoint.host,
                bind_port: endpoint.port,
                advertised_host: told.host.clone(),
                advertised_port: told.port,
            })
        })
        .collect()
}

/// The endpoints that are not a controller's, each name and port once.
fn endpoints(texts: &[String], of_controller: &[String]) -> Result<Vec<Endpoint>, String> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for text in texts {
        let endpoint = Endpoint::parse(text)?;
        if of_controller.contains(&endpoint.name) {
            continue;
        }
        if endpoints.iter().any(|other| other.name == endpoint.name) {
            return Err(format!("{} is listed twice", endpoint.name));
        }
        endpoints.push(endpoint);
    }
    Ok(endpoints)
}

/// An advertised address must belong to a listener and be one that a client can connect to.
fn reachable(advertised: Vec<Endpoint>, bound: &[Endpoint]) -> Result<Vec<Endpoint>, String> {
    for endpoint in &advertised {
        if endpoint.is_every_address() {
            return Err(format!(
                "clients cannot connect to {}: give {} a host",
                if endpoint.host.is_empty() {
                    "an empty host"
                } else {
                    &endpoint.host
                },
                endpoint.name,
            ));
        }
        if !bound.iter().any(|b| b.name == endpoint.name) {
            return Err(format!("{} is not in listeners", endpoint.name));
        }
    }
    Ok(advertised)
}

fn plaintext(name: &str, network: &Network) -> Result<(), String> {
    let mapped = network
        .security_protocols
        .iter()
        .filter_map(|pair| pair.split_once(':'))
        .find(|(listener, _)| *listener == name);
    match mapped {
        Some((_, "PLAINTEXT")) => Ok(()),
        Some((_, protocol)) => Err(format!(
            "{name} asks for {protocol}, and only PLAINTEXT is served"
        )),
        None => Err(format!(
            "{name} is not in listener.security.protocol.map: add {name}:PLAINTEXT there"
        )),
    }
}

fn advertise_itself(endpoint: Endpoint, machine: &Machine) -> Listener {
    let advertised_host = if endpoint.is_every_address() {
        machine.hostname.clone()
    } else {
        endpoint.host.clone()
    };
    Listener {
        name: endpoint.name,
        bind_host: endpoint.host,
        bind_port: endpoint.port,
        advertised_host,
        advertised_port: endpoint.port,
    }
}
