//! A partition on a simulated disk: what is acknowledged, committed and shown, and when.
#![allow(clippy::unwrap_used)]

mod epochs;
mod snapshots;
mod transactions;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use naru_engine::log::{Fence, Log, LogConfig, LogError, Shared, TailBudget};
use naru_engine::recovery::{Replay, recover};
use naru_record_batch::{BatchBuilder, CheckedBatch, Codec};
use naru_runtime::Handle;
use naru_runtime::sim::{Machine, OpKind, Simulation};
use naru_wire::ErrorCode;
use uuid::Uuid;

use super::*;
use crate::config::{BrokerConfig, TopicConfig};

/// What a broken disk says (errno(3)).
const EIO: i32 = 5;

const SEGMENT_BYTES: u64 = 1 << 20;

const ID: PartitionId = PartitionId {
    topic_id: Uuid::from_u128(7),
    index: 0,
};

const LEADER: Standing = Standing {
    role: Role::Leader,
    leader_epoch: 3,
};

const FOLLOWER: Standing = Standing {
    role: Role::Follower,
    leader_epoch: 4,
};

fn simulate(story: impl AsyncFnOnce(Machine, Handle)) {
    simulate_machine(11, story);
}

fn simulate_machine(seed: u64, story: impl AsyncFnOnce(Machine, Handle)) {
    let simulation = Simulation::new(seed);
    let machine = simulation.machine(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
    machine.with_disk(|disk| disk.make_dir(&PathBuf::from("/logs")).unwrap());
    let thread = machine.thread();
    simulation.run(story(machine, thread));
}

fn dir() -> PathBuf {
    PathBuf::from("/logs/topic-0")
}

fn log_config() -> LogConfig {
    LogConfig {
        segment_bytes: SEGMENT_BYTES,
        ..LogConfig::default()
    }
}

fn shared() -> Shared {
    Shared {
        fence: Fence::new(PathBuf::from("/logs")),
        tails: Rc::new(TailBudget::new(64 << 20)),
    }
}

fn topic_config() -> Rc<TopicConfig> {
    let machine = crate::config::Machine {
        cores: 1,
        memory_bytes: 1 << 30,
        hostname: "ferry".into(),
    };
    let entries = crate::config::properties::parse("").unwrap();
    let (broker, _) = BrokerConfig::from_entries(&entries, &[], &machine).unwrap();
    Rc::new(TopicConfig::effective(&Default::default(), &broker).unwrap())
}

fn open(io: &Handle, log: Log<Handle>, state: PartitionState, standing: Standing) -> Rc<Partition> {
    let topic = Rc::from("topic");
    Partition::open(io, ID, topic, log, state, standing, topic_config())
}

fn new_partition(io: &Handle) -> Rc<Partition> {
    let log = Log::create(io.clone(), dir(), log_config(), shared());
    open(io, log, PartitionState::default(), LEADER)
}

async fn reopened(io: &Handle, standing: Standing) -> Rc<Partition> {
    let mut state = PartitionState::default();
    let mut keep = |replay: Replay<'_>| {
        if let Replay::UserState(bytes) = replay {
            let found = Checkpointed::decode(bytes).unwrap();
            state.high_watermark = found.high_watermark.unwrap();
        }
    };
    let recovered = recover(io, &dir(), 0, &mut keep).await.unwrap();
    let log = Log::open(io.clone(), dir(), recovered, log_config(), shared());
    open(io, log.await.unwrap(), state, standing)
}

/// A batch of one record of this many bytes.
fn batch(bytes: usize) -> CheckedBatch {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push_pair(0, None, Some(&vec![7; bytes]));
    builder.build_checked().unwrap()
}

const UNCOMMITTED: Isolation = Isolation::ReadUncommitted;

async fn read(partition: &Rc<Partition>, from: i64, bytes_max: usize) -> Vec<Bytes> {
    let read = partition.read(from, bytes_max, true, UNCOMMITTED).await;
    read.unwrap().records
}

async fn commit(partition: &Rc<Partition>, bytes: usize) -> i64 {
    let appended = partition.append(&batch(bytes), 0).unwrap();
    let acknowledged = partition.acknowledged(appended.next_offset, Acks::All);
    acknowledged.await.unwrap();
    appended.next_offset
}

#[test]
fn a_lone_leader_commits_what_it_has_flushed_and_shows_no_more() {
    simulate(async |_, io| {
        let partition = new_partition(&io);
        assert_eq!(commit(&partition, 100).await, 1);
        assert_eq!(partition.committed(), 1);
        let appended = partition.append(&batch(100), 0).unwrap();
        let written = partition.acknowledged(appended.next_offset, Acks::Leader);
        written.await.unwrap();
        assert_eq!(partition.committed(), 1, "nobody has asked for a flush");
        assert!(read(&partition, 1, 1 << 20).await.is_empty());
        // Whoever asks for the end finds what was acknowledged.
        assert_eq!(partition.latest(UNCOMMITTED).await.unwrap(), 2);
        assert!(!read(&partition, 1, 1 << 20).await.is_empty());
    });
}

/// A consumer with a `fetch.max.wait.ms` of 0 only ever asks what there is now.
#[test]
fn who_polls_at_the_end_finds_what_was_written_soon() {
    simulate(async |_, io| {
        let partition = new_partition(&io);
        let appended = partition.append(&batch(100), 0).unwrap();
        let written = partition.acknowledged(appended.next_offset, Acks::Leader);
        written.await.unwrap();
        let moved = partition.high_watermark().moved();
        assert!(read(&partition, 0, 1 << 20).await.is_empty());
        moved.await;
        assert!(!read(&partition, 0, 1 << 20).await.is_empty());
    });
}

#[test]
fn who_waits_hears_that_the_leader_steps_down_and_a_follower_takes_no_batch() {
    simulate(async |_, io| {
        let partition = new_partition(&io);
        let appended = partition.append(&batch(100), 0).unwrap();
        let acknowledged = partition.acknowledged(appended.next_offset, Acks::All);
        partition.take_role(FOLLOWER);
        assert!(matches!(acknowledged.await, Err(AckError::NotLeader)));
        assert_eq!(
            partition.committed(),
            0,
            "the new leader says what is committed"
        );
        let refused = partition.append(&batch(100), 0);
        assert!(matches!(refused, Err(AppendError::NotLeader)));
    });
}

#[test]
#[should_panic(expected = "comes after")]
fn a_leader_epoch_never_goes_back() {
    simulate(async |_, io| {
        let partition = new_partition(&io);
        partition.take_role(FOLLOWER);
        partition.take_role(LEADER);
    });
}

#[test]
fn an_acknowledgement_that_takes_too_long_is_given_up_and_the_batch_stays() {
    simulate(async |_, io| {
        let partition = new_partition(&io);
        let appended = partition.append(&batch(100), 0).unwrap();
        let at_once = io.now();
        let late = partition.acknowledged_by(appended.next_offset, Acks::All, at_once);
        assert!(matches!(late.await, Err(AckError::TimedOut)));
        // The leader's own write is waited for however long it takes.
        let written = partition.acknowledged_by(appended.next_offset, Acks::Leader, at_once);
        written.await.unwrap();
        let in_time = io.now() + Duration::from_secs(60);
        let again = partition.acknowledged_by(appended.next_offset, Acks::All, in_time);
        again.await.unwrap();
        assert_eq!(partition.committed(), 1);
    });
}

#[test]
fn the_high_watermark_comes_back_from_its_checkpoint() {
    simulate(async |_, io| {
        let partition = new_partition(&io);
        commit(&partition, 100).await;
        commit(&partition, 100).await;
        // Flushed at the close, but not committed when the checkpoint was made.
        partition.append(&batch(100), 0).unwrap();
        partition.close().await.unwrap();
        drop(partition);
        let follower = reopened(&io, FOLLOWER).await;
        assert_eq!(
            follower.committed(),
            2,
            "of the rest its leader has to tell"
        );
        drop(follower);
        assert_eq!(reopened(&io, LEADER).await.committed(), 3);
    });
}

#[test]
fn a_failed_flush_ends_waits_and_takes_the_partition_offline() {
    simulate(async |machine, io| {
        let partition = new_partition(&io);
        commit(&partition, 100).await;
        for kind in [OpKind::SyncData, OpKind::WriteDurable] {
            machine.with_disk(|disk| disk.fail_from(kind, 0, EIO));
        }
        let partitions = Partitions::default();
        partitions.insert(ID, Slot::Online(Rc::clone(&partition)));
        assert!(partitions.leader(ID, NO_EPOCH, || true).is_ok());

        let watcher = Rc::new(Watcher::default());
        let mut watch = partition.watch(1, 1 << 20, UNCOMMITTED, &watcher, 0);
        assert_eq!(watch.readable().await, Readable::Bytes(0));
        let appended = partition.append(&batch(100), 0).unwrap();
        let acknowledged = partition.acknowledged(appended.next_offset, Acks::All);
        let error = acknowledged.await.unwrap_err();
        assert!(
            matches!(error, AckError::Log(LogError::Fenced { .. })),
            "{error}"
        );
        assert_eq!(watcher.moved().await, [0]);
        assert_eq!(watch.readable().await, Readable::AnswerNow);
        assert_eq!(partition.committed(), 1);
        for epoch in [NO_EPOCH, 2, 3, 4] {
            let denial = partitions.leader(ID, epoch, || true).err().unwrap();
            assert_eq!(denial.error_code, ErrorCode::KafkaStorageError);
        }
    });
}

#[test]
fn the_gate_of_a_shard_knows_its_slots() {
    simulate(async |_, io| {
        let partitions = Partitions::default();
        let code = |epoch, is_in_image| {
            let denial = partitions.leader(ID, epoch, || is_in_image).err();
            denial.map(|denial| denial.error_code)
        };
        assert_eq!(code(3, false), Some(ErrorCode::UnknownTopicOrPartition));
        assert_eq!(code(3, true), Some(ErrorCode::NotLeaderOrFollower));
        partitions.insert(ID, Slot::Offline);
        assert_eq!(code(3, true), Some(ErrorCode::KafkaStorageError));
        let partition = new_partition(&io);
        partitions.insert(ID, Slot::Online(Rc::clone(&partition)));
        assert_eq!(code(3, true), None);
        assert_eq!(code(NO_EPOCH, true), None);
        assert_eq!(code(2, true), Some(ErrorCode::FencedLeaderEpoch));
        assert_eq!(code(4, true), Some(ErrorCode::UnknownLeaderEpoch));
        partition.take_role(FOLLOWER);
        assert_eq!(code(3, true), Some(ErrorCode::FencedLeaderEpoch));
        assert_eq!(code(4, true), Some(ErrorCode::NotLeaderOrFollower));
    });
}

#[test]
fn a_watch_counts_committed_bytes_exactly_and_no_more_than_a_fetch_takes() {
    simulate(async |_, io| {
        let partition = new_partition(&io);
        let batch_bytes = batch(1_000).bytes().len() as u64;
        let watcher = Rc::new(Watcher::default());
        let mut all = partition.watch(0, u64::MAX, UNCOMMITTED, &watcher, 0);
        let mut some = partition.watch(
            0,
            2 * batch_bytes + 1,
            Isolation::ReadUncommitted,
            &watcher,
            1,
        );
        let mut later = partition.watch(2, u64::MAX, UNCOMMITTED, &watcher, 2);
        for batches in 1..=5 {
            let appended = partition.append(&batch(1_000), 0).unwrap();
            // Tail readers have it flushed unasked.
            let committed = watcher.moved().await;
            assert_eq!(committed, [0, 1, 2]);
            assert_eq!(partition.committed(), appended.next_offset);
            let readable = Readable::Bytes(batches * batch_bytes);
            assert_eq!(all.readable().await, readable);
            let capped = (batches * batch_bytes).min(2 * batch_bytes + 1);
            assert_eq!(some.readable().await, Readable::Bytes(capped));
            let after_two = Readable::Bytes(batches.saturating_sub(2) * batch_bytes);
            assert_eq!(later.readable().await, after_two);
        }
        drop(all);
        commit(&partition, 1_000).await;
        assert_eq!(watcher.moved().await, [1, 2], "who has gone hears nothing");
    });
}

#[test]
fn a_watch_of_an_older_segment_is_answered_at_once() {
    simulate(async |_, io| {
        let partition = new_partition(&io);
        for _ in 0..3 {
            commit(&partition, SEGMENT_BYTES as usize / 2).await;
        }
        let watcher = Rc::new(Watcher::default());
        let mut older = partition.watch(0, u64::MAX, UNCOMMITTED, &watcher, 0);
        assert_eq!(older.readable().await, Readable::AnswerNow);
        let mut gone = partition.watch(99, u64::MAX, UNCOMMITTED, &watcher, 1);
        assert_eq!(gone.readable().await, Readable::Bytes(0));
    });
}
