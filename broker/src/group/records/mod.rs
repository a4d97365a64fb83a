//! The records of `__consumer_offsets`, in Kafka's formats: other brokers' tools read them.

pub mod consumer;
mod group_metadata;
mod key;
mod offset_commit;

use bytes::Bytes;

use super::member::Member;
use super::messages::{CommittedOffset, OffsetToCommit};
use super::state::Group;
pub use group_metadata::{GroupValue, MemberValue};
pub use key::Key;
pub use offset_commit::{decode as decode_offset_value, encode as encode_offset_value};

/// A key and a value; no value is a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetsRecord {
    pub key: Bytes,
    pub value: Option<Bytes>,
}

pub fn offset_record(group_id: &str, offset: &OffsetToCommit, now_ms: i64) -> OffsetsRecord {
    OffsetsRecord {
        key: key::offset(group_id, &offset.topic, offset.partition),
        value: Some(encode_offset_value(&CommittedOffset::new(offset, now_ms))),
    }
}

pub(super) fn offset_tombstone(group_id: &str, topic: &str, partition: i32) -> OffsetsRecord {
    OffsetsRecord {
        key: key::offset(group_id, topic, partition),
        value: None,
    }
}

pub(super) fn group_tombstone(group_id: &str) -> OffsetsRecord {
    OffsetsRecord {
        key: key::group(group_id),
        value: None,
    }
}

/// A group with the assignments that its members have.
pub(super) fn group_record<R>(group_id: &str, group: &Group<R>, now_ms: i64) -> OffsetsRecord {
    group_record_with(group_id, group, now_ms, |member| member.assignment.clone())
}

/// A group with assignments that its members are about to get.
pub(super) fn group_record_with<R>(
    group_id: &str,
    group: &Group<R>,
    now_ms: i64,
    assignment: impl Fn(&Member<R>) -> Bytes,
) -> OffsetsRecord {
    let protocol = group.protocol.clone().unwrap_or_default();
    let members = group.members.values().map(|member| MemberValue {
        member_id: member.id.clone(),
        instance_id: member.instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        session_timeout_ms: member.session_timeout_ms,
        subscription: member.metadata(&protocol),
        assignment: assignment(member),
    });
    let value = GroupValue {
        protocol_type: group.protocol_type.clone().unwrap_or_default(),
        generation: group.generation,
        protocol: group.protocol.clone(),
        leader: group.leader.clone(),
        state_since_ms: now_ms,
        members: members.collect(),
    };
    OffsetsRecord {
        key: key::group(group_id),
        value: Some(value.encode()),
    }
}
