//! ConsumerGroupDescribe (v0–v1).

use std::collections::HashSet;

use naru_wire::api::consumer_group_describe::{
    ConsumerGroupDescribeAssignment, ConsumerGroupDescribeGroup, ConsumerGroupDescribeMember,
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse,
    ConsumerGroupDescribeTopicPartitions,
};
use naru_wire::{ErrorCode, Str};

use super::route::{code, on_coordinator, optional_str, serves_consumer_groups, text};
use crate::cluster::{ClusterImage, TopicRef};
use crate::group::{ConsumerDescription, ConsumerMemberDescription, Partitions};
use crate::handlers::dispatch::{Context, Turns};

/// MemberType of the members of each protocol.
const CLASSIC: i8 = 0;
const CONSUMER: i8 = 1;

pub async fn handle(
    context: &Context,
    request: ConsumerGroupDescribeRequest,
) -> ConsumerGroupDescribeResponse {
    let mut groups = Vec::with_capacity(request.group_ids.len());
    let mut turns = Turns::of(context);
    // Each once: the answer is many times as long as the question.
    let mut seen = HashSet::with_capacity(request.group_ids.len());
    for group_id in request.group_ids.iter().filter(|id| seen.insert(*id)) {
        let group = if serves_consumer_groups(context) {
            describe(context, group_id).await
        } else {
            refuse(group_id, ErrorCode::UnsupportedVersion, None)
        };
        turns.take(1 + group.members.len()).await;
        groups.push(group);
    }
    ConsumerGroupDescribeResponse {
        groups,
        ..Default::default()
    }
}

async fn describe(context: &Context, group_id: &Str) -> ConsumerGroupDescribeGroup {
    let id = text(group_id);
    let found = on_coordinator(context, group_id, async move |_, slot| {
        let groups = slot.groups.borrow();
        (groups.describe_consumer(&id), groups.contains(&id))
    });
    match found.await {
        Ok((Some(description), _)) => convert(&context.shard.image(), group_id, description),
        Ok((None, is_classic)) => {
            let message = if is_classic {
                format!("Group {group_id} is not a consumer group.")
            } else {
                format!("Group {group_id} not found.")
            };
            refuse(group_id, ErrorCode::GroupIdNotFound, Some(message))
        }
        Err(error) => refuse(group_id, code(error), None),
    }
}

fn refuse(
    group_id: &Str,
    error_code: ErrorCode,
    message: Option<String>,
) -> ConsumerGroupDescribeGroup {
    ConsumerGroupDescribeGroup {
        error_code,
        error_message: optional_str(message),
        group_id: group_id.clone(),
        ..Default::default()
    }
}

fn convert(
    image: &ClusterImage,
    group_id: &Str,
    description: ConsumerDescription,
) -> ConsumerGroupDescribeGroup {
    let members = description.members.into_iter();
    ConsumerGroupDescribeGroup {
        group_id: group_id.clone(),
        group_state: Str::from(description.state),
        group_epoch: description.epoch,
        assignment_epoch: description.assignment_epoch,
        assignor_name: Str::from(description.assignor),
        members: members
            .map(|member| convert_member(image, member))
            .collect(),
        ..Default::default()
    }
}

fn convert_member(
    image: &ClusterImage,
    member: ConsumerMemberDescription,
) -> ConsumerGroupDescribeMember {
    let names = member.topic_names.into_iter();
    ConsumerGroupDescribeMember {
        member_id: Str::from(member.member_id),
        instance_id: optional_str(member.instance_id),
        rack_id: optional_str(member.rack_id),
        member_epoch: member.epoch,
        client_id: Str::from(member.client_id),
        client_host: Str::from(member.client_host),
        subscribed_topic_names: names.map(Str::from).collect(),
        subscribed_topic_regex: optional_str(member.topic_regex),
        assignment: named(image, member.assigned),
        target_assignment: named(image, member.target),
        member_type: if member.is_classic { CLASSIC } else { CONSUMER },
    }
}

/// Partitions by topics' names as well; topics that are gone have none, and are left out.
fn named(image: &ClusterImage, partitions: Partitions) -> ConsumerGroupDescribeAssignment {
    let topics = partitions.into_iter().filter_map(|(topic_id, indexes)| {
        let topic = image.topic(TopicRef::Id(topic_id))?;
        Some(ConsumerGroupDescribeTopicPartitions {
            topic_id,
            topic_name: Str::from(&*topic.name),
            partitions: indexes.into_iter().collect(),
        })
    });
    ConsumerGroupDescribeAssignment {
        topic_partitions: topics.collect(),
    }
}
