//! DeleteTopics (v1–v6), by name or by id.

use std::sync::Arc;

use naru_wire::api::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use naru_wire::{ErrorCode, Str};

use super::dispatch::{Context, Turns};
use super::topics::cluster_error_code;
use crate::cluster::{Command, Topic, TopicRef};

/// Topics are in `topics` from here on, before in `topic_names`.
const STATES_SINCE: i16 = 6;

pub async fn handle(context: &Context, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let wanted: Vec<DeleteTopicState> = if context.version() >= STATES_SINCE {
        request.topics
    } else {
        let names = request.topic_names.into_iter();
        names
            .map(|name| DeleteTopicState {
                name: Some(name),
                ..Default::default()
            })
            .collect()
    };
    let mut responses = Vec::with_capacity(wanted.len());
    let mut turns = Turns::of(context);
    for one in &wanted {
        turns.take(1).await;
        responses.push(delete(context, one).await);
    }
    DeleteTopicsResponse {
        responses,
        ..Default::default()
    }
}

async fn delete(context: &Context, wanted: &DeleteTopicState) -> DeletableTopicResult {
    let answer = |name: Option<Str>, error_code: ErrorCode, error_message: Option<String>| {
        DeletableTopicResult {
            name,
            topic_id: wanted.topic_id,
            error_code,
            error_message: error_message.map(Str::from),
        }
    };
    let topic = match find(context, wanted) {
        Ok(topic) => topic,
        Err((code, message)) => return answer(wanted.name.clone(), code, Some(message)),
    };
    let command = Command::DeleteTopic { topic_id: topic.id };
    let name = Some(Str::from(&*topic.name));
    match context.shard.propose(command).await {
        Ok(_) => DeletableTopicResult {
            topic_id: topic.id,
            ..answer(name, ErrorCode::None, None)
        },
        Err(error) => answer(name, cluster_error_code(&error), Some(error.to_string())),
    }
}

fn find(context: &Context, wanted: &DeleteTopicState) -> Result<Arc<Topic>, (ErrorCode, String)> {
    let image = context.shard.image();
    match &wanted.name {
        Some(_) if !wanted.topic_id.is_nil() => Err((
            ErrorCode::InvalidRequest,
            "name a topic by its name or by its id, not both".to_owned(),
        )),
        Some(name) => image.topic(TopicRef::Name(name)).ok_or_else(|| {
            let message = format!("there is no topic {name}");
            (ErrorCode::UnknownTopicOrPartition, message)
        }),
        None => image.topic(TopicRef::Id(wanted.topic_id)).ok_or_else(|| {
            let message = "there is no topic with this id".to_owned();
            (ErrorCode::UnknownTopicId, message)
        }),
    }
}
