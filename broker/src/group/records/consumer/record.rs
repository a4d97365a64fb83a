//! A record: its key, its value, and what they say.

use super::{
    CurrentValue, GroupValue, MemberValue, Partitions, RegexValue, TargetEpochValue, assignment,
};
use crate::group::records::{OffsetsRecord, key};
use crate::record_codec::{Reader, RecordError};

/// What a record is about, beside its group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConsumerKey {
    Group,
    PartitionMetadata,
    /// Its member id; as in `Target` and `Current`.
    Member(String),
    TargetEpoch,
    Target(String),
    Current(String),
    /// The regular expression.
    Regex(String),
}

/// One change of a group's state; `None` is a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerRecord {
    Group(Option<GroupValue>),
    /// Only ever removed. Whether there was one that was not is what it holds when it is read.
    PartitionMetadata(Option<()>),
    Member(String, Option<MemberValue>),
    TargetEpoch(Option<TargetEpochValue>),
    Target(String, Option<Partitions>),
    Current(String, Option<CurrentValue>),
    Regex(String, Option<RegexValue>),
}

impl ConsumerRecord {
    pub fn key(&self) -> ConsumerKey {
        match self {
            Self::Group(_) => ConsumerKey::Group,
            Self::PartitionMetadata(_) => ConsumerKey::PartitionMetadata,
            Self::Member(id, _) => ConsumerKey::Member(id.clone()),
            Self::TargetEpoch(_) => ConsumerKey::TargetEpoch,
            Self::Target(id, _) => ConsumerKey::Target(id.clone()),
            Self::Current(id, _) => ConsumerKey::Current(id.clone()),
            Self::Regex(regex, _) => ConsumerKey::Regex(regex.clone()),
        }
    }

    pub fn is_tombstone(&self) -> bool {
        match self {
            Self::Group(value) => value.is_none(),
            Self::PartitionMetadata(value) => value.is_none(),
            Self::Member(_, value) => value.is_none(),
            Self::TargetEpoch(value) => value.is_none(),
            Self::Target(_, value) => value.is_none(),
            Self::Current(_, value) => value.is_none(),
            Self::Regex(_, value) => value.is_none(),
        }
    }

    pub fn encode(&self, group_id: &str) -> OffsetsRecord {
        let value = match self {
            Self::Group(value) => value.as_ref().map(GroupValue::encode),
            Self::PartitionMetadata(_) => None,
            Self::Member(_, value) => value.as_ref().map(MemberValue::encode),
            Self::TargetEpoch(value) => value.as_ref().map(TargetEpochValue::encode),
            Self::Target(_, value) => value.as_ref().map(assignment::encode_target),
            Self::Current(_, value) => value.as_ref().map(CurrentValue::encode),
            Self::Regex(_, value) => value.as_ref().map(RegexValue::encode),
        };
        OffsetsRecord {
            key: key::consumer(group_id, &self.key()),
            value,
        }
    }

    pub fn decode(key: ConsumerKey, value: Option<&[u8]>) -> Result<Self, RecordError> {
        Ok(match key {
            ConsumerKey::Group => Self::Group(value.map(GroupValue::decode).transpose()?),
            ConsumerKey::PartitionMetadata => Self::PartitionMetadata(value.map(|_| ())),
            ConsumerKey::Member(id) => {
                Self::Member(id, value.map(MemberValue::decode).transpose()?)
            }
            ConsumerKey::TargetEpoch => {
                Self::TargetEpoch(value.map(TargetEpochValue::decode).transpose()?)
            }
            ConsumerKey::Target(id) => {
                Self::Target(id, value.map(assignment::decode_target).transpose()?)
            }
            ConsumerKey::Current(id) => {
                Self::Current(id, value.map(CurrentValue::decode).transpose()?)
            }
            ConsumerKey::Regex(regex) => {
                Self::Regex(regex, value.map(RegexValue::decode).transpose()?)
            }
        })
    }
}

/// The version that all values have so far.
pub(super) const VERSION: i16 = 0;

/// A reader past the version of a value.
pub(super) fn reader(bytes: &[u8]) -> Result<Reader<'_>, RecordError> {
    let mut reader = Reader::new(bytes);
    match reader.i16()? {
        VERSION => {
            reader.is_flexible = true;
            Ok(reader)
        }
        other => Err(RecordError::Version(other)),
    }
}
