//! A snapshot file: the whole state after one command; the layout is drawn in the room's docs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rkyv::rancor;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};
use uuid::Uuid;

use super::command::{BrokerRegistration, Partition};
use super::disk::{self, Prepared};
use super::error::StorageError;
use super::ids::AsBytes;
use super::image::{Broker, ClusterImage, Topic};
use super::log::{u32_at, u64_at};

pub(super) const PREFIX: &str = "snapshot-";

const MAGIC: &[u8; 8] = b"NARUSNAP";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 40;
/// The part of the header that the checksum covers.
const CHECKED_BYTES: usize = 32;

#[derive(Archive, Serialize, Deserialize)]
struct StoredState {
    cluster_id: Option<String>,
    brokers: Vec<StoredBroker>,
    topics: Vec<StoredTopic>,
    next_producer_id: i64,
}

#[derive(Archive, Serialize, Deserialize)]
struct StoredBroker {
    registration: BrokerRegistration,
    epoch: u64,
}

#[derive(Archive, Serialize, Deserialize)]
struct StoredTopic {
    name: String,
    #[rkyv(with = AsBytes)]
    id: Uuid,
    partitions: Vec<Partition>,
    configs: BTreeMap<String, String>,
    changed_at: u64,
}

/// Writes the image under a temporary name; it counts once it is published.
pub(super) fn prepare(directory: &Path, image: &ClusterImage) -> Result<Prepared, StorageError> {
    let path = disk::indexed_path(directory, PREFIX, image.index);
    let payload = rkyv::to_bytes::<rancor::Error>(&stored(image))
        .map_err(|e| StorageError::corrupt(&path, 0, e.to_string()))?;
    let header = header(image.index, &payload);
    disk::prepare(path, &[&header, &payload])
}

/// Reads the snapshot whose name says that it was taken after that index.
pub(super) fn read(path: &Path, index: u64) -> Result<ClusterImage, StorageError> {
    let bytes = fs::read(path).map_err(StorageError::io("read", path))?;
    let wrong = |reason: &str| StorageError::corrupt(path, 0, reason);
    let (Some(magic), Some(version)) = (bytes.get(..8), u32_at(&bytes, 8)) else {
        return Err(wrong("the header is cut short"));
    };
    if magic != MAGIC {
        return Err(wrong("this is not a snapshot of cluster metadata"));
    }
    if version > VERSION {
        return Err(StorageError::NewerVersion {
            path: path.to_owned(),
            found: version,
            known: VERSION,
        });
    }
    let payload = bytes.get(HEADER_BYTES..).unwrap_or_default();
    if u64_at(&bytes, 24) != Some(payload.len() as u64)
        || bytes.get(..HEADER_BYTES) != Some(&header(index, payload))
    {
        return Err(wrong(
            "the snapshot does not fit its checksum or the file's name",
        ));
    }
    let mut aligned = AlignedVec::<16>::with_capacity(payload.len());
    aligned.extend_from_slice(payload);
    let stored = rkyv::from_bytes::<StoredState, rancor::Error>(&aligned)
        .map_err(|e| StorageError::corrupt(path, HEADER_BYTES, e.to_string()))?;
    Ok(restored(index, stored))
}

fn header(index: u64, payload: &[u8]) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[16..24].copy_from_slice(&index.to_le_bytes());
    header[24..32].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[..CHECKED_BYTES]);
    hasher.update(payload);
    header[32..36].copy_from_slice(&hasher.finalize().to_le_bytes());
    header
}

fn stored(image: &ClusterImage) -> StoredState {
    StoredState {
        cluster_id: image.cluster_id().map(str::to_owned),
        brokers: image
            .brokers()
            .map(|broker| StoredBroker {
                registration: broker.registration.clone(),
                epoch: broker.epoch,
            })
            .collect(),
        topics: image
            .topics()
            .map(|topic| StoredTopic {
                name: topic.name.to_string(),
                id: topic.id,
                partitions: topic.partitions.clone(),
                configs: topic.configs.clone(),
                changed_at: topic.changed_at,
            })
            .collect(),
        next_producer_id: image.next_producer_id,
    }
}

fn restored(index: u64, stored: StoredState) -> ClusterImage {
    let brokers = stored.brokers.into_iter().map(|broker| {
        let StoredBroker {
            registration,
            epoch,
        } = broker;
        let id = registration.node_id;
        (
            id,
            Arc::new(Broker {
                registration,
                epoch,
            }),
        )
    });
    let topics: Vec<Arc<Topic>> = stored
        .topics
        .into_iter()
        .map(|topic| {
            Arc::new(Topic {
                name: topic.name.into(),
                id: topic.id,
                partitions: topic.partitions,
                configs: topic.configs,
                changed_at: topic.changed_at,
            })
        })
        .collect();
    let by_name = topics
        .iter()
        .map(|topic| (Arc::clone(&topic.name), Arc::clone(topic)));
    let by_id = topics.iter().map(|topic| (topic.id, Arc::clone(topic)));
    ClusterImage {
        index,
        cluster_id: stored.cluster_id.map(Into::into),
        brokers: Arc::new(brokers.collect()),
        by_name: Arc::new(by_name.collect()),
        by_id: Arc::new(by_id.collect()),
        next_producer_id: stored.next_producer_id,
    }
}
