//! Deleting a topic and making it again under the same name, on a simulated machine: at any
//! interleaving of two shards, and with a crash at any operation, no topic ever serves the records
//! of another.
//!
//! What a shard does with images and directories is done here in the same order, by the same
//! functions; a partition is its log.

#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use naru_engine::log::{Fence, Log, LogConfig, LogError, Shared, Stamp, TailBudget};
use naru_engine::recovery::recover;
use naru_record_batch::{BatchBuilder, BatchHeader, Codec, HEADER_BYTES, Records};
use naru_runtime::Spawn;
use naru_runtime::sim::{OpKind, Sim, SimEnv};
use uuid::Uuid;

use super::directories::{
    Claim, Survey, claim, deleted_directory, identity, move_aside, partition_directory,
};
use crate::cluster::{
    BrokerListener, BrokerRegistration, ClusterImage, Command, CommandLog, ImageReader, Partition,
    SingleNode, Topic, TopicRef,
};
use crate::partition::PartitionId;

const TOPIC: &str = "again";

fn data_dir() -> PathBuf {
    PathBuf::from("/data")
}

fn machine(seed: u64) -> Sim {
    let sim = Sim::new(seed);
    sim.make_dir(&data_dir()).unwrap();
    sim
}

async fn open_metadata(env: &SimEnv) -> SingleNode<SimEnv> {
    let directory = data_dir().join(crate::cluster::DIRECTORY);
    let node = SingleNode::open(env.clone(), &directory, 1, "t9E8VJKgT26MNQ7k0Klh-w").await;
    node.unwrap()
}

fn registration() -> Command {
    Command::RegisterBroker(BrokerRegistration {
        node_id: 1,
        incarnation: Uuid::from_u128(1),
        listeners: vec![BrokerListener {
            name: "PLAINTEXT".into(),
            host: "ferry".into(),
            port: 9092,
        }],
        rack: None,
    })
}

fn creation(id: u128) -> Command {
    Command::CreateTopic {
        name: TOPIC.into(),
        topic_id: Uuid::from_u128(id),
        partitions: vec![Partition::new(vec![1])],
        configs: BTreeMap::new(),
    }
}

fn deletion(id: u128) -> Command {
    Command::DeleteTopic {
        topic_id: Uuid::from_u128(id),
    }
}

fn log_config(topic: Uuid) -> LogConfig {
    LogConfig {
        segment_bytes: 1 << 20,
        segment_ms: i64::MAX,
        retention_ms: None,
        retention_bytes: None,
        identity: identity(topic),
    }
}

fn shared() -> Shared {
    Shared {
        fence: Fence::new(data_dir()),
        tails: Rc::new(TailBudget::new(1 << 20)),
    }
}

fn new_log(env: &SimEnv, topic: Uuid) -> Log<SimEnv> {
    let directory = partition_directory(&data_dir(), TOPIC, 0);
    Log::create(env.clone(), directory, log_config(topic), shared())
}

/// A batch of one record, whose value is the topic's id.
fn batch(topic: Uuid) -> Bytes {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push_pair(0, None, Some(topic.as_bytes()));
    Bytes::from(builder.build().unwrap())
}

async fn append(log: &Log<SimEnv>, topic: Uuid) -> Result<i64, LogError> {
    let stamp = Stamp {
        leader_epoch: 0,
        log_append_time_ms: None,
        max_timestamp_ms: None,
    };
    let appended = log.append(&batch(topic), stamp, 0)?;
    let next_offset = appended.last_offset + 1;
    log.flushed(next_offset).await?;
    Ok(next_offset)
}

/// The values of all records, from the beginning to the end.
async fn values(log: &Log<SimEnv>) -> Vec<Bytes> {
    let mut values = Vec::new();
    let mut offset = log.start_offset();
    while offset < log.end_offset() {
        let bytes = log.read(offset, 1 << 20, true).await.unwrap().concat();
        let mut rest = &bytes[..];
        while let Ok(header) = BatchHeader::parse(rest) {
            let (batch, after) = rest.split_at(header.size_bytes());
            for record in Records::new(&batch[HEADER_BYTES..]) {
                values.push(Bytes::copy_from_slice(record.unwrap().value.unwrap()));
            }
            offset = header.next_offset();
            rest = after;
        }
    }
    values
}

/// What a start makes of the directories: the partition's log, if the image has the topic.
async fn start(env: &SimEnv, image: &ClusterImage) -> Option<(Arc<Topic>, Log<SimEnv>)> {
    let survey = Survey::of(env, &data_dir()).await.unwrap();
    let mut leftovers = survey.tidy(env, &data_dir(), image).await;
    let topic = image.topic(TopicRef::Name(TOPIC));
    let mut started = None;
    if let Some(topic) = topic {
        let claimed = match survey.has_partition(TOPIC, 0) {
            true => claim(env, &data_dir(), image, &topic, 0).await.unwrap(),
            false => Claim::New { leftovers: vec![] },
        };
        let log = match claimed {
            Claim::Ours(directory) => {
                let recovered = recover(env, &directory, 0, &mut |_| {}).await.unwrap();
                let config = log_config(topic.id);
                let log = Log::open(env.clone(), directory, recovered, config, shared());
                log.await.unwrap()
            }
            Claim::New { leftovers: more } => {
                leftovers.extend(more);
                new_log(env, topic.id)
            }
        };
        started = Some((topic, log));
    }
    for path in leftovers {
        naru_runtime::Disk::remove_dir_all(env, &path)
            .await
            .unwrap();
    }
    started
}

/// What was acknowledged, and to which topic.
#[derive(Default)]
struct Acknowledged {
    topic: Option<Uuid>,
    records: i64,
}

/// One shard makes the topic, fills it and deletes it, three times over.
async fn live(env: &SimEnv, acknowledged: &RefCell<Acknowledged>) {
    let node = open_metadata(env).await;
    node.propose(vec![registration()]).await.unwrap();
    for id in 1..=3u128 {
        let topic = Uuid::from_u128(id);
        node.propose(vec![creation(id)]).await.unwrap();
        acknowledged.replace(Acknowledged {
            topic: Some(topic),
            records: 0,
        });
        let log = new_log(env, topic);
        for _ in 0..2 {
            let end = append(&log, topic).await.unwrap();
            acknowledged.borrow_mut().records = end;
        }
        if id < 3 {
            // Whether the topic is gone is open from here to the answer.
            acknowledged.borrow_mut().topic = None;
            node.propose(vec![deletion(id)]).await.unwrap();
            let partition = PartitionId {
                topic_id: topic,
                index: 0,
            };
            let to = deleted_directory(&data_dir(), partition);
            if log.retire(&to).await.unwrap() && id == 1 {
                naru_runtime::Disk::remove_dir_all(env, &to).await.unwrap();
            }
        }
    }
}

#[test]
fn no_topic_has_the_records_of_another_after_a_crash_at_any_operation() {
    let mut crashes = 0;
    for operation in 0.. {
        let sim = machine(operation);
        sim.crash_at(operation);
        let acknowledged = RefCell::default();
        let env = sim.env();
        if sim.run(live(&env, &acknowledged)).is_some() {
            break;
        }
        crashes += 1;
        let acknowledged = acknowledged.into_inner();
        for later in (0..5)
            .map(|loss| sim.power_cut(loss))
            .chain([sim.kill(operation)])
        {
            let env = later.env();
            let found = later.run(async {
                let node = open_metadata(&env).await;
                let image = node.images().newest();
                let (topic, log) = start(&env, &image).await?;
                let found = values(&log).await;
                // It goes on from there.
                append(&log, topic.id).await.unwrap();
                Some((topic.id, found, values(&log).await.len()))
            });
            if let Some((topic, found, afterwards)) = found.unwrap() {
                assert!(found.iter().all(|value| value[..] == *topic.as_bytes()));
                assert_eq!(afterwards, found.len() + 1);
                if acknowledged.topic == Some(topic) {
                    assert!(found.len() as i64 >= acknowledged.records, "at {operation}");
                }
            } else {
                assert_eq!(acknowledged.topic, None, "at {operation}");
            }
            let names = directories_of(&later);
            let is_known = |name: &String| *name == format!("{TOPIC}-0");
            assert!(names.iter().all(is_known), "{names:?} at {operation}");
        }
    }
    assert!(crashes > 50, "{crashes} operations are too few");
}

/// Names in the data directory, but for the metadata's.
fn directories_of(sim: &Sim) -> Vec<String> {
    let env = sim.env();
    let listed = sim.run(async { naru_runtime::Disk::list(&env, &data_dir()).await.unwrap() });
    let names = listed.unwrap().into_iter().map(|entry| entry.name);
    names
        .filter(|name| name != crate::cluster::DIRECTORY)
        .collect()
}

/// The topic, and the offset after its record.
type Appended = (Uuid, Result<i64, LogError>);

/// A shard that owns the partition of those topics for which `is_owner` says so. It does with an
/// image what [`super::Shard`] does, and appends to what it has opened.
async fn follow(
    env: SimEnv,
    mut images: ImageReader,
    is_owner: impl Fn(Uuid) -> bool,
    appended: Rc<RefCell<Vec<Appended>>>,
) {
    let mut logs: BTreeMap<Uuid, Log<SimEnv>> = BTreeMap::new();
    loop {
        let before = Arc::clone(images.image());
        let delta = images.next().await.since(&before);
        for topic in &delta.deleted {
            if let Some(log) = logs.remove(&topic.id) {
                let partition = PartitionId {
                    topic_id: topic.id,
                    index: 0,
                };
                let to = deleted_directory(&data_dir(), partition);
                log.retire(&to).await.unwrap();
            }
        }
        images.acknowledge_deletions();
        if delta.created.iter().any(|topic| is_owner(topic.id)) {
            images.deletions_acknowledged().await;
        }
        for topic in delta.created.iter().filter(|topic| is_owner(topic.id)) {
            let log = new_log(&env, topic.id);
            logs.insert(topic.id, log.clone());
            let (appended, topic) = (Rc::clone(&appended), topic.id);
            env.spawn(async move {
                let outcome = append(&log, topic).await;
                appended.borrow_mut().push((topic, outcome));
            });
        }
        images.acknowledge();
    }
}

#[test]
fn a_topic_made_again_on_another_shard_finds_its_directory_free_at_any_interleaving() {
    const TOPICS: u128 = 6;
    for seed in 0..300 {
        let sim = machine(seed);
        let env = sim.env();
        let appended = Rc::new(RefCell::new(Vec::new()));
        let outcome = sim.run(async {
            let node = open_metadata(&env).await;
            node.propose(vec![registration()]).await.unwrap();
            for shard in 0..2u128 {
                let is_owner = move |topic: Uuid| topic.as_u128() % 2 == shard;
                let images = node.images().subscribe();
                env.spawn(follow(env.clone(), images, is_owner, Rc::clone(&appended)));
            }
            // Nobody waits for the shards in between.
            node.propose(vec![creation(1)]).await.unwrap();
            for id in 2..=TOPICS {
                node.propose(vec![deletion(id - 1)]).await.unwrap();
                node.propose(vec![creation(id)]).await.unwrap();
            }
            let images = node.images();
            images.applied(images.newest().index).await;
            // Until the last topic has its record.
            let last = Uuid::from_u128(TOPICS);
            std::future::poll_fn(|context| {
                if appended.borrow().iter().any(|(topic, _)| *topic == last) {
                    return std::task::Poll::Ready(());
                }
                context.waker().wake_by_ref();
                std::task::Poll::Pending
            })
            .await;
            start(&env, &images.newest()).await
        });
        let _ = outcome.unwrap();
        for (topic, outcome) in appended.borrow().iter() {
            // One that was deleted meanwhile says that it is closed, and nothing else.
            let is_last = topic.as_u128() == TOPICS;
            let is_fine = outcome.is_ok() || !is_last && is_closed(outcome);
            assert!(is_fine, "topic {topic} of seed {seed}: {outcome:?}");
        }
    }
}

fn is_closed(outcome: &Result<i64, LogError>) -> bool {
    matches!(outcome, Err(LogError::Closed { .. }))
}

/// An image that knows one topic, of that id.
async fn image_with(env: &SimEnv, id: u128) -> Arc<ClusterImage> {
    let node = open_metadata(env).await;
    node.propose(vec![registration(), creation(id)])
        .await
        .unwrap();
    node.images().newest()
}

#[test]
fn a_directory_of_a_topic_that_the_cluster_does_not_know_is_set_aside_and_kept() {
    let sim = machine(1);
    let env = sim.env();
    let directory = |name: &str| data_dir().join(name);
    sim.run(async {
        let image = image_with(&env, 7).await;
        // Another topic's data under this topic's name, and under a name of no topic.
        for name in ["again-0", "unknown-3"] {
            let other = Uuid::from_u128(99);
            let config = log_config(other);
            let log = Log::create(env.clone(), directory(name), config, shared());
            append(&log, other).await.unwrap();
            log.close(Bytes::new()).await.unwrap();
        }
        // More partitions than the topic has, one that says nothing, and names of others.
        for name in ["again-5", "silent-0", "lost+found", "backup"] {
            naru_runtime::Disk::create_dir_all(&env, &directory(name))
                .await
                .unwrap();
        }
        let (topic, log) = start(&env, &image).await.unwrap();
        assert_eq!(values(&log).await, Vec::<Bytes>::new());
        append(&log, topic.id).await.unwrap();
        assert_eq!(values(&log).await.len(), 1);
    })
    .unwrap();
    let mut names = directories_of(&sim.power_cut(1));
    names.sort();
    let expected = [
        "again-0",
        "again-0.stray",
        "again-5.stray",
        "backup",
        "lost+found",
        "silent-0.stray",
        "unknown-3.stray",
    ];
    assert_eq!(names, expected);
    let kept = sim.contents(&directory("again-0.stray")).unwrap();
    assert!(
        kept.iter()
            .any(|(path, _)| path.extension().is_some_and(|e| e == "log"))
    );
}

#[test]
fn strays_of_one_name_do_not_take_each_other_s_place() {
    let sim = machine(2);
    let env = sim.env();
    let long = "x".repeat(crate::cluster::TOPIC_NAME_BYTES_MAX);
    sim.run(async {
        let image = image_with(&env, 7).await;
        for _ in 0..3 {
            for name in ["unknown-3", &format!("{long}-0")] {
                let directory = data_dir().join(name).join("something");
                naru_runtime::Disk::create_dir_all(&env, &directory)
                    .await
                    .unwrap();
            }
            start(&env, &image).await;
        }
    })
    .unwrap();
    let names = directories_of(&sim);
    assert_eq!(names.len(), 6, "{names:?}");
    assert!(
        names
            .iter()
            .all(|name| name.ends_with(".stray") && name.len() < 255)
    );
}

#[test]
fn a_damaged_identity_takes_nothing_away() {
    let sim = machine(3);
    let env = sim.env();
    let directory = partition_directory(&data_dir(), TOPIC, 0);
    sim.make_dir(&directory).unwrap();
    let metadata = directory.join(naru_engine::segment::METADATA_FILE);
    sim.put(&metadata, Bytes::from_static(b"version: 0\ntopic_id: !"))
        .unwrap();
    sim.run(async {
        let image = image_with(&env, 7).await;
        let topic = image.topic(TopicRef::Name(TOPIC)).unwrap();
        let claimed = claim(&env, &data_dir(), &image, &topic, 0).await;
        assert_eq!(claimed.unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    })
    .unwrap();
    assert_eq!(directories_of(&sim), [format!("{TOPIC}-0")]);
}

#[test]
fn a_renaming_that_fails_is_an_error_and_the_old_name_stays() {
    for kind in [OpKind::Rename, OpKind::SyncDir] {
        let sim = machine(4);
        let env = sim.env();
        let from = Path::new("/data/a-0");
        sim.make_dir(from).unwrap();
        sim.fail(kind, 0, nix::libc::EIO);
        let moved = sim
            .run(move_aside(&env, from, Path::new("/data/b")))
            .unwrap();
        assert!(moved.is_err());
    }
}
