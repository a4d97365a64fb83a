//! ConsumerGroupMemberMetadataValue (5): what a member has said of itself.

use std::collections::BTreeSet;

use bytes::{BufMut, Bytes, BytesMut};

use super::record::{VERSION, reader};
use crate::record_codec::{
    Reader, RecordError, put_compact_bytes, put_compact_count, put_compact_nullable_string,
    put_compact_string, put_tagged_fields,
};

const CLASSIC_MEMBER_METADATA: u32 = 0;
/// What stands before a structure that may be null and is not.
const PRESENT: i8 = 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberValue {
    pub instance_id: Option<String>,
    pub rack_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub topic_names: BTreeSet<String>,
    /// Empty, or null, for none.
    pub topic_regex: Option<String>,
    /// How long the member may take to give partitions back.
    pub rebalance_timeout_ms: i32,
    pub server_assignor: Option<String>,
    /// Only of members that use the classic protocol.
    pub classic: Option<ClassicMember>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicMember {
    pub session_timeout_ms: i32,
    /// Names and metadata, the most wanted first.
    pub protocols: Vec<(String, Bytes)>,
}

impl Default for MemberValue {
    fn default() -> Self {
        Self {
            instance_id: None,
            rack_id: None,
            client_id: String::new(),
            client_host: String::new(),
            topic_names: BTreeSet::new(),
            topic_regex: None,
            rebalance_timeout_ms: -1,
            server_assignor: None,
            classic: None,
        }
    }
}

impl MemberValue {
    /// The regular expression, if there is one.
    pub fn regex(&self) -> Option<&str> {
        self.topic_regex
            .as_deref()
            .filter(|regex| !regex.is_empty())
    }

    pub(super) fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_i16(VERSION);
        put_compact_nullable_string(&mut out, self.instance_id.as_deref());
        put_compact_nullable_string(&mut out, self.rack_id.as_deref());
        put_compact_string(&mut out, &self.client_id);
        put_compact_string(&mut out, &self.client_host);
        put_compact_count(&mut out, self.topic_names.len());
        for name in &self.topic_names {
            put_compact_string(&mut out, name);
        }
        put_compact_nullable_string(&mut out, self.topic_regex.as_deref());
        out.put_i32(self.rebalance_timeout_ms);
        put_compact_nullable_string(&mut out, self.server_assignor.as_deref());
        match &self.classic {
            Some(classic) => {
                put_tagged_fields(&mut out, &[(CLASSIC_MEMBER_METADATA, &classic.encode())]);
            }
            None => put_tagged_fields(&mut out, &[]),
        }
        out.freeze()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = reader(bytes)?;
        let mut member = Self {
            instance_id: reader.nullable_string()?,
            rack_id: reader.nullable_string()?,
            client_id: reader.string()?,
            client_host: reader.string()?,
            ..Self::default()
        };
        for _ in 0..reader.count()? {
            member.topic_names.insert(reader.string()?);
        }
        member.topic_regex = reader.nullable_string()?;
        member.rebalance_timeout_ms = reader.i32()?;
        member.server_assignor = reader.nullable_string()?;
        reader.each_tagged_field(|tag, field| {
            let mut field = Reader::flexible(field);
            if tag == CLASSIC_MEMBER_METADATA && field.i8()? == PRESENT {
                member.classic = Some(ClassicMember::decode(&mut field)?);
            }
            Ok(())
        })?;
        Ok(member)
    }
}

impl ClassicMember {
    fn encode(&self) -> BytesMut {
        let mut out = BytesMut::new();
        out.put_i8(PRESENT);
        out.put_i32(self.session_timeout_ms);
        put_compact_count(&mut out, self.protocols.len());
        for (name, metadata) in &self.protocols {
            put_compact_string(&mut out, name);
            put_compact_bytes(&mut out, metadata);
            put_tagged_fields(&mut out, &[]);
        }
        put_tagged_fields(&mut out, &[]);
        out
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        let session_timeout_ms = reader.i32()?;
        let mut protocols = Vec::new();
        for _ in 0..reader.count()? {
            protocols.push((reader.string()?, reader.bytes()?));
            reader.tagged_fields()?;
        }
        reader.tagged_fields()?;
        Ok(Self {
            session_timeout_ms,
            protocols,
        })
    }
}
