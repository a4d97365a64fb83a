//! TransactionLogValue: written as v1, or as v0 in a cluster of `transaction.version` 0.
//!
//! Only v1 has the ids before and after the current one, as tagged fields; what would be lost in
//! v0 is written as v1 whatever the cluster's version (KAFKA-20310).

use std::collections::BTreeSet;

use bytes::{BufMut, Bytes, BytesMut};

use crate::record_codec::{
    Reader, RecordError, put_compact_count, put_compact_string, put_string, put_tagged_fields,
    put_unsigned_varint,
};
use crate::transaction::metadata::{Metadata, NO_EPOCH, NO_PRODUCER_ID};
use crate::transaction::{TopicPartition, TransactionState, TransactionVersion};

const TAG_PREVIOUS_PRODUCER_ID: u32 = 0;
const TAG_NEXT_PRODUCER_ID: u32 = 1;
const TAG_VERSION: u32 = 2;

pub fn encode(metadata: &Metadata, version: TransactionVersion) -> Bytes {
    let is_flexible = version.max(metadata.version) >= TransactionVersion::V1;
    let mut out = BytesMut::new();
    out.put_i16(i16::from(is_flexible));
    out.put_i64(metadata.producer_id);
    out.put_i16(metadata.producer_epoch);
    out.put_i32(metadata.timeout_ms);
    out.put_i8(metadata.state.code());
    put_partitions(&mut out, metadata, is_flexible);
    out.put_i64(metadata.last_update_ms);
    out.put_i64(metadata.start_ms);
    if is_flexible {
        put_tags(&mut out, metadata);
    }
    out.freeze()
}

fn put_partitions(out: &mut BytesMut, metadata: &Metadata, is_flexible: bool) {
    if metadata.state == TransactionState::Empty {
        // Null: there is nothing that could have partitions.
        return if is_flexible {
            put_unsigned_varint(out, 0);
        } else {
            out.put_i32(-1);
        };
    }
    let partitions: Vec<&TopicPartition> = metadata.partitions.iter().collect();
    let topics: Vec<_> = partitions.chunk_by(|a, b| a.topic == b.topic).collect();
    let put_length = |out: &mut BytesMut, length: usize| {
        if is_flexible {
            put_compact_count(out, length);
        } else {
            out.put_i32(length as i32);
        }
    };
    put_length(out, topics.len());
    for partitions in topics {
        let name = partitions.first().map_or("", |first| &first.topic);
        if is_flexible {
            put_compact_string(out, name);
        } else {
            put_string(out, name);
        }
        put_length(out, partitions.len());
        for partition in partitions {
            out.put_i32(partition.index);
        }
        if is_flexible {
            put_unsigned_varint(out, 0);
        }
    }
}

/// Tagged fields in the order of their tags; those that are as they are by default are left out.
fn put_tags(out: &mut BytesMut, metadata: &Metadata) {
    let previous = metadata.previous_producer_id.to_be_bytes();
    let next = metadata.next_producer_id.to_be_bytes();
    let version = metadata.version.level().to_be_bytes();
    let has_previous = metadata.previous_producer_id != NO_PRODUCER_ID;
    let has_next = metadata.next_producer_id != NO_PRODUCER_ID;
    let has_version = metadata.version != TransactionVersion::V0;
    let fields = [
        has_previous.then_some((TAG_PREVIOUS_PRODUCER_ID, &previous[..])),
        has_next.then_some((TAG_NEXT_PRODUCER_ID, &next[..])),
        has_version.then_some((TAG_VERSION, &version[..])),
    ];
    let fields: Vec<_> = fields.into_iter().flatten().collect();
    put_tagged_fields(out, &fields);
}

pub fn decode(bytes: &[u8]) -> Result<Metadata, RecordError> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16()?;
    if !(0..=1).contains(&version) {
        return Err(RecordError::Version(version));
    }
    reader.is_flexible = version >= 1;
    let producer_id = reader.i64()?;
    let producer_epoch = reader.i16()?;
    let timeout_ms = reader.i32()?;
    let code = reader.i8()?;
    let state = TransactionState::from_code(code).ok_or(RecordError::State(code))?;
    let partitions = partitions(&mut reader)?;
    let mut metadata = Metadata {
        producer_id,
        previous_producer_id: NO_PRODUCER_ID,
        next_producer_id: NO_PRODUCER_ID,
        producer_epoch,
        last_producer_epoch: NO_EPOCH,
        timeout_ms,
        state,
        partitions,
        last_update_ms: reader.i64()?,
        start_ms: reader.i64()?,
        version: TransactionVersion::V0,
    };
    reader.each_tagged_field(|tag, field| {
        let mut field = Reader::new(field);
        match tag {
            TAG_PREVIOUS_PRODUCER_ID => metadata.previous_producer_id = field.i64()?,
            TAG_NEXT_PRODUCER_ID => metadata.next_producer_id = field.i64()?,
            TAG_VERSION => metadata.version = TransactionVersion::from_level(field.i16()?),
            // The next epoch (3) is of two-phase commit (KIP-939); others are newer.
            _ => {}
        }
        Ok(())
    })?;
    Ok(metadata)
}

fn partitions(reader: &mut Reader<'_>) -> Result<BTreeSet<TopicPartition>, RecordError> {
    let mut partitions = BTreeSet::new();
    for _ in 0..reader.count()? {
        let topic = reader.string()?;
        for _ in 0..reader.count()? {
            let index = reader.i32()?;
            let topic = topic.clone();
            partitions.insert(TopicPartition { topic, index });
        }
        reader.tagged_fields()?;
    }
    Ok(partitions)
}
