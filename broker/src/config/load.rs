//! Lays `--set` over the file over the defaults, checks, and hands out one struct per room.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::keys::{
    self, Cleaner, Groups, Key, Limits, Log, Naru, Network, Node, Topics, Transactions,
};
use super::listeners::{self, AdminListener, Listener};
use super::machine::Machine;
use super::properties::{self, PropertiesError};
use super::settings::{Setting, Settings, Source};
use super::topic;

/// Everything the broker is told, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerConfig {
    /// `node.id`, or `broker.id` where only that is set.
    pub node_id: i32,
    /// The one directory that holds all data.
    pub data_dir: PathBuf,
    /// At least one.
    pub listeners: Vec<Listener>,
    /// `naru.admin.listener`; `None` is off.
    pub admin_listener: Option<AdminListener>,
    pub node: Node,
    pub network: Network,
    pub log: Log,
    pub limits: Limits,
    pub topics: Topics,
    pub groups: Groups,
    pub transactions: Transactions,
    pub cleaner: Cleaner,
    pub naru: Naru,
    settings: Settings,
    /// What the defaults were computed from.
    machine: Machine,
}

/// Something that does not keep the broker from starting but that its operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning(pub String);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl BrokerConfig {
    /// Reads `file`, if there is one, and lays `set` over it.
    pub fn load(
        file: Option<&Path>,
        set: &[(String, String)],
        machine: &Machine,
    ) -> Result<(Self, Vec<Warning>), ConfigError> {
        let entries = match file {
            None => Vec::new(),
            Some(path) => read(path)?,
        };
        Self::from_entries(&entries, set, machine)
    }

    /// The same, from a file that is already taken apart.
    pub fn from_entries(
        entries: &[properties::Entry],
        set: &[(String, String)],
        machine: &Machine,
    ) -> Result<(Self, Vec<Warning>), ConfigError> {
        let mut settings = Settings::defaults(machine);
        let mut warnings = Vec::new();
        let mut first_line = BTreeMap::new();
        for entry in entries {
            if let Some(earlier) = first_line.insert(&entry.key, entry.line) {
                warnings.push(Warning(format!(
                    "{} is set on lines {earlier} and {}: the later one counts",
                    entry.key, entry.line
                )));
            }
        }
        let from_file = entries
            .iter()
            .map(|e| (e.key.as_str(), e.value.as_str(), Source::File(e.line)));
        let from_command_line = set
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str(), Source::CommandLine));
        for (key, value, source) in from_file.chain(from_command_line) {
            take(&mut settings, key, value, source, &mut warnings)?;
        }
        let config = Self::resolve(settings, machine)?;
        config.check(&mut warnings)?;
        Ok((config, warnings))
    }

    /// The defaults, on this machine.
    pub fn defaults(machine: &Machine) -> Result<Self, ConfigError> {
        Ok(Self::from_entries(&[], &[], machine)?.0)
    }

    fn resolve(settings: Settings, machine: &Machine) -> Result<Self, ConfigError> {
        let node = Node::read(&settings)?;
        let network = Network::read(&settings)?;
        let log = Log::read(&settings)?;
        Ok(Self {
            node_id: node_id(&node, &settings)?,
            data_dir: data_dir(&log, &settings)?,
            listeners: listeners::resolve(&network, &settings, machine)?,
            admin_listener: listeners::resolve_admin(&settings)?,
            limits: Limits::read(&settings)?,
            topics: Topics::read(&settings)?,
            groups: Groups::read(&settings)?,
            transactions: Transactions::read(&settings)?,
            cleaner: Cleaner::read(&settings)?,
            naru: Naru::read(&settings)?,
            node,
            network,
            log,
            settings,
            machine: machine.clone(),
        })
    }

    /// The configuration under what clients have set while the broker runs, the stronger ones last;
    /// what does not pass its row is handed to `refused` and left out.
    pub(super) fn overridden<'a>(
        &self,
        overrides: impl Iterator<Item = (&'a str, &'a str, Source)>,
        mut refused: impl FnMut(ConfigError),
    ) -> Self {
        let mut settings = self.settings.clone();
        for (name, value, source) in overrides {
            let set = match keys::find(name).filter(|key| keys::is_dynamic(key.name)) {
                Some(key) => settings.set(key, value, source),
                None => Err(ConfigError::UnknownKey {
                    key: name.to_owned(),
                    from: source,
                    nearest: None,
                }),
            };
            set.unwrap_or_else(&mut refused);
        }
        Self::resolve(settings, &self.machine).unwrap_or_else(|error| {
            refused(error);
            self.clone()
        })
    }

    /// What no single row can say: values that must go together.
    pub(super) fn check(&self, warnings: &mut Vec<Warning>) -> Result<(), ConfigError> {
        topic::check_broker_defaults(self)?;
        let (memory, request) = (self.naru.memory.0, u64::from(self.limits.request_bytes_max));
        if memory < request {
            return Err(ConfigError::Contradiction(format!(
                "naru.memory={memory} cannot hold one request of socket.request.max.bytes={request}: \
                 raise the first or lower the second"
            )));
        }
        let groups = &self.groups;
        if groups.session_timeout_ms_min > groups.session_timeout_ms_max {
            return Err(ConfigError::Contradiction(format!(
                "group.min.session.timeout.ms={} is above group.max.session.timeout.ms={}",
                groups.session_timeout_ms_min, groups.session_timeout_ms_max
            )));
        }
        self.check_consumer_groups()?;
        if self.limits.message_bytes_max > self.limits.request_bytes_max {
            warnings.push(Warning(format!(
                "message.max.bytes={} is above socket.request.max.bytes={}: batches of that size \
                 cannot arrive; raise socket.request.max.bytes",
                self.limits.message_bytes_max, self.limits.request_bytes_max
            )));
        }
        if let Some(admin) = self.admin_listener.as_ref().filter(|a| !a.is_loopback()) {
            warnings.push(Warning(format!(
                "naru.admin.listener={}:{} can be reached from other machines, and whoever reaches \
                 it needs no password: keep it behind a firewall",
                admin.host, admin.port
            )));
        }
        if self.log.compression_type != "producer" {
            warnings.push(Warning(format!(
                "compression.type={}: Naru stores batches as the producer compressed them",
                self.log.compression_type
            )));
        }
        Ok(())
    }

    /// What groups of the consumer protocol get is within what they may set.
    fn check_consumer_groups(&self) -> Result<(), ConfigError> {
        let groups = &self.groups;
        let all = [
            (
                "session.timeout.ms",
                groups.consumer_session_timeout_ms_min,
                groups.consumer_session_timeout_ms,
                groups.consumer_session_timeout_ms_max,
            ),
            (
                "heartbeat.interval.ms",
                groups.consumer_heartbeat_interval_ms_min,
                groups.consumer_heartbeat_interval_ms,
                groups.consumer_heartbeat_interval_ms_max,
            ),
            (
                "assignment.interval.ms",
                groups.consumer_assignment_interval_ms_min,
                groups.consumer_assignment_interval_ms,
                groups.consumer_assignment_interval_ms_max,
            ),
        ];
        for (key, min, value, max) in all {
            if value < min || value > max {
                return Err(ConfigError::Contradiction(format!(
                    "group.consumer.{key}={value} is not within group.consumer.min.{key}={min} and \
                     group.consumer.max.{key}={max}"
                )));
            }
        }
        if groups.consumer_heartbeat_interval_ms >= groups.consumer_session_timeout_ms {
            return Err(ConfigError::Contradiction(format!(
                "group.consumer.heartbeat.interval.ms={} must be less than \
                 group.consumer.session.timeout.ms={}",
                groups.consumer_heartbeat_interval_ms, groups.consumer_session_timeout_ms
            )));
        }
        Ok(())
    }

    /// Every key that is kept, with its value and where that came from. Sorted by name.
    pub fn entries(&self) -> impl Iterator<Item = (&'static Key, &Setting)> {
        self.settings
            .iter()
            .filter_map(|(name, setting)| Some((keys::find(name)?, setting)))
    }

    /// The value that a key has when nobody sets it.
    pub(super) fn default_of(&self, key: &Key) -> Option<String> {
        key.default.text(&self.machine)
    }

    /// A broker key that is kept, and its setting.
    pub(super) fn kept(&self, name: &str) -> Option<(&'static str, &Setting)> {
        self.settings.kept(name)
    }

    /// The setting of one broker key that is kept.
    pub fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.get(name)
    }
}

fn read(path: &Path) -> Result<Vec<properties::Entry>, ConfigError> {
    let bytes = fs::read(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let newlines = error.as_bytes().iter().take(good).filter(|b| **b == b'\n');
        PropertiesError {
            line: newlines.count() + 1,
            reason: "is not UTF-8".into(),
        }
    });
    text.and_then(|text| properties::parse(&text))
        .map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            error,
        })
}

fn take(
    settings: &mut Settings,
    name: &str,
    value: &str,
    source: Source,
    warnings: &mut Vec<Warning>,
) -> Result<(), ConfigError> {
    if keys::is_fixed(name) {
        let so = settings.text(name).unwrap_or_default();
        if value.trim() != so {
            warnings.push(Warning(format!(
                "{name} ({source}) is a key of Kafka's that Naru does not act on: it is {so:?} here"
            )));
        }
        return Ok(());
    }
    if let Some(key) = keys::find(name) {
        if !keys::is_acted_on(name) {
            warnings.push(Warning(format!(
                "{name} ({source}) is kept and shown; Naru does not act on it"
            )));
        }
        return settings.set(key, value, source);
    }
    if keys::is_kafka_broker_key(name) {
        warnings.push(Warning(format!(
            "{name} ({source}) is a key of Kafka's that Naru does not act on"
        )));
        return Ok(());
    }
    Err(ConfigError::UnknownKey {
        key: name.to_owned(),
        from: source,
        nearest: keys::nearest(name),
    })
}

fn node_id(node: &Node, settings: &Settings) -> Result<i32, ConfigError> {
    if node.broker_id < 0 {
        return Ok(node.id);
    }
    let both = settings.source("node.id") != Source::Default;
    if both && node.id != node.broker_id {
        return Err(ConfigError::Contradiction(format!(
            "node.id={} and broker.id={} are two names of one number: remove broker.id",
            node.id, node.broker_id
        )));
    }
    Ok(node.broker_id)
}

/// `log.dirs` beats `log.dir`, as in Kafka.
fn data_dir(log: &Log, settings: &Settings) -> Result<PathBuf, ConfigError> {
    let (name, dirs) = match &log.dirs {
        Some(dirs) => ("log.dirs", dirs),
        None => ("log.dir", &log.dir),
    };
    match dirs.as_slice() {
        [one] => Ok(PathBuf::from(one)),
        several => Err(settings.invalid(
            name,
            format!("names {} directories, and Naru takes one", several.len()),
        )),
    }
}
