//! The directories of partitions: what they are called, whose they are, and how they get out of
//! the way.
//!
//! A partition's directory is named after its topic, as Kafka does, so a new topic of the same
//! name has the same ones. What belongs to another topic is therefore renamed, durably, before a
//! topic may use the name, and never served under it:
//!
//! ```text
//! <topic>-<partition>                          a partition
//! <topic id, 32 hex digits>-<partition>.delete    of a topic that was deleted; removed
//! <topic>-<partition>.stray                    of no topic that the cluster knows; kept
//! ```
//!
//! Topic ids are never used twice, so names of deleted partitions are free; and they are short,
//! whatever the topic is called. No partition's directory can have the name of one that is
//! deleted or stray: its name ends in digits.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use naru_engine::segment::METADATA_FILE;
use naru_runtime::Disk;
use uuid::Uuid;

use crate::cluster::{
    ClusterImage, Topic, TopicRef, check_topic_name, from_kafka_text, kafka_text,
};
use crate::partition::PartitionId;

const DELETED: &str = ".delete";
const STRAY: &str = ".stray";

/// What the first Naru appended to a partition's directory: a dot, the topic's id, and this.
const DELETED_BEFORE: &str = "-delete";

/// Of a stray directory's name, so that its new name fits a file system's 255 bytes.
const STRAY_NAME_BYTES_MAX: usize = 200;

/// How many stray directories may have the same name, but for a number.
const STRAYS_OF_A_NAME_MAX: usize = 100;

/// The directory of a partition, named as Kafka does.
pub(super) fn partition_directory(data_dir: &Path, topic: &str, index: i32) -> PathBuf {
    data_dir.join(partition_name(topic, index))
}

fn partition_name(topic: &str, index: i32) -> String {
    format!("{topic}-{index}")
}

/// Where a deleted partition waits for its removal.
pub(super) fn deleted_directory(data_dir: &Path, id: PartitionId) -> PathBuf {
    data_dir.join(format!("{}-{}{DELETED}", id.topic_id.simple(), id.index))
}

/// Kafka's `partition.metadata`: which topic of this name it was.
pub(super) fn identity(topic_id: Uuid) -> Bytes {
    Bytes::from(format!("version: 0\ntopic_id: {}\n", kafka_text(topic_id)))
}

/// Whose a directory is, by its `partition.metadata`.
pub async fn owner_of<D: Disk>(disk: &D, directory: &Path) -> io::Result<Option<Uuid>> {
    let path = directory.join(METADATA_FILE);
    let content = match naru_runtime::read_file(disk, &path).await {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // An empty one was being written when the power went.
    if content.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(&content).unwrap_or_default();
    let mut values = text
        .lines()
        .filter_map(|line| line.strip_prefix("topic_id: "));
    let id = values.next().and_then(from_kafka_text);
    id.map(Some).ok_or_else(|| {
        let reason = format!("{} is damaged", path.display());
        io::Error::new(io::ErrorKind::InvalidData, reason)
    })
}

/// What a start finds for a partition.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Its own directory.
    Ours(PathBuf),
    /// None; what was there is out of the way. What is of a deleted topic is to be removed.
    New { leftovers: Vec<PathBuf> },
}

/// Finds the directory of a partition of `topic` that is there, or moves away what another topic
/// of this name has left.
pub(super) async fn claim<D: Disk>(
    disk: &D,
    data_dir: &Path,
    image: &ClusterImage,
    topic: &Topic,
    index: i32,
) -> io::Result<Claim> {
    let name = partition_name(&topic.name, index);
    let directory = data_dir.join(&name);
    let owner = owner_of(disk, &directory).await?;
    if owner.is_none_or(|id| id == topic.id) {
        return Ok(Claim::Ours(directory));
    }
    let leftover = set_aside(disk, data_dir, image, &name, index, owner).await?;
    Ok(Claim::New {
        leftovers: leftover.into_iter().collect(),
    })
}

/// Moves away a directory that is not of the topic whose name it has. Returns it under its new
/// name if its own topic was deleted, and so is to be removed.
async fn set_aside<D: Disk>(
    disk: &D,
    data_dir: &Path,
    image: &ClusterImage,
    name: &str,
    index: i32,
    owner: Option<Uuid>,
) -> io::Result<Option<PathBuf>> {
    let from = data_dir.join(name);
    if let Some(topic_id) = owner.filter(|id| image.is_deleted(*id)) {
        // The broker ended between the deletion and the renaming.
        let to = deleted_directory(data_dir, PartitionId { topic_id, index });
        let is_there = move_aside(disk, &from, &to).await?;
        return Ok(is_there.then_some(to));
    }
    let to = move_to_stray(disk, data_dir, name).await?;
    let of = owner.map_or("unknown".to_owned(), kafka_text);
    tracing::warn!(
        "{} belongs to no topic of this cluster (topic id {of}) and is now {}; its records are not \
         served. Remove it if they are not needed, or move it to a broker that has the topic",
        from.display(),
        to.display()
    );
    Ok(None)
}

async fn move_to_stray<D: Disk>(disk: &D, data_dir: &Path, name: &str) -> io::Result<PathBuf> {
    let from = data_dir.join(name);
    // Topic names are ASCII.
    let name = name.get(..STRAY_NAME_BYTES_MAX).unwrap_or(name);
    let taken: HashSet<String> = names(disk, data_dir).await?.into_iter().collect();
    let numbered = |number: usize| match number {
        0 => format!("{name}{STRAY}"),
        number => format!("{name}.{number}{STRAY}"),
    };
    let free = (0..STRAYS_OF_A_NAME_MAX)
        .map(numbered)
        .find(|to| !taken.contains(to));
    let to = free.ok_or_else(|| {
        let reason = format!("there are {STRAYS_OF_A_NAME_MAX} directories {name}.*{STRAY}");
        io::Error::new(io::ErrorKind::AlreadyExists, reason)
    })?;
    let to = data_dir.join(to);
    move_aside(disk, &from, &to).await?;
    Ok(to)
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

async fn names<D: Disk>(disk: &D, data_dir: &Path) -> io::Result<Vec<String>> {
    let entries = disk.list(data_dir).await?.into_iter();
    Ok(entries
        .filter(|entry| entry.is_dir)
        .map(|entry| entry.name)
        .collect())
}

/// The directories that a start finds.
#[derive(Debug)]
pub(super) struct Survey(HashSet<String>);

/// What a directory is, by its name.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    Partition {
        topic: &'a str,
        index: i32,
    },
    Deleted,
    Stray,
    /// Not a name that Naru gives.
    Other,
}

impl Survey {
    pub async fn of<D: Disk>(disk: &D, data_dir: &Path) -> io::Result<Self> {
        Ok(Self(names(disk, data_dir).await?.into_iter().collect()))
    }

    pub fn has_partition(&self, topic: &str, index: i32) -> bool {
        self.0.contains(&partition_name(topic, index))
    }

    /// Sets aside every partition that no topic of `image` has. Returns what is left over of
    /// deleted topics, and is to be removed. What cannot be moved is left as it is: nothing is
    /// served from it, and no new topic uses it.
    pub async fn tidy<D: Disk>(
        &self,
        disk: &D,
        data_dir: &Path,
        image: &ClusterImage,
    ) -> Vec<PathBuf> {
        let mut leftovers = Vec::new();
        let mut strays_count = 0;
        let mut names: Vec<&String> = self.0.iter().collect();
        names.sort();
        for name in names {
            match kind(name) {
                Kind::Deleted => leftovers.push(data_dir.join(name)),
                Kind::Stray => strays_count += 1,
                Kind::Partition { topic, index } => {
                    let known = image.topic(TopicRef::Name(topic));
                    if known.is_some_and(|topic| topic.partition(index).is_some()) {
                        continue;
                    }
                    // One that is damaged is a stray like one that says nothing.
                    let owner = owner_of(disk, &data_dir.join(name)).await.ok().flatten();
                    match set_aside(disk, data_dir, image, name, index, owner).await {
                        Ok(leftover) => leftovers.extend(leftover),
                        Err(error) => tracing::error!(
                            "{name} belongs to no topic and cannot be set aside: {error}"
                        ),
                    }
                }
                Kind::Other => {}
            }
        }
        if strays_count > 0 {
            tracing::warn!(
                "{strays_count} directories in {} end in {STRAY}: an earlier start set them aside, \
                 as they belong to no topic of this cluster",
                data_dir.display()
            );
        }
        leftovers
    }
}

/// What a directory of this name is.
pub fn kind(name: &str) -> Kind<'_> {
    if name.ends_with(STRAY) {
        return Kind::Stray;
    }
    if let Some(rest) = name.strip_suffix(DELETED) {
        let id = rest.rsplit_once('-').map(|(id, _)| id);
        return if id.is_some_and(is_hex_id) {
            Kind::Deleted
        } else {
            Kind::Other
        };
    }
    if let Some(rest) = name.strip_suffix(DELETED_BEFORE) {
        let id = rest.rsplit_once('.').map(|(_, id)| id);
        return if id.is_some_and(is_hex_id) {
            Kind::Deleted
        } else {
            Kind::Other
        };
    }
    let parts = name.rsplit_once('-');
    parts.map_or(Kind::Other, |(topic, digits)| {
        let index = digits.parse().ok();
        // Only as it is written: no sign, no zeros in front.
        match index.filter(|index: &i32| index.to_string() == digits) {
            Some(index) if check_topic_name(topic).is_ok() => Kind::Partition { topic, index },
            _ => Kind::Other,
        }
    })
}

fn is_hex_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_told_apart_by_their_names() {
        let id = "0123456789abcdef0123456789abcdef";
        let partition = |topic, index| Kind::Partition { topic, index };
        for (name, expected) in [
            ("orders-0", partition("orders", 0)),
            ("a.b_c-d-12", partition("a.b_c-d", 12)),
            ("x.delete-3", partition("x.delete", 3)),
            ("x-delete-3", partition("x-delete", 3)),
            (&format!("{id}-7.delete"), Kind::Deleted),
            (&format!("orders-0.{id}-delete"), Kind::Deleted),
            ("orders-0.stray", Kind::Stray),
            ("orders-0.1.stray", Kind::Stray),
            ("orders-0.delete", Kind::Other),
            ("orders-delete", Kind::Other),
            ("orders-01", Kind::Other),
            ("orders--1", partition("orders-", 1)),
            ("orders-+1", Kind::Other),
            ("orders", Kind::Other),
            ("-1", Kind::Other),
            ("lost+found", Kind::Other),
            ("__cluster_metadata", Kind::Other),
        ] {
            assert_eq!(kind(name), expected, "{name}");
        }
    }
}
