//! The embedded protocol of classic consumers (ConsumerProtocolSubscription and
//! ConsumerProtocolAssignment, v0–v3): what a member says to its leader, and the leader to it. The
//! coordinator reads and writes it where members of both protocols are in a group.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{BufMut, Bytes, BytesMut};

use super::super::records::consumer::Partitions;
use super::topics::Topics;
use crate::record_codec::{Reader, RecordError, put_bytes, put_string};

pub use super::super::consumer_protocol::PROTOCOL_TYPE as CONSUMER;

const OWNED_PARTITIONS_SINCE: i16 = 1;
const GENERATION_SINCE: i16 = 2;
const RACK_SINCE: i16 = 3;
/// The newest version; of one from later, what comes after is not read.
const VERSION_MAX: i16 = 3;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    pub version: i16,
    pub topics: Vec<String>,
    /// By topic name.
    pub owned: BTreeMap<String, BTreeSet<i32>>,
    pub rack: Option<String>,
}

impl Subscription {
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::new(bytes);
        let version = reader.i16()?;
        if version < 0 {
            return Err(RecordError::Version(version));
        }
        let mut subscription = Self {
            version: version.min(VERSION_MAX),
            ..Self::default()
        };
        for _ in 0..reader.count()? {
            subscription.topics.push(reader.string()?);
        }
        reader.nullable_bytes()?;
        if version >= OWNED_PARTITIONS_SINCE {
            subscription.owned = read_partitions(&mut reader)?;
        }
        if version >= GENERATION_SINCE {
            reader.i32()?;
        }
        if version >= RACK_SINCE {
            subscription.rack = reader.nullable_string()?;
        }
        Ok(subscription)
    }

    /// What it has, of topics that there are.
    pub fn owned_partitions(&self, topics: &dyn Topics) -> Partitions {
        by_id(&self.owned, topics)
    }
}

/// What a classic leader gave a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// By topic name.
    partitions: BTreeMap<String, BTreeSet<i32>>,
    /// Of an assignor of the application's own.
    pub has_user_data: bool,
}

impl Assignment {
    /// No bytes are no partitions.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader::new(bytes);
        let version = reader.i16()?;
        if version < 0 {
            return Err(RecordError::Version(version));
        }
        let partitions = read_partitions(&mut reader)?;
        let user_data = reader.nullable_bytes()?;
        Ok(Self {
            partitions,
            has_user_data: user_data.is_some_and(|bytes| !bytes.is_empty()),
        })
    }

    pub fn partitions(&self, topics: &dyn Topics) -> Partitions {
        by_id(&self.partitions, topics)
    }
}

/// An assignment as a classic member reads it, in the version of its subscription.
pub fn encode_assignment(version: i16, partitions: &Partitions, topics: &dyn Topics) -> Bytes {
    let named = partitions.iter().filter_map(|(id, indexes)| {
        let topic = topics.with_id(*id)?;
        Some((topic.name, indexes))
    });
    let named: Vec<_> = named.collect();
    let mut out = BytesMut::new();
    out.put_i16(version);
    out.put_i32(named.len() as i32);
    for (name, indexes) in named {
        put_string(&mut out, &name);
        out.put_i32(indexes.len() as i32);
        for index in indexes {
            out.put_i32(*index);
        }
    }
    put_bytes(&mut out, &[]);
    out.freeze()
}

fn read_partitions(
    reader: &mut Reader<'_>,
) -> Result<BTreeMap<String, BTreeSet<i32>>, RecordError> {
    let mut partitions: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
    for _ in 0..reader.count()? {
        let topic = reader.string()?;
        let indexes = partitions.entry(topic).or_default();
        for _ in 0..reader.count()? {
            indexes.insert(reader.i32()?);
        }
    }
    Ok(partitions)
}

fn by_id(partitions: &BTreeMap<String, BTreeSet<i32>>, topics: &dyn Topics) -> Partitions {
    let known = partitions.iter().filter_map(|(name, indexes)| {
        let topic = topics.named(name)?;
        Some((topic.id, indexes.clone()))
    });
    known.collect()
}
