//! The directories of partitions: what they are called, and how they get out of the way.
//!
//! A partition's directory is named after its topic, as Kafka does, so a new topic of the same
//! name has the same ones. What belongs to no topic any more is therefore renamed, durably, before
//! a new topic may use the name:
//!
//! ```text
//! <topic>-<partition>                     a partition
//! <topic id, 32 hex digits>-<partition>.delete    of a topic that was deleted; removed
//! ```
//!
//! Topic ids are never used twice, so these names are free; and they are short, whatever the
//! topic is called. No partition's directory can have such a name: it ends in digits.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use naru_runtime::Disk;
use uuid::Uuid;

use crate::cluster::kafka_text;
use crate::partition::PartitionId;

const DELETED: &str = ".delete";

/// The directory of a partition, named as Kafka does.
pub(super) fn partition_directory(data_dir: &Path, topic: &str, index: i32) -> PathBuf {
    data_dir.join(format!("{topic}-{index}"))
}

/// Where a deleted partition waits for its removal.
pub(super) fn deleted_directory(data_dir: &Path, id: PartitionId) -> PathBuf {
    data_dir.join(format!("{}-{}{DELETED}", id.topic_id.simple(), id.index))
}

/// Kafka's `partition.metadata`: which topic of this name it was.
pub(super) fn identity(topic_id: Uuid) -> Bytes {
    Bytes::from(format!("version: 0\ntopic_id: {}\n", kafka_text(topic_id)))
}

/// Gives a directory another name, durably; false if there is none.
pub(super) async fn move_aside<D: Disk>(disk: &D, from: &Path, to: &Path) -> io::Result<bool> {
    match disk.rename(from, to).await {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    match from.parent() {
        Some(parent) => disk.sync_dir(parent).await.map(|()| true),
        None => Ok(true),
    }
}
