//! The requests of members that name topics by id.

use bytes::BytesMut;
use naru_wire::ErrorCode;
use naru_wire::api::fetch::{FetchPartition, FetchRequest, FetchTopic};
use naru_wire::api::metadata::{MetadataRequest, MetadataRequestTopic};
use naru_wire::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use naru_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use uuid::Uuid;

use super::accounts::Part;
use super::scene::GROUP;
use crate::client::{Client, Lost, text};
use crate::reader::records_of;

const WAIT_MS: i32 = 50;
const BYTES_MAX: i32 = 4 << 10;

/// Who a member is to its coordinator; without an epoch, somebody from outside.
#[derive(Clone, Debug, Default)]
pub struct Who {
    pub member_id: String,
    pub epoch: i32,
}

/// The id of a topic, if it exists.
pub async fn topic_id(client: &mut Client, name: &str) -> Result<Option<Uuid>, Lost> {
    let request = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: Some(text(name)),
            ..Default::default()
        }]),
        ..Default::default()
    };
    let response = client.call(&request, 12).await?;
    let topic = &response.topics[0];
    Ok(topic.error_code.is_none().then_some(topic.topic_id))
}

/// How many records there are from `offset` on, as far as they come at once.
pub async fn fetch(client: &mut Client, part: Part, offset: i64) -> Result<i64, Lost> {
    let request = FetchRequest {
        max_wait_ms: WAIT_MS,
        min_bytes: 1,
        max_bytes: BYTES_MAX,
        topics: vec![FetchTopic {
            topic_id: part.topic_id,
            partitions: vec![FetchPartition {
                partition: part.index,
                fetch_offset: offset,
                partition_max_bytes: BYTES_MAX,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let response = client.call(&request, 17).await?;
    let Some(data) = response
        .responses
        .first()
        .and_then(|t| t.partitions.first())
    else {
        return Ok(0);
    };
    match data.error_code {
        ErrorCode::None => {}
        ErrorCode::UnknownTopicId | ErrorCode::UnknownTopicOrPartition => return Ok(0),
        code => panic!("{part:?} refuses {offset}: {code:?}"),
    }
    let mut bytes = BytesMut::new();
    for piece in data.records.clone().unwrap_or_default().pieces() {
        bytes.extend_from_slice(piece);
    }
    Ok(records_of(bytes.freeze(), offset).len() as i64)
}

/// Where the group is: -1 if it has committed nothing. An error if that is not known.
pub async fn committed(
    client: &mut Client,
    who: Option<&Who>,
    part: Part,
) -> Result<i64, ErrorCode> {
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: text(GROUP),
            member_id: who.map(|who| text(&who.member_id)),
            member_epoch: who.map_or(-1, |who| who.epoch),
            topics: Some(vec![OffsetFetchRequestTopics {
                topic_id: part.topic_id,
                partition_indexes: vec![part.index],
                ..Default::default()
            }]),
        }],
        ..Default::default()
    };
    let lost = |_| ErrorCode::CoordinatorNotAvailable;
    let response = client.call(&request, 10).await.map_err(lost)?;
    let group = &response.groups[0];
    if !group.error_code.is_none() {
        return Err(group.error_code);
    }
    let partition = &group.topics[0].partitions[0];
    match partition.error_code {
        ErrorCode::None => Ok(partition.committed_offset),
        code => Err(code),
    }
}

pub async fn commit(
    client: &mut Client,
    who: &Who,
    part: Part,
    offset: i64,
) -> Result<ErrorCode, Lost> {
    let request = OffsetCommitRequest {
        group_id: text(GROUP),
        generation_id_or_member_epoch: who.epoch,
        member_id: text(&who.member_id),
        topics: vec![OffsetCommitRequestTopic {
            topic_id: part.topic_id,
            partitions: vec![OffsetCommitRequestPartition {
                partition_index: part.index,
                committed_offset: offset,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let response = client.call(&request, 10).await?;
    Ok(response.topics[0].partitions[0].error_code)
}
