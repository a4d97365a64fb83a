//! What consumers of the classic protocol tell each other through the broker
//! (ConsumerProtocolSubscription and ConsumerProtocolAssignment, v0–v3): read here only to know
//! which topics a group is about, and which member reads which partition.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::record_codec::{Reader, RecordError};

/// The protocol type of consumers.
pub const PROTOCOL_TYPE: &str = "consumer";

/// The topics that a group reads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Subscriptions {
    Topics(BTreeSet<String>),
    /// A member says something that is not understood: it may be any topic.
    Any,
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self::Topics(BTreeSet::new())
    }
}

impl Subscriptions {
    /// From what each member says.
    pub fn of(members: impl Iterator<Item = Bytes>) -> Self {
        let mut topics = BTreeSet::new();
        for metadata in members {
            match subscribed(&metadata) {
                Ok(names) => topics.extend(names),
                Err(_) => return Self::Any,
            }
        }
        Self::Topics(topics)
    }

    pub fn has(&self, topic: &str) -> bool {
        match self {
            Self::Topics(topics) => topics.contains(topic),
            Self::Any => true,
        }
    }
}

/// What comes after the topics is of later versions, and not needed.
fn subscribed(metadata: &[u8]) -> Result<Vec<String>, RecordError> {
    let mut reader = Reader::new(metadata);
    let _version = reader.i16()?;
    let count = reader.count()?;
    let mut names = Vec::new();
    for _ in 0..count {
        names.push(reader.string()?);
    }
    Ok(names)
}

/// Topics and partitions that a member was given; nothing if it is not understood.
pub(super) fn assigned(assignment: &[u8]) -> Vec<(String, Vec<i32>)> {
    try_assigned(assignment).unwrap_or_default()
}

fn try_assigned(assignment: &[u8]) -> Result<Vec<(String, Vec<i32>)>, RecordError> {
    if assignment.is_empty() {
        return Ok(Vec::new());
    }
    let mut reader = Reader::new(assignment);
    let _version = reader.i16()?;
    let count = reader.count()?;
    let mut topics = Vec::new();
    for _ in 0..count {
        let topic = reader.string()?;
        let count = reader.count()?;
        let mut partitions = Vec::new();
        for _ in 0..count {
            partitions.push(reader.i32()?);
        }
        topics.push((topic, partitions));
    }
    Ok(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_whatever_comes_after_them() {
        // Version 1: two topics, no user data, an owned partition that is not looked at.
        let metadata = b"\0\x01\0\0\0\x02\0\x01a\0\x02bc\xff\xff\xff\xff\0\0\0\0";
        let read = Subscriptions::of([Bytes::from_static(metadata)].into_iter());
        assert!(read.has("a") && read.has("bc") && !read.has("b"));
        let mut cut = metadata.to_vec();
        cut.truncate(9);
        let members = [Bytes::from_static(metadata), Bytes::from(cut)];
        assert_eq!(Subscriptions::of(members.into_iter()), Subscriptions::Any);
    }

    #[test]
    fn an_assignment_names_partitions() {
        let assignment = b"\0\0\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\0\0\0\0\x07\xff\xff\xff\xff";
        assert_eq!(assigned(assignment), [("t".to_owned(), vec![0, 7])]);
        assert!(assigned(b"").is_empty() && assigned(b"topics").is_empty());
    }
}
