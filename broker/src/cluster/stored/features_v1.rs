//! Version 1 of what is stored of features: a command and a part of a snapshot.

use super::super::command::Command;
use super::super::features::{FeatureLevel, FinalizedFeatures};
use super::{Malformed, Reader, Stored, Writer};

/// Kind 8 of the commands.
#[derive(Debug)]
pub struct SetFeatureLevelsV1 {
    pub epoch_before: i64,
    pub levels: Vec<FeatureLevelV1>,
}

/// Kind 6 of a snapshot's parts; absent where no features were ever finalized.
#[derive(Debug)]
pub struct FeaturesV1 {
    changed_at: u64,
    levels: Vec<FeatureLevelV1>,
}

#[derive(Debug)]
pub struct FeatureLevelV1 {
    name: String,
    level: i16,
}

impl Stored for SetFeatureLevelsV1 {
    const KIND: u16 = 8;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        to.i64(self.epoch_before);
        to.list(&self.levels, |to, level| level.write(to));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            epoch_before: from.i64()?,
            levels: from.list(FeatureLevelV1::read)?,
        })
    }
}

impl Stored for FeaturesV1 {
    const KIND: u16 = 6;
    const VERSION: u16 = 1;

    fn write(&self, to: &mut Writer) {
        to.u64(self.changed_at);
        to.list(&self.levels, |to, level| level.write(to));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            changed_at: from.u64()?,
            levels: from.list(FeatureLevelV1::read)?,
        })
    }
}

impl FeatureLevelV1 {
    fn write(&self, to: &mut Writer) {
        to.string(&self.name);
        to.i16(self.level);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            name: from.string()?,
            level: from.i16()?,
        })
    }
}

impl From<&FeatureLevel> for FeatureLevelV1 {
    fn from(live: &FeatureLevel) -> Self {
        Self {
            name: live.name.clone(),
            level: live.level,
        }
    }
}

impl From<SetFeatureLevelsV1> for Command {
    fn from(stored: SetFeatureLevelsV1) -> Self {
        let level = |FeatureLevelV1 { name, level }| FeatureLevel { name, level };
        Self::SetFeatureLevels {
            epoch_before: stored.epoch_before,
            levels: stored.levels.into_iter().map(level).collect(),
        }
    }
}

impl From<&FinalizedFeatures> for FeaturesV1 {
    fn from(live: &FinalizedFeatures) -> Self {
        let level = |(name, level): (&str, i16)| FeatureLevelV1 {
            name: name.to_owned(),
            level,
        };
        Self {
            changed_at: live.changed_at(),
            levels: live.levels().map(level).collect(),
        }
    }
}

impl From<FeaturesV1> for FinalizedFeatures {
    fn from(stored: FeaturesV1) -> Self {
        let levels = stored.levels.into_iter();
        Self::from_parts(
            stored.changed_at,
            levels.map(|one| (one.name, one.level)).collect(),
        )
    }
}
