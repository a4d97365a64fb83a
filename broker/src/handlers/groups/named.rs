//! Topics as the requests about offsets name them: by name, or by id.

use std::sync::Arc;

use naru_wire::{ErrorCode, Str};
use uuid::Uuid;

use crate::cluster::{ClusterImage, Topic, TopicRef};

/// A topic that is there.
pub struct Named {
    pub name: String,
    /// What the client said of it: nil if it went by the name.
    pub topic_id: Uuid,
    topic: Arc<Topic>,
}

impl Named {
    pub fn partition(&self, index: i32) -> Result<(), ErrorCode> {
        match self.topic.partition(index) {
            Some(_) => Ok(()),
            None => Err(ErrorCode::UnknownTopicOrPartition),
        }
    }
}

/// The topic that a request means, of the version that has ids or of one that has names.
pub fn named(
    image: &ClusterImage,
    has_ids: bool,
    name: &Str,
    topic_id: Uuid,
) -> Result<Named, ErrorCode> {
    let (wanted, error, topic_id) = if has_ids {
        (TopicRef::Id(topic_id), ErrorCode::UnknownTopicId, topic_id)
    } else {
        let error = ErrorCode::UnknownTopicOrPartition;
        (TopicRef::Name(name), error, Uuid::nil())
    };
    let topic = image.topic(wanted).ok_or(error)?;
    Ok(Named {
        name: topic.name.to_string(),
        topic_id,
        topic,
    })
}
