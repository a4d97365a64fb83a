//! Version 1 of what is stored of brokers beside their registrations: commands and a part of a
//! snapshot.

use super::super::command::Command;
use super::command_v1::{ConfigChangeV1, ConfigsV1};
use super::{Malformed, Reader, Stored, Writer};

/// Kind 9 of the commands.
#[derive(Debug)]
pub struct AlterBrokerConfigsV1 {
    /// Absent for what all brokers get.
    pub node_id: Option<i32>,
    pub changes: Vec<ConfigChangeV1>,
    pub replace: bool,
}

/// Kind 10 of the commands.
#[derive(Debug)]
pub struct UnregisterBrokerV1 {
    pub node_id: i32,
}

/// Kind 7 of a snapshot's parts: what clients have set for one broker, or for all.
#[derive(Debug)]
pub struct BrokerConfigsV1 {
    /// Absent for what all brokers get.
    pub node_id: Option<i32>,
    pub configs: ConfigsV1,
}

impl Stored for AlterBrokerConfigsV1 {
    const KIND: u16 = 9;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        to.option(self.node_id.as_ref(), |to, id| to.i32(*id));
        to.list(&self.changes, |to, change| change.write(to));
        to.u8(u8::from(self.replace));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            node_id: from.option(Reader::i32)?,
            changes: from.list(ConfigChangeV1::read)?,
            replace: from.u8()? != 0,
        })
    }
}

impl Stored for UnregisterBrokerV1 {
    const KIND: u16 = 10;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        to.i32(self.node_id);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            node_id: from.i32()?,
        })
    }
}

impl Stored for BrokerConfigsV1 {
    const KIND: u16 = 7;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        to.option(self.node_id.as_ref(), |to, id| to.i32(*id));
        self.configs.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            node_id: from.option(Reader::i32)?,
            configs: ConfigsV1::read(from)?,
        })
    }
}

impl From<AlterBrokerConfigsV1> for Command {
    fn from(stored: AlterBrokerConfigsV1) -> Self {
        Self::AlterBrokerConfigs {
            node_id: stored.node_id,
            changes: stored.changes.into_iter().map(Into::into).collect(),
            replace: stored.replace,
        }
    }
}

impl From<UnregisterBrokerV1> for Command {
    fn from(stored: UnregisterBrokerV1) -> Self {
        let UnregisterBrokerV1 { node_id } = stored;
        Self::UnregisterBroker { node_id }
    }
}
