//! Where a sweep was measured: machine, broker, limits. Taken once, when it begins; a report made
//! later or elsewhere says the same.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::kafka::{Admin, KafkaError};
use crate::limits::Limits;
use crate::measure::Environment;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Setting {
    pub environment: Environment,
    /// `None` if they were not measured on this machine before.
    pub limits: Option<Limits>,
}

impl Setting {
    /// # Errors
    /// When the broker does not answer.
    pub fn of(bootstrap: &str, data_dir: &Path) -> Result<Self, KafkaError> {
        let admin = Admin::connect(bootstrap)?;
        let mut environment = Environment::of(data_dir);
        // Not every broker that can be measured answers these.
        let configs = admin.broker_configs().unwrap_or_default();
        environment.broker = configs.into_iter().filter(is_plain).collect();
        if let Ok((cluster_id, _)) = admin.describe_cluster() {
            environment.broker.insert("cluster.id".into(), cluster_id);
        }
        environment
            .broker
            .insert("address".into(), bootstrap.into());
        Ok(Self {
            environment,
            limits: Limits::cached(data_dir),
        })
    }

    /// Name and value, for a person.
    pub fn facts(&self) -> BTreeMap<&'static str, String> {
        let environment = &self.environment;
        let mut facts = BTreeMap::from([
            ("Kernel", environment.kernel.clone()),
            (
                "Processor",
                format!("{}, {} cores", environment.cpu_model, environment.cores),
            ),
            (
                "Memory",
                format!("{:.1} GB", environment.memory_bytes as f64 / 1e9),
            ),
            ("Started", environment.date.clone()),
            (
                "naru-bench",
                match &environment.commit {
                    Some(commit) => format!("{}, {commit}", environment.bench_version),
                    None => environment.bench_version.clone(),
                },
            ),
        ]);
        if let Some(disk) = &environment.disk {
            let cache = disk.write_cache.as_deref().unwrap_or("unknown");
            facts.insert(
                "Disk",
                format!(
                    "{}, {}, write cache: {cache}",
                    disk.device, disk.file_system
                ),
            );
        }
        if let Some(address) = environment.broker.get("address") {
            facts.insert("Broker", address.clone());
        }
        facts
    }
}

/// Numbers, switches and single words: nothing that could name a host, a user or a directory, since
/// results are published.
fn is_plain((key, value): &(String, String)) -> bool {
    let is_private = [
        "host",
        "listener",
        "dir",
        "rack",
        "password",
        "user",
        "principal",
    ]
    .iter()
    .any(|word| key.contains(word));
    let is_word = |value: &str| {
        value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    !is_private && is_word(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs_that_name_hosts_or_directories_are_left_out() {
        for (key, value, is_kept) in [
            ("message.max.bytes", "1048588", true),
            ("log.cleanup.policy", "delete", true),
            ("log.dirs", "data", false),
            ("advertised.listeners", "PLAINTEXT", false),
            ("remote.log.path", "/srv/alice", false),
            ("super.users", "alice", false),
        ] {
            assert_eq!(is_plain(&(key.into(), value.into())), is_kept, "{key}");
        }
    }
}
