//! All of a data directory: the metadata, and every partition.

use std::io;
use std::path::{Path, PathBuf};

use naru_engine::segment::CHECKPOINT_FILE;
use naru_engine::verify::{Finding, Severity, Verified, verify};
use naru_runtime::{Disk, ReadOnlyDisk};
use serde::Serialize;

use crate::cluster::{
    ClusterImage, DIRECTORY, DirectoryLock, StorageError, TopicRef, inspect, kafka_text,
};
use crate::partition::Checkpointed;
use crate::shard::directories::{Kind, kind, owner_of};

/// Why a directory cannot be looked through.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(
        "{} is no data directory of naru: it has no {DIRECTORY}; give the directory that log.dirs \
         names",
        .0.display()
    )]
    NoDataDirectory(PathBuf),
    #[error("{} belongs to a broker that runs: stop it first", .0.display())]
    InUse(PathBuf),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("cannot read {}: {cause}", path.display())]
    Io { path: PathBuf, cause: io::Error },
}

/// What was looked at, and what was found.
#[derive(Debug, Default, Serialize)]
pub struct Looked {
    pub cluster_id: Option<String>,
    pub topics: usize,
    pub partitions: Vec<PartitionLooked>,
    pub findings: Vec<Found>,
}

/// A partition's directory.
#[derive(Debug, Serialize)]
pub struct PartitionLooked {
    pub topic: String,
    pub partition: i32,
    pub segments: usize,
    pub batches: u64,
    pub records: u64,
    pub bytes: u64,
    pub start_offset: i64,
    pub end_offset: i64,
}

/// Something that is not as it should be.
#[derive(Debug, Serialize)]
pub struct Found {
    /// `problem` or `note`.
    pub severity: &'static str,
    pub file: PathBuf,
    /// Where in the file, in bytes.
    pub position: Option<u64>,
    pub offset: Option<i64>,
    pub what: String,
}

impl From<Finding> for Found {
    fn from(finding: Finding) -> Self {
        Self {
            severity: match finding.severity {
                Severity::Problem => "problem",
                Severity::Note => "note",
            },
            file: finding.file,
            position: finding.position,
            offset: finding.offset,
            what: finding.what,
        }
    }
}

impl Looked {
    pub fn problems(&self) -> impl Iterator<Item = &Found> {
        self.findings
            .iter()
            .filter(|found| found.severity == "problem")
    }

    fn problem(&mut self, file: &Path, what: impl Into<String>) {
        self.findings.push(Finding::problem(file, what).into());
    }

    fn note(&mut self, file: &Path, what: impl Into<String>) {
        self.findings.push(Finding::note(file, what).into());
    }
}

/// Looks through everything. What is damaged is in the result; an error is what keeps it from
/// being looked at.
pub fn look_through(dir: &Path) -> Result<Looked, VerifyError> {
    let metadata = dir.join(DIRECTORY);
    if !metadata.join("lock").is_file() {
        return Err(VerifyError::NoDataDirectory(dir.to_owned()));
    }
    let _lock = DirectoryLock::take_existing(&metadata).map_err(|error| match error {
        StorageError::Locked { .. } => VerifyError::InUse(dir.to_owned()),
        other => other.into(),
    })?;
    ReadOnlyDisk::run(all(&ReadOnlyDisk, dir, &metadata))
}

async fn all<D: Disk>(disk: &D, dir: &Path, metadata: &Path) -> Result<Looked, VerifyError> {
    let mut looked = Looked::default();
    let image = match inspect(disk, metadata).await {
        Ok(inspected) => {
            if let Some((file, bytes)) = inspected.torn {
                let what =
                    format!("a write that was under way; the next start cuts {bytes} bytes off");
                looked.note(&file, what);
            }
            inspected.image
        }
        Err(StorageError::Corrupt {
            path,
            offset,
            reason,
        }) => {
            let finding = Finding::problem(path, reason);
            let position = Some(offset as u64);
            looked.findings.push(
                Finding {
                    position,
                    ..finding
                }
                .into(),
            );
            ClusterImage::default()
        }
        Err(other) => return Err(other.into()),
    };
    looked.cluster_id = image.cluster_id().map(str::to_owned);
    looked.topics = image.topics().len();
    let mut entries = disk.list(dir).await.map_err(|cause| VerifyError::Io {
        path: dir.to_owned(),
        cause,
    })?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    for entry in entries {
        let path = dir.join(&entry.name);
        if entry.name == DIRECTORY {
            continue;
        }
        match kind(&entry.name) {
            Kind::Partition { topic, index } if entry.is_dir => {
                judge_owner(disk, &path, &image, topic, index, &mut looked).await;
                partition(disk, &path, topic, index, &mut looked).await;
            }
            Kind::Deleted => looked.note(&path, "of a deleted topic; the next start removes it"),
            Kind::Stray => looked.note(&path, "an earlier start set it aside: no topic has it"),
            _ => looked.note(&path, "naru does not know it"),
        }
    }
    Ok(looked)
}

/// Whether a directory is of the topic whose name it has.
async fn judge_owner<D: Disk>(
    disk: &D,
    path: &Path,
    image: &ClusterImage,
    topic: &str,
    index: i32,
    looked: &mut Looked,
) {
    let known = image.topic(TopicRef::Name(topic));
    let known = known.filter(|topic| topic.partition(index).is_some());
    match (known, owner_of(disk, path).await) {
        (_, Err(error)) => looked.problem(path, error.to_string()),
        (None, Ok(_)) => {
            let what = "the cluster has no such partition; the next start sets it aside";
            looked.note(path, what);
        }
        (Some(topic), Ok(Some(owner))) if owner != topic.id => {
            let (owner, id) = (kafka_text(owner), kafka_text(topic.id));
            let what = format!("it is of topic id {owner}, and the topic of this name is {id}");
            looked.note(path, what);
        }
        (Some(_), Ok(_)) => {}
    }
}

async fn partition<D: Disk>(disk: &D, path: &Path, topic: &str, index: i32, looked: &mut Looked) {
    let verified: Verified = match verify(disk, path).await {
        Ok(verified) => verified,
        Err(error) => return looked.problem(path, format!("cannot be read: {error}")),
    };
    looked
        .findings
        .extend(verified.findings.into_iter().map(Found::from));
    if let Some(state) = &verified.user_state
        && let Err(error) = Checkpointed::decode(state)
    {
        looked.problem(&path.join(CHECKPOINT_FILE), error.to_string());
    }
    looked.partitions.push(PartitionLooked {
        topic: topic.to_owned(),
        partition: index,
        segments: verified.segments,
        batches: verified.batches,
        records: verified.records,
        bytes: verified.bytes,
        start_offset: verified.start_offset,
        end_offset: verified.next_offset,
    });
}
