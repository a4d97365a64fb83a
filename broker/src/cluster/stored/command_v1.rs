//! Version 1 of every kind of command, and of what several of them contain.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::super::command::{BrokerListener, BrokerRegistration, Command, ConfigChange, Partition};
use super::{Malformed, Reader, Stored, Writer};

/// Kind 1: the cluster is named.
#[derive(Debug)]
pub struct SetClusterIdV1 {
    pub cluster_id: String,
}

/// Kind 2: a broker has started.
#[derive(Debug)]
pub struct RegisterBrokerV1(pub RegistrationV1);

/// Kind 3.
#[derive(Debug)]
pub struct CreateTopicV1 {
    pub name: String,
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionV1>,
    pub configs: ConfigsV1,
}

/// Kind 4.
#[derive(Debug)]
pub struct DeleteTopicV1 {
    pub topic_id: Uuid,
}

/// Kind 5.
#[derive(Debug)]
pub struct AlterTopicConfigsV1 {
    pub topic_id: Uuid,
    pub changes: Vec<ConfigChangeV1>,
    pub replace: bool,
}

/// Kind 6.
#[derive(Debug)]
pub struct CreatePartitionsV1 {
    pub topic_id: Uuid,
    pub partitions_before: u32,
    pub added: Vec<PartitionV1>,
}

/// Kind 7.
#[derive(Debug)]
pub struct AllocateProducerIdsV1 {
    pub count: u32,
}

#[derive(Debug)]
pub struct RegistrationV1 {
    node_id: i32,
    incarnation: Uuid,
    listeners: Vec<ListenerV1>,
    rack: Option<String>,
}

#[derive(Debug)]
struct ListenerV1 {
    name: String,
    host: String,
    port: u16,
}

#[derive(Debug)]
pub struct PartitionV1 {
    replicas: Vec<i32>,
    isr: Vec<i32>,
    leader: i32,
    leader_epoch: i32,
    partition_epoch: i32,
}

#[derive(Debug)]
pub struct ConfigChangeV1 {
    key: String,
    value: Option<String>,
}

/// Keys and values, by key.
#[derive(Debug)]
pub struct ConfigsV1(Vec<(String, String)>);

impl Stored for SetClusterIdV1 {
    const KIND: u16 = 1;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        to.string(&self.cluster_id);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            cluster_id: from.string()?,
        })
    }
}

impl Stored for RegisterBrokerV1 {
    const KIND: u16 = 2;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        self.0.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        RegistrationV1::read(from).map(Self)
    }
}

impl Stored for CreateTopicV1 {
    const KIND: u16 = 3;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        to.string(&self.name);
        to.uuid(self.topic_id);
        to.list(&self.partitions, |to, one| one.write(to));
        self.configs.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            name: from.string()?,
            topic_id: from.uuid()?,
            partitions: from.list(PartitionV1::read)?,
            configs: ConfigsV1::read(from)?,
        })
    }
}

impl Stored for DeleteTopicV1 {
    const KIND: u16 = 4;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        to.uuid(self.topic_id);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            topic_id: from.uuid()?,
        })
    }
}

impl Stored for AlterTopicConfigsV1 {
    const KIND: u16 = 5;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        to.uuid(self.topic_id);
        to.list(&self.changes, |to, change| change.write(to));
        to.u8(u8::from(self.replace));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            topic_id: from.uuid()?,
            changes: from.list(ConfigChangeV1::read)?,
            replace: from.u8()? != 0,
        })
    }
}

impl Stored for CreatePartitionsV1 {
    const KIND: u16 = 6;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        to.uuid(self.topic_id);
        to.u32(self.partitions_before);
        to.list(&self.added, |to, one| one.write(to));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            topic_id: from.uuid()?,
            partitions_before: from.u32()?,
            added: from.list(PartitionV1::read)?,
        })
    }
}

impl Stored for AllocateProducerIdsV1 {
    const KIND: u16 = 7;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        to.u32(self.count);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { count: from.u32()? })
    }
}

impl RegistrationV1 {
    pub fn write(&self, to: &mut Writer) {
        to.i32(self.node_id);
        to.uuid(self.incarnation);
        to.list(&self.listeners, |to, listener| {
            to.string(&listener.name);
            to.string(&listener.host);
            to.u16(listener.port);
        });
        to.option(self.rack.as_ref(), |to, rack| to.string(rack));
    }

    pub fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            node_id: from.i32()?,
            incarnation: from.uuid()?,
            listeners: from.list(|from| {
                Ok(ListenerV1 {
                    name: from.string()?,
                    host: from.string()?,
                    port: from.u16()?,
                })
            })?,
            rack: from.option(Reader::string)?,
        })
    }
}

impl PartitionV1 {
    pub fn write(&self, to: &mut Writer) {
        to.list(&self.replicas, |to, id| to.i32(*id));
        to.list(&self.isr, |to, id| to.i32(*id));
        to.i32(self.leader);
        to.i32(self.leader_epoch);
        to.i32(self.partition_epoch);
    }

    pub fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            replicas: from.list(Reader::i32)?,
            isr: from.list(Reader::i32)?,
            leader: from.i32()?,
            leader_epoch: from.i32()?,
            partition_epoch: from.i32()?,
        })
    }
}

impl ConfigChangeV1 {
    pub fn write(&self, to: &mut Writer) {
        to.string(&self.key);
        to.option(self.value.as_ref(), |to, value| to.string(value));
    }

    pub fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            key: from.string()?,
            value: from.option(Reader::string)?,
        })
    }
}

impl ConfigsV1 {
    pub fn write(&self, to: &mut Writer) {
        to.list(&self.0, |to, (key, value)| {
            to.string(key);
            to.string(value);
        });
    }

    pub fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.list(|from| Ok((from.string()?, from.string()?)))
            .map(Self)
    }
}

impl From<&BrokerRegistration> for RegistrationV1 {
    fn from(live: &BrokerRegistration) -> Self {
        let listener = |one: &BrokerListener| ListenerV1 {
            name: one.name.clone(),
            host: one.host.clone(),
            port: one.port,
        };
        Self {
            node_id: live.node_id,
            incarnation: live.incarnation,
            listeners: live.listeners.iter().map(listener).collect(),
            rack: live.rack.clone(),
        }
    }
}

impl From<RegistrationV1> for BrokerRegistration {
    fn from(stored: RegistrationV1) -> Self {
        let listener = |one: ListenerV1| BrokerListener {
            name: one.name,
            host: one.host,
            port: one.port,
        };
        Self {
            node_id: stored.node_id,
            incarnation: stored.incarnation,
            listeners: stored.listeners.into_iter().map(listener).collect(),
            rack: stored.rack,
        }
    }
}

impl From<&Partition> for PartitionV1 {
    fn from(live: &Partition) -> Self {
        Self {
            replicas: live.replicas.clone(),
            isr: live.isr.clone(),
            leader: live.leader,
            leader_epoch: live.leader_epoch,
            partition_epoch: live.partition_epoch,
        }
    }
}

impl From<PartitionV1> for Partition {
    fn from(stored: PartitionV1) -> Self {
        Self {
            replicas: stored.replicas,
            isr: stored.isr,
            leader: stored.leader,
            leader_epoch: stored.leader_epoch,
            partition_epoch: stored.partition_epoch,
        }
    }
}

impl From<&ConfigChange> for ConfigChangeV1 {
    fn from(live: &ConfigChange) -> Self {
        Self {
            key: live.key.clone(),
            value: live.value.clone(),
        }
    }
}

impl From<ConfigChangeV1> for ConfigChange {
    fn from(stored: ConfigChangeV1) -> Self {
        let ConfigChangeV1 { key, value } = stored;
        Self { key, value }
    }
}

impl From<&BTreeMap<String, String>> for ConfigsV1 {
    fn from(live: &BTreeMap<String, String>) -> Self {
        let pairs = live.iter();
        Self(pairs.map(|(k, v)| (k.clone(), v.clone())).collect())
    }
}

impl From<ConfigsV1> for BTreeMap<String, String> {
    fn from(stored: ConfigsV1) -> Self {
        stored.0.into_iter().collect()
    }
}

impl From<SetClusterIdV1> for Command {
    fn from(stored: SetClusterIdV1) -> Self {
        let SetClusterIdV1 { cluster_id } = stored;
        Self::SetClusterId { cluster_id }
    }
}

impl From<RegisterBrokerV1> for Command {
    fn from(stored: RegisterBrokerV1) -> Self {
        Self::RegisterBroker(stored.0.into())
    }
}

impl From<CreateTopicV1> for Command {
    fn from(stored: CreateTopicV1) -> Self {
        Self::CreateTopic {
            name: stored.name,
            topic_id: stored.topic_id,
            partitions: stored.partitions.into_iter().map(Into::into).collect(),
            configs: stored.configs.into(),
        }
    }
}

impl From<DeleteTopicV1> for Command {
    fn from(stored: DeleteTopicV1) -> Self {
        let DeleteTopicV1 { topic_id } = stored;
        Self::DeleteTopic { topic_id }
    }
}

impl From<AlterTopicConfigsV1> for Command {
    fn from(stored: AlterTopicConfigsV1) -> Self {
        Self::AlterTopicConfigs {
            topic_id: stored.topic_id,
            changes: stored.changes.into_iter().map(Into::into).collect(),
            replace: stored.replace,
        }
    }
}

impl From<CreatePartitionsV1> for Command {
    fn from(stored: CreatePartitionsV1) -> Self {
        Self::CreatePartitions {
            topic_id: stored.topic_id,
            partitions_before: stored.partitions_before,
            added: stored.added.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<AllocateProducerIdsV1> for Command {
    fn from(stored: AllocateProducerIdsV1) -> Self {
        let AllocateProducerIdsV1 { count } = stored;
        Self::AllocateProducerIds { count }
    }
}
