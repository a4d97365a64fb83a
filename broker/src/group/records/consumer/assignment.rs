//! ConsumerGroupTargetAssignmentMemberValue (7) and ConsumerGroupCurrentMemberAssignmentValue (8):
//! what a member is to get, and what it has.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{BufMut, Bytes, BytesMut};
use uuid::Uuid;

use super::record::{VERSION, reader};
use crate::record_codec::{Reader, RecordError, put_compact_count, put_tagged_fields};

const ASSIGNMENT_EPOCHS: u32 = 0;

/// Partitions by topic.
pub type Partitions = BTreeMap<Uuid, BTreeSet<i32>>;

/// Partitions by topic, each with the epoch in which its owner got it (KIP-1251).
pub type OwnedPartitions = BTreeMap<Uuid, BTreeMap<i32, i32>>;

/// How far a member is on the way to its target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemberState {
    /// It has what it can have.
    #[default]
    Stable,
    /// It has partitions to give back.
    UnrevokedPartitions,
    /// It waits for partitions that others have to give back.
    UnreleasedPartitions,
    /// Written by a broker that knows more states.
    Unknown(i8),
}

impl MemberState {
    const fn code(self) -> i8 {
        match self {
            Self::Stable => 0,
            Self::UnrevokedPartitions => 1,
            Self::UnreleasedPartitions => 2,
            Self::Unknown(code) => code,
        }
    }
}

impl From<i8> for MemberState {
    fn from(code: i8) -> Self {
        match code {
            0 => Self::Stable,
            1 => Self::UnrevokedPartitions,
            2 => Self::UnreleasedPartitions,
            other => Self::Unknown(other),
        }
    }
}

/// What a member has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CurrentValue {
    pub epoch: i32,
    pub previous_epoch: i32,
    pub state: MemberState,
    pub assigned: OwnedPartitions,
    /// Its own until it says that it has them no longer.
    pub pending_revocation: OwnedPartitions,
}

pub(super) fn encode_target(partitions: &Partitions) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(VERSION);
    put_compact_count(&mut out, partitions.len());
    for (topic_id, indexes) in partitions {
        put_partitions(&mut out, *topic_id, indexes.iter());
        put_tagged_fields(&mut out, &[]);
    }
    put_tagged_fields(&mut out, &[]);
    out.freeze()
}

pub(super) fn decode_target(bytes: &[u8]) -> Result<Partitions, RecordError> {
    let mut reader = reader(bytes)?;
    let mut partitions = Partitions::new();
    for _ in 0..reader.count()? {
        let topic_id = reader.uuid()?;
        let indexes = read_numbers(&mut reader)?;
        reader.tagged_fields()?;
        partitions.entry(topic_id).or_default().extend(indexes);
    }
    reader.tagged_fields()?;
    Ok(partitions)
}

impl CurrentValue {
    pub(super) fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_i16(VERSION);
        out.put_i32(self.epoch);
        out.put_i32(self.previous_epoch);
        out.put_i8(self.state.code());
        put_owned(&mut out, &self.assigned);
        put_owned(&mut out, &self.pending_revocation);
        put_tagged_fields(&mut out, &[]);
        out.freeze()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = reader(bytes)?;
        let epoch = reader.i32()?;
        let value = Self {
            epoch,
            previous_epoch: reader.i32()?,
            state: reader.i8()?.into(),
            assigned: read_owned(&mut reader, epoch)?,
            pending_revocation: read_owned(&mut reader, epoch)?,
        };
        reader.tagged_fields()?;
        Ok(value)
    }
}

fn put_partitions<'a>(
    out: &mut BytesMut,
    topic_id: Uuid,
    indexes: impl ExactSizeIterator<Item = &'a i32>,
) {
    out.put_slice(topic_id.as_bytes());
    put_numbers(out, indexes);
}

fn put_numbers<'a>(out: &mut BytesMut, numbers: impl ExactSizeIterator<Item = &'a i32>) {
    put_compact_count(out, numbers.len());
    for number in numbers {
        out.put_i32(*number);
    }
}

fn read_numbers(reader: &mut Reader<'_>) -> Result<Vec<i32>, RecordError> {
    (0..reader.count()?).map(|_| reader.i32()).collect()
}

fn put_owned(out: &mut BytesMut, owned: &OwnedPartitions) {
    put_compact_count(out, owned.len());
    for (topic_id, epochs) in owned {
        put_partitions(out, *topic_id, epochs.keys());
        let mut field = BytesMut::new();
        put_numbers(&mut field, epochs.values());
        put_tagged_fields(out, &[(ASSIGNMENT_EPOCHS, &field)]);
    }
}

/// Brokers before 4.3 wrote no epochs: then the member's own stands for them.
fn read_owned(reader: &mut Reader<'_>, epoch: i32) -> Result<OwnedPartitions, RecordError> {
    let mut owned = OwnedPartitions::new();
    for _ in 0..reader.count()? {
        let topic_id = reader.uuid()?;
        let indexes = read_numbers(reader)?;
        let mut epochs = Vec::new();
        reader.each_tagged_field(|tag, field| {
            if tag == ASSIGNMENT_EPOCHS {
                epochs = read_numbers(&mut Reader::flexible(field))?;
            }
            Ok(())
        })?;
        let epochs = epochs.into_iter().chain(std::iter::repeat(epoch));
        let with_epochs = indexes.into_iter().zip(epochs);
        owned.entry(topic_id).or_default().extend(with_epochs);
    }
    Ok(owned)
}
