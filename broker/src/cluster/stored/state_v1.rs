//! Version 1 of every part of a snapshot.

use uuid::Uuid;

use super::command_v1::{ConfigsV1, PartitionV1, RegistrationV1};
use super::{Malformed, Reader, Stored, Writer};

/// Kind 1: up to where the log was applied.
#[derive(Debug)]
pub struct PositionV1 {
    pub term: u64,
    /// Of the last entry.
    pub entry_index: u64,
    /// Of the last command.
    pub command_index: u64,
}

/// Kind 2: what there is once.
#[derive(Debug)]
pub struct ClusterV1 {
    pub cluster_id: Option<String>,
    pub next_producer_id: i64,
}

/// Kind 3.
#[derive(Debug)]
pub struct BrokerV1 {
    pub registration: RegistrationV1,
    pub epoch: u64,
}

/// Kind 4.
#[derive(Debug)]
pub struct TopicV1 {
    pub name: String,
    pub id: Uuid,
    pub partitions: Vec<PartitionV1>,
    pub configs: ConfigsV1,
    pub changed_at: u64,
}

/// Kind 5: which topics changed lately, by the index of the command.
#[derive(Debug)]
pub struct ChangesV1 {
    pub complete_since: u64,
    pub recent: Vec<(u64, Uuid)>,
}

impl Stored for PositionV1 {
    const KIND: u16 = 1;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        to.u64(self.term);
        to.u64(self.entry_index);
        to.u64(self.command_index);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            term: from.u64()?,
            entry_index: from.u64()?,
            command_index: from.u64()?,
        })
    }
}

impl Stored for ClusterV1 {
    const KIND: u16 = 2;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        to.option(self.cluster_id.as_ref(), |to, id| to.string(id));
        to.i64(self.next_producer_id);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            cluster_id: from.option(Reader::string)?,
            next_producer_id: from.i64()?,
        })
    }
}

impl Stored for BrokerV1 {
    const KIND: u16 = 3;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        self.registration.write(to);
        to.u64(self.epoch);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            registration: RegistrationV1::read(from)?,
            epoch: from.u64()?,
        })
    }
}

impl Stored for TopicV1 {
    const KIND: u16 = 4;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        to.string(&self.name);
        to.uuid(self.id);
        to.list(&self.partitions, |to, one| one.write(to));
        self.configs.write(to);
        to.u64(self.changed_at);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            name: from.string()?,
            id: from.uuid()?,
            partitions: from.list(PartitionV1::read)?,
            configs: ConfigsV1::read(from)?,
            changed_at: from.u64()?,
        })
    }
}

impl Stored for ChangesV1 {
    const KIND: u16 = 5;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        to.u64(self.complete_since);
        to.list(&self.recent, |to, (index, topic_id)| {
            to.u64(*index);
            to.uuid(*topic_id);
        });
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            complete_since: from.u64()?,
            recent: from.list(|from| Ok((from.u64()?, from.uuid()?)))?,
        })
    }
}
