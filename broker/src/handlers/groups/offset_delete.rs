//! OffsetDelete (v0; KIP-496).

use naru_runtime::sync::oneshot;
use naru_wire::ErrorCode;
use naru_wire::api::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
};
use uuid::Uuid;

use super::named::named;
use super::route::{carry_out, code, code_of, on_coordinator, text};
use crate::coordinator::Reply;
use crate::group::{GroupError, PartitionsOfTopic};
use crate::handlers::dispatch::Context;

pub async fn handle(context: &Context, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let image = context.shard.image();
    let mut response = OffsetDeleteResponse::default();
    let mut wanted = Vec::new();
    let mut places = Vec::new();
    for (topic_at, topic) in request.topics.iter().enumerate() {
        let known = named(&image, false, &topic.name, Uuid::nil());
        let mut answered = OffsetDeleteResponseTopic {
            name: topic.name.clone(),
            ..Default::default()
        };
        let mut partitions = Vec::new();
        for (partition_at, partition) in topic.partitions.iter().enumerate() {
            let index = partition.partition_index;
            let found = known.as_ref().map_err(|error| *error);
            let found = found.and_then(|topic| topic.partition(index));
            answered.partitions.push(OffsetDeleteResponsePartition {
                partition_index: index,
                error_code: found.err().unwrap_or(ErrorCode::None),
            });
            if found.is_ok() {
                places.push((topic_at, partition_at));
                partitions.push(index);
            }
        }
        response.topics.push(answered);
        wanted.push(PartitionsOfTopic {
            topic: text(&topic.name),
            topic_id: Uuid::nil(),
            partitions,
        });
    }
    if places.is_empty() && !request.topics.is_empty() {
        return response;
    }
    let group_id = text(&request.group_id);
    let outcomes = on_coordinator(context, &request.group_id, async move |shard, slot| {
        let (reply, answer) = oneshot();
        let reply = Reply::DeleteOffsets(reply);
        let effects = slot
            .groups
            .borrow_mut()
            .delete_offsets(&group_id, &wanted, reply);
        carry_out(&shard, slot, effects);
        answer.await.unwrap_or(Err(GroupError::NotCoordinator))
    });
    match outcomes.await.and_then(|outcomes| outcomes) {
        Ok(outcomes) => {
            for ((topic, partition), outcome) in places.into_iter().zip(outcomes) {
                response.topics[topic].partitions[partition].error_code = code_of(outcome);
            }
            response
        }
        // As in Kafka, an error of the group is all that is answered.
        Err(error) => OffsetDeleteResponse {
            error_code: code(error),
            ..Default::default()
        },
    }
}
