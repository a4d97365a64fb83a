//! Groups read back from a partition on a simulated disk, and from what compaction leaves.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod compacted;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::rc::Rc;

use naru_engine::log::{Fence, Log, LogConfig, Shared, TailBudget};
use naru_record_batch::{BatchBuilder, Codec, EndTransactionMarker, TransactionResult, stamp};
use naru_runtime::Handle;
use naru_runtime::sim::Simulation;
use naru_runtime::sync::oneshot;
use uuid::Uuid;

use super::load::Loaded;
use super::read_back::each_batch;
use super::{Coordinators, OFFSETS_TOPIC, Reply, Slot, group_config};
use crate::config::{BrokerConfig, Machine, TopicConfig};
use crate::group::{
    CommitRequest, GroupConfig, GroupError, OffsetToCommit, Producer, TxnCommitRequest,
};
use crate::partition::{
    Acks, Marker, Partition, PartitionId, PartitionState, Role, Standing, Verification,
};

fn broker() -> BrokerConfig {
    let machine = Machine {
        cores: 1,
        memory_bytes: 1 << 30,
        hostname: "ferry".into(),
    };
    let entries = crate::config::properties::parse("").unwrap();
    let (broker, _) = BrokerConfig::from_entries(&entries, &[], &machine).unwrap();
    broker
}

fn groups() -> GroupConfig {
    group_config(&broker().groups, [])
}

fn partition(io: &Handle) -> Rc<Partition> {
    partition_of(io, LogConfig::default())
}

fn partition_of(io: &Handle, log_config: LogConfig) -> Rc<Partition> {
    let shared = Shared {
        fence: Fence::new(PathBuf::from("/logs")),
        tails: Rc::new(TailBudget::new(64 << 20)),
    };
    let dir = PathBuf::from("/logs/offsets-0");
    let log = Log::create(io.clone(), dir, log_config, shared);
    let id = PartitionId {
        topic_id: Uuid::from_u128(7),
        index: 0,
    };
    let leader = Standing {
        role: Role::Leader,
        leader_epoch: 3,
    };
    let config = Rc::new(TopicConfig::effective(&Default::default(), &broker()).unwrap());
    let state = PartitionState::default();
    Partition::open(io, id, Rc::from(OFFSETS_TOPIC), log, state, leader, config)
}

fn simulate(story: impl AsyncFnOnce(Handle)) {
    let simulation = Simulation::new(11);
    let machine = simulation.machine(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
    machine.with_disk(|disk| disk.make_dir(&PathBuf::from("/logs")).unwrap());
    simulation.run(story(machine.thread()));
}

fn offset_of(group: usize, offset: i64) -> (String, Vec<OffsetToCommit>) {
    let offset = OffsetToCommit {
        topic: "t".to_owned(),
        offset,
        ..OffsetToCommit::default()
    };
    (format!("g{group}"), vec![offset])
}

async fn commit(coordinators: &Rc<Coordinators>, slot: &Rc<Slot>, group: usize, offset: i64) {
    let (reply, answer) = oneshot();
    let (group_id, offsets) = offset_of(group, offset);
    let request = CommitRequest {
        group_id,
        generation: -1,
        offsets,
        ..CommitRequest::default()
    };
    let now = coordinators.now();
    let effects = slot
        .groups
        .borrow_mut()
        .commit(now, request, Reply::Commit(reply));
    coordinators.carry_out(slot, effects);
    assert_eq!(answer.await.unwrap(), [Ok(())]);
}

async fn commit_in_transaction(
    coordinators: &Rc<Coordinators>,
    slot: &Rc<Slot>,
    producer: Producer,
    offset: i64,
    verification: Verification,
) -> Result<(), GroupError> {
    let (reply, answer) = oneshot();
    let (group_id, offsets) = offset_of(0, offset);
    let request = TxnCommitRequest {
        group_id,
        producer,
        generation: -1,
        member_id: String::new(),
        instance_id: None,
        knows_group_id_not_found: false,
        offsets,
    };
    let reply = Reply::Commit(reply);
    let now = coordinators.now();
    let effects = slot
        .groups
        .borrow_mut()
        .commit_in_transaction(now, request, reply);
    coordinators.carry_out_verified(slot, effects, verification);
    answer.await.unwrap()[0]
}

fn committed(slot: &Slot, group: usize) -> Option<i64> {
    let fetched = slot
        .groups
        .borrow()
        .fetch_offsets(&format!("g{group}"), None);
    Some(fetched.first()?.committed.as_ref()?.offset)
}

async fn load(io: &Handle, partition: &Rc<Partition>) -> (Slot, Loaded) {
    let coordinators = Coordinators::new(io.clone(), groups());
    let now = || coordinators.now();
    let loaded = Slot::load(io, groups(), Rc::clone(partition), now);
    loaded.await.unwrap()
}

const PRODUCER: Producer = Producer { id: 9, epoch: 2 };

fn end(result: TransactionResult) -> Marker {
    Marker {
        producer_id: PRODUCER.id,
        producer_epoch: PRODUCER.epoch,
        coordinator_epoch: 0,
        result,
        transaction_version: 0,
    }
}

#[test]
fn what_was_committed_is_read_back_with_the_markers_among_it() {
    simulate(async |io| {
        let partition = partition(&io);
        let coordinators = Rc::new(Coordinators::new(io.clone(), groups()));
        let slot = Rc::new(Slot::empty(&io, groups(), Rc::clone(&partition)));
        for offset in 0..10 {
            for group in 0..5 {
                commit(&coordinators, &slot, group, offset).await;
            }
        }
        let refused = commit_in_transaction(&coordinators, &slot, PRODUCER, 70, Verification::None);
        assert_eq!(refused.await, Err(GroupError::InvalidTxnState));
        for (offset, result, expected) in [
            (70, TransactionResult::Abort, 9),
            (71, TransactionResult::Commit, 71),
        ] {
            let waived = Verification::Waived;
            let written = commit_in_transaction(&coordinators, &slot, PRODUCER, offset, waived);
            written.await.unwrap();
            // Read back while the transaction is open, it is pending there, too.
            let (open, _) = load(&io, &partition).await;
            let appended = partition.append_marker(&end(result), 0).unwrap();
            partition
                .acknowledged(appended.next_offset, Acks::All)
                .await
                .unwrap();
            for slot in [&open, &*slot] {
                slot.transaction_completed(PRODUCER.id, result, appended.base_offset);
                assert_eq!(committed(slot, 0), Some(expected));
            }
            let (again, _) = load(&io, &partition).await;
            assert_eq!(committed(&again, 0), Some(expected));
        }
        let stale = Producer {
            epoch: 1,
            ..PRODUCER
        };
        let waived = Verification::Waived;
        let fenced = commit_in_transaction(&coordinators, &slot, stale, 1, waived);
        assert_eq!(fenced.await, Err(GroupError::InvalidProducerEpoch));

        let (again, loaded) = load(&io, &partition).await;
        assert_eq!(committed(&again, 4), Some(9));
        // All that the log holds was read, once: 50 plain commits and two in transactions.
        assert_eq!(loaded.records, 52);
        assert_eq!(loaded.bytes, partition.report().size_bytes);
    });
}

/// A partition of 1 MiB takes some reads; the shard does other work between them.
#[test]
fn what_is_written_while_the_log_is_read_is_not_missed() {
    simulate(async |io| {
        let partition = partition(&io);
        let coordinators = Rc::new(Coordinators::new(io.clone(), groups()));
        let slot = Rc::new(Slot::empty(&io, groups(), Rc::clone(&partition)));
        let waived = Verification::Waived;
        let written = commit_in_transaction(&coordinators, &slot, PRODUCER, 71, waived);
        written.await.unwrap();
        let mut batch = BatchBuilder::new(Codec::None);
        batch.push_pair(0, Some(b"\0\x63"), Some(&[0; 60_000]));
        let batch = batch.build_checked().unwrap();
        for _ in 0..20 {
            let appended = partition.append(&batch, 0).unwrap();
            let acknowledged = partition.acknowledged(appended.next_offset, Acks::All);
            acknowledged.await.unwrap();
        }

        let index = partition.id.index;
        coordinators.begin_loading(index, Rc::clone(&partition));
        let asked = coordinators.get(index).err();
        assert_eq!(asked, Some(GroupError::CoordinatorLoadInProgress));
        assert_eq!(coordinators.loading(), 1);
        let loading = {
            let (io, partition) = (io.clone(), Rc::clone(&partition));
            io.clone()
                .spawn_task(async move { load(&io, &partition).await })
        };
        io.yield_now().await;
        let commit = end(TransactionResult::Commit);
        let appended = partition.append_marker(&commit, 0).unwrap();
        let acknowledged = partition.acknowledged(appended.next_offset, Acks::All);
        acknowledged.await.unwrap();
        let (loaded, _) = loading.await;
        assert_eq!(committed(&loaded, 0), Some(71));
        let seated = coordinators.end_loading(index, loaded).unwrap();
        assert!(Rc::ptr_eq(&coordinators.get(index).unwrap(), &seated));
        assert_eq!(coordinators.loading(), 0);
    });
}

/// The topic was deleted and made again while its old log was read.
#[test]
fn groups_of_a_log_that_is_gone_are_not_served() {
    simulate(async |io| {
        let old = partition(&io);
        let coordinators = Coordinators::new(io.clone(), groups());
        coordinators.begin_loading(0, Rc::clone(&old));
        let (slot, _) = load(&io, &old).await;
        coordinators.remove(0);
        assert!(coordinators.end_loading(0, slot).is_none());
        assert_eq!(coordinators.get(0).err(), Some(GroupError::NotCoordinator));
    });
}

/// Offsets are missing, batches are empty, markers have lost their record (KAFKA-19862 and the
/// like): what is left says enough.
#[test]
fn what_compaction_leaves_is_enough() {
    simulate(async |io| {
        let partition = partition(&io);
        let slot = Slot::empty(&io, groups(), partition);
        let offset = |offset| {
            let (group_id, offsets) = offset_of(0, offset);
            let now_ms = 5;
            crate::group::records::offset_record(&group_id, &offsets[0], now_ms)
        };
        let mut loaded = Loaded::default();
        let mut put = |base_offset, batch: &[u8], expected| {
            let mut batch = batch.to_vec();
            stamp(&mut batch, base_offset, 0);
            let next = each_batch(&batch, |header, batch| {
                slot.replay(header, batch, &mut loaded)
            });
            assert_eq!(next, Some(base_offset + 1));
            assert_eq!(committed(&slot, 0), expected, "after {base_offset}");
            assert_eq!(each_batch(&batch[1..], |_, _| {}), None);
        };
        let of = |producer: Option<Producer>, at| {
            let record = offset(at);
            let mut builder = BatchBuilder::new(Codec::None);
            if let Some(Producer { id, epoch }) = producer {
                builder = builder.producer(id, epoch, -1).transactional();
            }
            builder.push_pair(5, Some(&record.key), record.value.as_deref());
            builder.build_checked().unwrap()
        };
        let marker = EndTransactionMarker {
            result: TransactionResult::Commit,
            coordinator_epoch: 0,
        };
        let marker = marker.build(PRODUCER.id, PRODUCER.epoch, 5);
        // A batch and a marker that only tell of their producer any more.
        let emptied = |batch: &[u8]| {
            let mut header = naru_record_batch::BatchHeader::parse(batch).unwrap();
            header.records_count = 0;
            header.batch_length = 49;
            let mut bytes = [0; naru_record_batch::HEADER_BYTES];
            header.write_to(&mut bytes);
            bytes
        };
        put(3, &emptied(of(Some(PRODUCER), 1).bytes()), None);
        put(9, &emptied(marker.bytes()), None);
        put(40, of(Some(PRODUCER), 2).bytes(), None);
        put(77, marker.bytes(), Some(2));
        put(1_000, of(Some(PRODUCER), 3).bytes(), Some(2));
        put(2_000, of(None, 4).bytes(), Some(4));
        put(3_000, marker.bytes(), Some(4));
        assert_eq!(loaded.records, 3);
    });
}
