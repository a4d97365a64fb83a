//! ConsumerGroupHeartbeat (v0–v1).

use naru_runtime::sync::oneshot;
use naru_wire::api::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatAssignment, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, ConsumerGroupHeartbeatTopicPartitions,
};
use naru_wire::{ErrorCode, Str};

use super::route::{carry_out, code, on_coordinator, optional_text, serves_consumer_groups, text};
use crate::coordinator::Reply;
use crate::group::{ConsumerHeartbeat, ConsumerHeartbeatResponse, GroupError};
use crate::handlers::dispatch::Context;

/// Members come with ids of their own from here on (KIP-1082).
const MEMBER_IDS_SINCE: i16 = 1;

/// What stands for a timeout that has not changed.
const UNCHANGED: i32 = -1;

pub async fn handle(
    context: &Context,
    request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    if !serves_consumer_groups(context) {
        return ConsumerGroupHeartbeatResponse {
            error_code: ErrorCode::UnsupportedVersion,
            ..Default::default()
        };
    }
    let group_id = text(&request.group_id);
    let beat = convert_request(context, &request);
    drop(request);
    if group_id.is_empty() {
        return refuse(GroupError::InvalidRequest);
    }
    let answered = on_coordinator(context, &group_id, async move |shard, slot| {
        let (reply, answer) = oneshot();
        let now = shard.coordinators.now();
        let reply = Reply::ConsumerHeartbeat(reply);
        let effects = slot
            .groups
            .borrow_mut()
            .consumer_heartbeat(now, beat, reply);
        carry_out(&shard, slot, effects);
        answer.await.unwrap_or(Err(GroupError::NotCoordinator))
    });
    match answered.await.and_then(|answer| answer) {
        Ok(response) => convert(response),
        Err(error) => refuse(error),
    }
}

fn convert_request(
    context: &Context,
    request: &ConsumerGroupHeartbeatRequest,
) -> ConsumerHeartbeat {
    let texts = |texts: &Vec<Str>| texts.iter().map(text).collect();
    ConsumerHeartbeat {
        group_id: text(&request.group_id),
        member_id: text(&request.member_id),
        epoch: request.member_epoch,
        instance_id: optional_text(&request.instance_id),
        rack_id: optional_text(&request.rack_id),
        rebalance_timeout_ms: Some(request.rebalance_timeout_ms).filter(|ms| *ms != UNCHANGED),
        topic_names: request.subscribed_topic_names.as_ref().map(texts),
        topic_regex: optional_text(&request.subscribed_topic_regex),
        server_assignor: optional_text(&request.server_assignor),
        owned: request.topic_partitions.as_ref().map(|topics| {
            let topics = topics.iter().map(|topic| {
                let indexes = topic.partitions.iter().copied();
                (topic.topic_id, indexes.collect())
            });
            topics.collect()
        }),
        client_id: context.client_id().to_owned(),
        client_host: context.client_host(),
        requires_member_id: context.version() >= MEMBER_IDS_SINCE,
    }
}

fn refuse(error: GroupError) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse {
        error_code: code(error),
        error_message: Some(Str::from(error.to_string())),
        ..Default::default()
    }
}

fn convert(response: ConsumerHeartbeatResponse) -> ConsumerGroupHeartbeatResponse {
    let assignment = response.assignment.map(|partitions| {
        let topics = partitions.into_iter().map(|(topic_id, indexes)| {
            ConsumerGroupHeartbeatTopicPartitions {
                topic_id,
                partitions: indexes.into_iter().collect(),
            }
        });
        ConsumerGroupHeartbeatAssignment {
            topic_partitions: topics.collect(),
        }
    });
    ConsumerGroupHeartbeatResponse {
        member_id: Some(Str::from(response.member_id)),
        member_epoch: response.epoch,
        heartbeat_interval_ms: response.heartbeat_interval_ms,
        assignment,
        ..Default::default()
    }
}
