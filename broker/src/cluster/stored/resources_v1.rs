//! Version 1 of what is stored of groups' and client metrics' configs: a command and a part of a
//! snapshot.

use super::super::command::Command;
use super::super::resource::ConfigResource;
use super::command_v1::{ConfigChangeV1, ConfigsV1};
use super::{Malformed, Reader, Stored, Writer};

/// `ConfigResource.Type` of Kafka's.
const CLIENT_METRICS: u8 = 16;
const GROUP: u8 = 32;

#[derive(Debug)]
pub struct ConfigResourceV1(pub ConfigResource);

/// Kind 11 of the commands.
#[derive(Debug)]
pub struct AlterResourceConfigsV1 {
    pub resource: ConfigResourceV1,
    pub changes: Vec<ConfigChangeV1>,
    pub replace: bool,
}

/// Kind 8 of a snapshot's parts: what clients have set for one of them.
#[derive(Debug)]
pub struct ResourceConfigsV1 {
    pub resource: ConfigResourceV1,
    pub configs: ConfigsV1,
}

impl ConfigResourceV1 {
    fn write(&self, to: &mut Writer) {
        to.u8(match self.0 {
            ConfigResource::Group(_) => GROUP,
            ConfigResource::ClientMetrics(_) => CLIENT_METRICS,
        });
        to.string(self.0.name());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (kind, name) = (from.u8()?, from.string()?);
        match kind {
            GROUP => Ok(Self(ConfigResource::Group(name))),
            CLIENT_METRICS => Ok(Self(ConfigResource::ClientMetrics(name))),
            other => Err(Malformed::NotAResource(other)),
        }
    }
}

impl Stored for AlterResourceConfigsV1 {
    const KIND: u16 = 11;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        self.resource.write(to);
        to.list(&self.changes, |to, change| change.write(to));
        to.u8(u8::from(self.replace));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            resource: ConfigResourceV1::read(from)?,
            changes: from.list(ConfigChangeV1::read)?,
            replace: from.u8()? != 0,
        })
    }
}

impl Stored for ResourceConfigsV1 {
    const KIND: u16 = 8;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        self.resource.write(to);
        self.configs.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            resource: ConfigResourceV1::read(from)?,
            configs: ConfigsV1::read(from)?,
        })
    }
}

impl From<AlterResourceConfigsV1> for Command {
    fn from(stored: AlterResourceConfigsV1) -> Self {
        Self::AlterResourceConfigs {
            resource: stored.resource.0,
            changes: stored.changes.into_iter().map(Into::into).collect(),
            replace: stored.replace,
        }
    }
}
