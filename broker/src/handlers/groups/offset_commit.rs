//! OffsetCommit (v2–v10).

use naru_runtime::sync::oneshot;
use naru_wire::ErrorCode;
use naru_wire::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
};

use super::named::{Named, named};
use super::route::{carry_out, code, code_of, on_coordinator, optional_text, text};
use crate::coordinator::Reply;
use crate::group::{CommitRequest, GroupError, OffsetToCommit};
use crate::handlers::dispatch::Context;

/// Topics are named by their ids from here on.
const TOPIC_IDS_SINCE: i16 = 10;
/// A group that does not exist is an error of its own from here on.
const GROUP_ID_NOT_FOUND_SINCE: i16 = 9;

pub async fn handle(context: &Context, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let image = context.shard.image();
    let has_ids = context.version() >= TOPIC_IDS_SINCE;
    let mut response = OffsetCommitResponse::default();
    let mut offsets = Vec::new();
    let mut places = Vec::new();
    for (topic_at, topic) in request.topics.iter().enumerate() {
        let known = named(&image, has_ids, &topic.name, topic.topic_id);
        let mut answered = OffsetCommitResponseTopic {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            ..Default::default()
        };
        for (partition_at, partition) in topic.partitions.iter().enumerate() {
            let index = partition.partition_index;
            let found = known.as_ref().map_err(|error| *error);
            let found = found.and_then(|topic| topic.partition(index));
            answered.partitions.push(OffsetCommitResponsePartition {
                partition_index: index,
                error_code: found.err().unwrap_or(ErrorCode::None),
            });
            if let Ok(Named { name, topic_id, .. }) = &known
                && found.is_ok()
            {
                places.push((topic_at, partition_at));
                offsets.push(OffsetToCommit {
                    topic: name.clone(),
                    topic_id: *topic_id,
                    partition: index,
                    offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata: optional_text(&partition.committed_metadata).unwrap_or_default(),
                    // Absent from v5 on, and -1 where the broker's own is meant (KIP-211).
                    retention_ms: Some(request.retention_time_ms).filter(|ms| *ms >= 0),
                });
            }
        }
        response.topics.push(answered);
    }
    let commit = CommitRequest {
        group_id: text(&request.group_id),
        generation: request.generation_id_or_member_epoch,
        member_id: text(&request.member_id),
        instance_id: optional_text(&request.group_instance_id),
        knows_group_id_not_found: context.version() >= GROUP_ID_NOT_FOUND_SINCE,
        offsets,
    };
    let outcomes = on_coordinator(context, &request.group_id, async move |shard, slot| {
        let (reply, answer) = oneshot();
        let now = shard.coordinators.now();
        let effects = slot
            .groups
            .borrow_mut()
            .commit(now, commit, Reply::Commit(reply));
        carry_out(&shard, slot, effects);
        answer.await
    });
    let outcomes = outcomes
        .await
        .and_then(|o| o.ok_or(GroupError::NotCoordinator));
    for (at, (topic, partition)) in places.into_iter().enumerate() {
        let error_code = match &outcomes {
            Ok(outcomes) => outcomes.get(at).map_or(ErrorCode::None, |o| code_of(*o)),
            Err(error) => code(*error),
        };
        response.topics[topic].partitions[partition].error_code = error_code;
    }
    response
}
