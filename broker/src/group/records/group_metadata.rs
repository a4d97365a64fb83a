//! GroupMetadataValue: written as v3, read as v0–v4.

use bytes::{BufMut, Bytes, BytesMut};

use crate::record_codec::{Reader, RecordError, put_bytes, put_nullable_string, put_string};

const VERSION: i16 = 3;

/// A group as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupValue {
    pub protocol_type: String,
    pub generation: i32,
    pub protocol: Option<String>,
    pub leader: Option<String>,
    pub state_since_ms: i64,
    pub members: Vec<MemberValue>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberValue {
    pub member_id: String,
    pub instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub rebalance_timeout_ms: i32,
    pub session_timeout_ms: i32,
    pub subscription: Bytes,
    pub assignment: Bytes,
}

impl GroupValue {
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_i16(VERSION);
        put_string(&mut out, &self.protocol_type);
        out.put_i32(self.generation);
        put_nullable_string(&mut out, self.protocol.as_deref());
        put_nullable_string(&mut out, self.leader.as_deref());
        out.put_i64(self.state_since_ms);
        out.put_i32(self.members.len() as i32);
        for member in &self.members {
            put_string(&mut out, &member.member_id);
            put_nullable_string(&mut out, member.instance_id.as_deref());
            put_string(&mut out, &member.client_id);
            put_string(&mut out, &member.client_host);
            out.put_i32(member.rebalance_timeout_ms);
            out.put_i32(member.session_timeout_ms);
            put_bytes(&mut out, &member.subscription);
            put_bytes(&mut out, &member.assignment);
        }
        out.freeze()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::new(bytes);
        let version = reader.i16()?;
        if !(0..=4).contains(&version) {
            return Err(RecordError::Version(version));
        }
        reader.is_flexible = version >= 4;
        let protocol_type = reader.string()?;
        let generation = reader.i32()?;
        let protocol = reader.nullable_string()?;
        let leader = reader.nullable_string()?;
        let state_since_ms = if version >= 2 { reader.i64()? } else { -1 };
        let count = reader.count()?;
        let mut members = Vec::new();
        for _ in 0..count {
            members.push(MemberValue::decode(&mut reader, version)?);
        }
        Ok(Self {
            protocol_type,
            generation,
            protocol,
            leader,
            state_since_ms,
            members,
        })
    }
}

impl MemberValue {
    fn decode(reader: &mut Reader<'_>, version: i16) -> Result<Self, RecordError> {
        let member_id = reader.string()?;
        let instance_id = if version >= 3 {
            reader.nullable_string()?
        } else {
            None
        };
        let client_id = reader.string()?;
        let client_host = reader.string()?;
        let rebalance_timeout_ms = if version >= 1 {
            Some(reader.i32()?)
        } else {
            None
        };
        let session_timeout_ms = reader.i32()?;
        let member = Self {
            member_id,
            instance_id,
            client_id,
            client_host,
            rebalance_timeout_ms: rebalance_timeout_ms.unwrap_or(session_timeout_ms),
            session_timeout_ms,
            subscription: reader.bytes()?,
            assignment: reader.bytes()?,
        };
        reader.tagged_fields()?;
        Ok(member)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::group::records::Key;

    proptest! {
        #[test]
        fn a_group_is_read_as_it_was_written(
            generation: i32, protocol in proptest::option::of("[a-z]{0,9}"), since: i64,
            members in proptest::collection::vec(("[a-z]{1,9}", proptest::option::of("[a-z]{0,4}"), 0..9999i32, proptest::collection::vec(any::<u8>(), 0..40)), 0..5),
        ) {
            let value = GroupValue {
                protocol_type: "consumer".to_owned(),
                generation,
                protocol: protocol.clone(),
                leader: protocol,
                state_since_ms: since,
                members: members.into_iter().map(|(id, instance_id, timeout, bytes)| MemberValue {
                    client_id: id.clone(),
                    client_host: format!("/{id}"),
                    member_id: id,
                    instance_id,
                    rebalance_timeout_ms: timeout,
                    session_timeout_ms: timeout + 1,
                    subscription: Bytes::from(bytes.clone()),
                    assignment: Bytes::from(bytes),
                }).collect(),
            };
            prop_assert_eq!(GroupValue::decode(&value.encode()), Ok(value));
        }

        #[test]
        fn no_bytes_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = GroupValue::decode(&bytes);
            let _ = Key::decode(&bytes);
            let _ = crate::group::records::decode_offset_value(&bytes);
        }
    }
}
