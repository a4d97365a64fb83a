//! Stories of the cluster's metadata, and what they share.

mod brokers;
mod control;
mod crashes;
mod damage;
mod features;
mod formats;
mod golden;
mod images;
mod resources;
mod rules;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use naru_runtime::sim::{Sim, SimEnv};
use proptest::prelude::*;
use uuid::Uuid;

use super::command_log::Committed;
use super::*;

/// Where the metadata is on a simulated machine.
pub fn directory() -> PathBuf {
    Path::new("/data").join(DIRECTORY)
}

/// A simulated machine with a data directory.
pub fn machine(seed: u64) -> Sim {
    let sim = Sim::new(seed);
    sim.make_dir(Path::new("/data")).unwrap();
    sim
}

/// Never takes a snapshot by itself.
pub const NO_SNAPSHOT: u64 = u64::MAX;

/// Opens the metadata of a machine that does not crash meanwhile.
pub fn open_with(sim: &Sim, snapshot_after_bytes: u64) -> Result<SingleNode<SimEnv>, StorageError> {
    let directory = directory();
    let opened = SingleNode::open_with(sim.env(), &directory, 1, snapshot_after_bytes);
    sim.run(opened).unwrap()
}

pub fn open(sim: &Sim) -> SingleNode<SimEnv> {
    open_with(sim, NO_SNAPSHOT).unwrap()
}

/// Has a group of commands carried out, on a machine that does not crash meanwhile.
pub fn propose(
    sim: &Sim,
    node: &SingleNode<SimEnv>,
    commands: &[Command],
) -> Result<Committed, ClusterError> {
    sim.run(node.propose(commands.to_vec())).unwrap()
}

pub fn image(node: &SingleNode<SimEnv>) -> ClusterImage {
    ClusterImage::clone(&node.images().newest())
}

/// The files of the machine whose names begin so, by index.
pub fn files_of(sim: &Sim, prefix: &str) -> Vec<(PathBuf, bytes::Bytes)> {
    let files = sim.contents(&directory()).unwrap().into_iter();
    let is_named = |path: &Path| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with(prefix)
    };
    let mut files: Vec<_> = files.filter(|(path, _)| is_named(path)).collect();
    files.sort();
    files
}

pub fn register(node_id: i32, incarnation: u128) -> Command {
    Command::RegisterBroker(BrokerRegistration {
        node_id,
        incarnation: Uuid::from_u128(incarnation),
        listeners: vec![BrokerListener {
            name: "PLAINTEXT".into(),
            host: "ferry".into(),
            port: 9092,
        }],
        rack: None,
    })
}

pub fn create(name: &str, id: u128, partitions: usize) -> Command {
    Command::CreateTopic {
        name: name.into(),
        topic_id: Uuid::from_u128(id),
        partitions: vec![Partition::new(vec![1]); partitions],
        configs: BTreeMap::from([("retention.ms".into(), "1000".into())]),
    }
}

pub fn delete(id: u128) -> Command {
    Command::DeleteTopic {
        topic_id: Uuid::from_u128(id),
    }
}

pub fn alter(id: u128, key: &str, value: Option<&str>, replace: bool) -> Command {
    Command::AlterTopicConfigs {
        topic_id: Uuid::from_u128(id),
        changes: vec![ConfigChange {
            key: key.into(),
            value: value.map(str::to_owned),
        }],
        replace,
    }
}

pub fn grow(id: u128, partitions_before: u32, added: usize) -> Command {
    Command::CreatePartitions {
        topic_id: Uuid::from_u128(id),
        partitions_before,
        added: vec![Partition::new(vec![1]); added],
    }
}

pub fn finalize(epoch_before: i64, name: &str, level: i16) -> Command {
    Command::SetFeatureLevels {
        epoch_before,
        levels: vec![FeatureLevel {
            name: name.into(),
            level,
        }],
    }
}

pub fn set_broker(node_id: Option<i32>, key: &str, value: Option<&str>, replace: bool) -> Command {
    Command::AlterBrokerConfigs {
        node_id,
        changes: vec![ConfigChange {
            key: key.into(),
            value: value.map(str::to_owned),
        }],
        replace,
    }
}

pub fn group(name: &str) -> ConfigResource {
    ConfigResource::Group(name.into())
}

pub fn set_resource(
    resource: ConfigResource,
    key: &str,
    value: Option<&str>,
    replace: bool,
) -> Command {
    Command::AlterResourceConfigs {
        resource,
        changes: vec![ConfigChange {
            key: key.into(),
            value: value.map(str::to_owned),
        }],
        replace,
    }
}

/// A state after these commands, with the answer to each.
pub fn after(commands: &[Command]) -> (ClusterState, Vec<Result<Outcome, Refusal>>) {
    let mut state = ClusterState::default();
    let answers = (1..)
        .zip(commands)
        .map(|(index, command)| state.apply(index, command))
        .collect();
    (state, answers)
}

/// Commands of which some fit and some do not: few names and ids, so that they meet.
pub fn any_command() -> impl Strategy<Value = Command> {
    let id = 1u128..6;
    let name = prop::sample::select(vec!["a", "b.c", "b_c", "d", "e", "..", ""]);
    prop_oneof![
        1 => (1i32..3, 1u128..4).prop_map(|(node, incarnation)| register(node, incarnation)),
        4 => (name, id.clone(), 0usize..4).prop_map(|(name, id, n)| create(name, id, n)),
        1 => id.clone().prop_map(delete),
        2 => (id.clone(), prop::option::of("[0-9]{1,3}"), any::<bool>())
            .prop_map(|(id, value, replace)| alter(id, "flush.ms", value.as_deref(), replace)),
        2 => (id, 0u32..6, 0usize..3).prop_map(|(id, before, added)| grow(id, before, added)),
        1 => (0u32..2000).prop_map(|count| Command::AllocateProducerIds { count }),
        1 => (-1i64..6, "[ab]", -1i16..3).prop_map(|(epoch, name, level)| finalize(epoch, &name, level)),
        1 => (prop::option::of(1i32..3), "[ab]", prop::option::of("[0-9]{1,3}"), any::<bool>())
            .prop_map(|(node, key, value, replace)| set_broker(node, &key, value.as_deref(), replace)),
        1 => (1i32..3).prop_map(|node_id| Command::UnregisterBroker { node_id }),
        1 => ("[ab]", "[ab]", prop::option::of("[0-9]{1,3}"), any::<bool>())
            .prop_map(|(name, key, value, replace)| {
                set_resource(group(&name), &key, value.as_deref(), replace)
            }),
        1 => Just(Command::SetClusterId { cluster_id: "t9E8VJKgT26MNQ7k0Klh-w".into() }),
    ]
}
