//! Features (KIP-584): which levels this broker can work at, and those that the cluster works at.
//!
//! What is supported is a table of the code. What is finalized is part of the cluster's state: a
//! new cluster, or one that an older Naru made, starts with the defaults of this table, and from
//! then on only UpdateFeatures changes them, whatever the defaults of a later Naru are. A feature
//! whose level is 0 is off.
//!
//! Kafka's `kraft.version`, `eligible.leader.replicas.version`, `share.version` and
//! `streams.version` are not here: Naru has no controllers that join a quorum, one replica has no
//! eligible others, and share and streams groups are not served.

use std::collections::BTreeMap;

/// The level at which Kafka 4.4 writes its metadata (4.4-IV2). Naru's metadata has formats of its
/// own, so that there is no other level to go to; tools read the version of Kafka from it.
pub const METADATA_VERSION: &str = "metadata.version";
/// From 2 on, clients use the transactions of KIP-890.
pub const TRANSACTION_VERSION: &str = "transaction.version";
/// From 1 on, clients may use the consumer groups of KIP-848.
pub const GROUP_VERSION: &str = "group.version";

/// The metadata.version of Kafka 4.4.0.
const METADATA_VERSION_LEVEL: i16 = 33;
/// What a new cluster starts with.
const TRANSACTION_VERSION_DEFAULT: i16 = 2;
/// What a new cluster starts with.
const GROUP_VERSION_DEFAULT: i16 = 1;

/// A feature that this broker knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SupportedFeature {
    pub name: &'static str,
    pub level_min: i16,
    pub level_max: i16,
    /// The level of a new cluster.
    pub level_default: i16,
}

/// Sorted by name.
pub static SUPPORTED_FEATURES: [SupportedFeature; 3] = [
    SupportedFeature {
        name: GROUP_VERSION,
        level_min: 0,
        level_max: 1,
        level_default: GROUP_VERSION_DEFAULT,
    },
    SupportedFeature {
        name: METADATA_VERSION,
        level_min: METADATA_VERSION_LEVEL,
        level_max: METADATA_VERSION_LEVEL,
        level_default: METADATA_VERSION_LEVEL,
    },
    SupportedFeature {
        name: TRANSACTION_VERSION,
        level_min: 0,
        level_max: 2,
        level_default: TRANSACTION_VERSION_DEFAULT,
    },
];

/// The levels that the cluster works at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FinalizedFeatures {
    /// The index of the command that last changed them; 0 before the first.
    changed_at: u64,
    /// None of them is 0.
    levels: BTreeMap<String, i16>,
}

impl FinalizedFeatures {
    pub(super) fn from_parts(changed_at: u64, levels: BTreeMap<String, i16>) -> Self {
        Self { changed_at, levels }
    }

    /// The level of a feature; 0 if it is off.
    pub fn level(&self, name: &str) -> i16 {
        self.levels.get(name).copied().unwrap_or(0)
    }

    /// The features that are on, by name.
    pub fn levels(&self) -> impl ExactSizeIterator<Item = (&str, i16)> {
        self.levels.iter().map(|(name, level)| (&**name, *level))
    }

    /// Grows with every change (FinalizedFeaturesEpoch); -1 while nothing was ever finalized.
    pub fn epoch(&self) -> i64 {
        match i64::try_from(self.changed_at) {
            Ok(0) | Err(_) => -1,
            Ok(epoch) => epoch,
        }
    }

    /// Whether the cluster has its levels.
    pub fn is_set(&self) -> bool {
        self.changed_at != 0
    }

    pub(super) fn changed_at(&self) -> u64 {
        self.changed_at
    }

    /// The levels after a change by the command of that index; the others stay.
    pub(super) fn with(&self, index: u64, changes: &[FeatureLevel]) -> Self {
        let mut levels = self.levels.clone();
        for change in changes {
            match change.level {
                0 => levels.remove(&change.name),
                level => levels.insert(change.name.clone(), level),
            };
        }
        Self {
            changed_at: index,
            levels,
        }
    }
}

/// A level that a feature is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureLevel {
    pub name: String,
    /// 0 turns it off.
    pub level: i16,
}

/// What a cluster without levels starts with.
pub(super) fn default_levels() -> Vec<FeatureLevel> {
    let levels = SUPPORTED_FEATURES.iter().map(|feature| FeatureLevel {
        name: feature.name.to_owned(),
        level: feature.level_default,
    });
    levels.collect()
}

/// `UpdateFeaturesRequest.FeatureUpdateKey.UpgradeType`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpgradeType {
    Upgrade,
    SafeDowngrade,
    UnsafeDowngrade,
}

impl UpgradeType {
    /// `None` for a number that Kafka does not know either.
    pub fn from_code(code: i8) -> Option<Self> {
        match code {
            1 => Some(Self::Upgrade),
            2 => Some(Self::SafeDowngrade),
            3 => Some(Self::UnsafeDowngrade),
            _ => None,
        }
    }
}

/// Why a feature cannot go to a level: INVALID_UPDATE_VERSION, with Kafka's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid update version {level} for feature {name}. {reason}")]
pub struct InvalidUpdate {
    name: String,
    level: i16,
    reason: String,
}

/// Checks one update against what is supported, and against where the cluster is.
pub fn check_update(
    finalized: &FinalizedFeatures,
    name: &str,
    level: i16,
    upgrade_type: Option<UpgradeType>,
) -> Result<FeatureLevel, InvalidUpdate> {
    let wrong = |reason: &str| {
        Err(InvalidUpdate {
            name: name.to_owned(),
            level,
            reason: reason.to_owned(),
        })
    };
    let Some(upgrade_type) = upgrade_type else {
        return wrong("The controller does not support the given upgrade type.");
    };
    if level < 0 {
        return wrong("A feature version cannot be less than 0.");
    }
    let Some(supported) = SUPPORTED_FEATURES.iter().find(|f| f.name == name) else {
        return wrong("The controller does not support this feature.");
    };
    let (min, max) = (supported.level_min, supported.level_max);
    if level < min || level > max {
        return wrong(&format!(
            "The controller only supports versions {min}-{max}"
        ));
    }
    let current = finalized.level(name);
    if level < current && upgrade_type == UpgradeType::Upgrade {
        return wrong(
            "Can't downgrade the version of this feature without setting the upgrade type to \
             either safe or unsafe downgrade.",
        );
    }
    if level > current && upgrade_type != UpgradeType::Upgrade {
        return wrong("Can't downgrade to a newer version.");
    }
    Ok(FeatureLevel {
        name: name.to_owned(),
        level,
    })
}
