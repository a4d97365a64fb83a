//! The table of commands: which stored type each is written as, and which are read.

use super::super::command::Command;
use super::brokers_v1::{AlterBrokerConfigsV1, UnregisterBrokerV1};
use super::command_v1::{
    AllocateProducerIdsV1, AlterTopicConfigsV1, CreatePartitionsV1, CreateTopicV1, DeleteTopicV1,
    RegisterBrokerV1, SetClusterIdV1,
};
use super::features_v1::SetFeatureLevelsV1;
use super::record::{Kinds, Record};
use super::resources_v1::{AlterResourceConfigsV1, ConfigResourceV1};
use super::{Malformed, Reader, Stored, Unreadable, Writer};

const WHAT: &str = "command";

/// Number, name and newest version of each kind. Numbers are never used again.
const KINDS: &Kinds = &[
    (SetClusterIdV1::KIND, "SetClusterId", 1),
    (RegisterBrokerV1::KIND, "RegisterBroker", 1),
    (CreateTopicV1::KIND, "CreateTopic", 1),
    (DeleteTopicV1::KIND, "DeleteTopic", 1),
    (AlterTopicConfigsV1::KIND, "AlterTopicConfigs", 1),
    (CreatePartitionsV1::KIND, "CreatePartitions", 1),
    (AllocateProducerIdsV1::KIND, "AllocateProducerIds", 1),
    (SetFeatureLevelsV1::KIND, "SetFeatureLevels", 1),
    (AlterBrokerConfigsV1::KIND, "AlterBrokerConfigs", 1),
    (UnregisterBrokerV1::KIND, "UnregisterBroker", 1),
    (AlterResourceConfigsV1::KIND, "AlterResourceConfigs", 1),
];

/// Each command in its newest version, one after the other.
pub fn encode_commands(commands: &[Command]) -> Vec<u8> {
    let mut writer = Writer::default();
    for command in commands {
        encode(command, &mut writer);
    }
    writer.into_bytes()
}

fn encode(command: &Command, to: &mut Writer) {
    match command {
        Command::SetClusterId { cluster_id } => SetClusterIdV1 {
            cluster_id: cluster_id.clone(),
        }
        .write_record(to),
        Command::RegisterBroker(registration) => {
            RegisterBrokerV1(registration.into()).write_record(to);
        }
        Command::CreateTopic {
            name,
            topic_id,
            partitions,
            configs,
        } => CreateTopicV1 {
            name: name.clone(),
            topic_id: *topic_id,
            partitions: partitions.iter().map(Into::into).collect(),
            configs: configs.into(),
        }
        .write_record(to),
        Command::DeleteTopic { topic_id } => DeleteTopicV1 {
            topic_id: *topic_id,
        }
        .write_record(to),
        Command::AlterTopicConfigs {
            topic_id,
            changes,
            replace,
        } => AlterTopicConfigsV1 {
            topic_id: *topic_id,
            changes: changes.iter().map(Into::into).collect(),
            replace: *replace,
        }
        .write_record(to),
        Command::CreatePartitions {
            topic_id,
            partitions_before,
            added,
        } => CreatePartitionsV1 {
            topic_id: *topic_id,
            partitions_before: *partitions_before,
            added: added.iter().map(Into::into).collect(),
        }
        .write_record(to),
        Command::AllocateProducerIds { count } => {
            AllocateProducerIdsV1 { count: *count }.write_record(to);
        }
        Command::SetFeatureLevels {
            epoch_before,
            levels,
        } => SetFeatureLevelsV1 {
            epoch_before: *epoch_before,
            levels: levels.iter().map(Into::into).collect(),
        }
        .write_record(to),
        Command::AlterBrokerConfigs {
            node_id,
            changes,
            replace,
        } => AlterBrokerConfigsV1 {
            node_id: *node_id,
            changes: changes.iter().map(Into::into).collect(),
            replace: *replace,
        }
        .write_record(to),
        Command::UnregisterBroker { node_id } => {
            UnregisterBrokerV1 { node_id: *node_id }.write_record(to);
        }
        Command::AlterResourceConfigs {
            resource,
            changes,
            replace,
        } => AlterResourceConfigsV1 {
            resource: ConfigResourceV1(resource.clone()),
            changes: changes.iter().map(Into::into).collect(),
            replace: *replace,
        }
        .write_record(to),
    }
}

/// Reads commands to the end of the bytes.
pub fn decode_commands(bytes: &[u8]) -> Result<Vec<Command>, Unreadable> {
    let mut from = Reader::new(bytes);
    let mut commands = Vec::new();
    while !from.is_empty() {
        let record = Record::read(&mut from).map_err(Unreadable::malformed(WHAT))?;
        commands.push(decode(&record)?);
    }
    Ok(commands)
}

fn decode(record: &Record<'_>) -> Result<Command, Unreadable> {
    fn read<T: Stored + Into<Command>>(payload: &[u8]) -> Result<Command, Malformed> {
        T::read_payload(payload).map(Into::into)
    }
    let payload = record.payload;
    let command = match (record.kind, record.version) {
        (SetClusterIdV1::KIND, 1) => read::<SetClusterIdV1>(payload),
        (RegisterBrokerV1::KIND, 1) => read::<RegisterBrokerV1>(payload),
        (CreateTopicV1::KIND, 1) => read::<CreateTopicV1>(payload),
        (DeleteTopicV1::KIND, 1) => read::<DeleteTopicV1>(payload),
        (AlterTopicConfigsV1::KIND, 1) => read::<AlterTopicConfigsV1>(payload),
        (CreatePartitionsV1::KIND, 1) => read::<CreatePartitionsV1>(payload),
        (AllocateProducerIdsV1::KIND, 1) => read::<AllocateProducerIdsV1>(payload),
        (SetFeatureLevelsV1::KIND, 1) => read::<SetFeatureLevelsV1>(payload),
        (AlterBrokerConfigsV1::KIND, 1) => read::<AlterBrokerConfigsV1>(payload),
        (UnregisterBrokerV1::KIND, 1) => read::<UnregisterBrokerV1>(payload),
        (AlterResourceConfigsV1::KIND, 1) => read::<AlterResourceConfigsV1>(payload),
        _ => return Err(Unreadable::record(WHAT, record, KINDS)),
    };
    command.map_err(Unreadable::malformed(WHAT))
}
