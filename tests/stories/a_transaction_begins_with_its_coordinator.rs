//! A batch begins a transaction in a partition only if the coordinator of the transaction knows of
//! it (KIP-890); an undecided one is kept from consumers of committed records, can be seen, and
//! aborted by hand (KIP-664). Error codes are those of each version.

use std::time::Instant;

use bytes::Bytes;
use naru_record_batch::{BatchBuilder, Codec};
use naru_wire::ErrorCode;
use naru_wire::api::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, ProducerState, TopicRequest,
};
use naru_wire::api::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData,
};
use naru_wire::api::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use naru_wire::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use naru_wire::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use naru_wire::api::produce::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};
use naru_wire::api::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};

use crate::harness::{Broker, Raw, WAIT_MAX, ask, create_topic};

const ID: &str = "x";
const COMMITTED: i8 = 1;
const UNCOMMITTED: i8 = 0;

/// Producer id and epoch of the transactional id, once its coordinator is there.
fn init(raw: &mut Raw) -> (i64, i16) {
    let request = InitProducerIdRequest {
        transactional_id: Some(ID.into()),
        transaction_timeout_ms: 60_000,
        ..Default::default()
    };
    let begun = Instant::now();
    loop {
        let found: FindCoordinatorResponse = ask(
            raw,
            3,
            &FindCoordinatorRequest {
                key: ID.into(),
                key_type: 1,
                ..Default::default()
            },
        );
        let answer: InitProducerIdResponse = ask(raw, 4, &request);
        if answer.error_code == ErrorCode::None {
            return (answer.producer_id, answer.producer_epoch);
        }
        let codes = (found.error_code, answer.error_code);
        assert!(begun.elapsed() < WAIT_MAX, "{codes:?}");
    }
}

fn batch(producer_id: i64, epoch: i16, sequence: i32) -> Bytes {
    let builder = BatchBuilder::new(Codec::None);
    let mut builder = builder
        .producer(producer_id, epoch, sequence)
        .transactional();
    builder.push_pair(1_700_000_000_000, None, Some(b"value"));
    Bytes::from(builder.build().unwrap())
}

/// Sends batches to the first partitions of the topic; the code of each.
fn produce(raw: &mut Raw, version: i16, id: Option<&str>, batches: &[Bytes]) -> Vec<ErrorCode> {
    let partition_data = batches
        .iter()
        .enumerate()
        .map(|(at, batch)| PartitionProduceData {
            index: i32::try_from(at).unwrap(),
            records: Some(batch.clone()),
        });
    let request = ProduceRequest {
        transactional_id: id.map(Into::into),
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: "t".into(),
            partition_data: partition_data.collect(),
            ..Default::default()
        }],
    };
    let answer: ProduceResponse = ask(raw, version, &request);
    let partitions = answer.responses[0].partition_responses.iter();
    partitions.map(|partition| partition.error_code).collect()
}

fn fetch(raw: &mut Raw, isolation_level: i8) -> PartitionData {
    let request = FetchRequest {
        max_wait_ms: 0,
        isolation_level,
        topics: vec![FetchTopic {
            topic: "t".into(),
            partitions: vec![FetchPartition {
                partition_max_bytes: 1 << 20,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let mut answer: FetchResponse = ask(raw, 12, &request);
    answer.responses.remove(0).partitions.remove(0)
}

fn latest(raw: &mut Raw, isolation_level: i8) -> i64 {
    let request = ListOffsetsRequest {
        replica_id: -1,
        isolation_level,
        topics: vec![ListOffsetsTopic {
            name: "t".into(),
            partitions: vec![ListOffsetsPartition {
                timestamp: -1,
                ..Default::default()
            }],
        }],
        ..Default::default()
    };
    let answer: ListOffsetsResponse = ask(raw, 7, &request);
    answer.topics[0].partitions[0].offset
}

fn producers(raw: &mut Raw) -> Vec<ProducerState> {
    let request = DescribeProducersRequest {
        topics: vec![TopicRequest {
            name: "t".into(),
            partition_indexes: vec![0],
        }],
    };
    let mut answer: DescribeProducersResponse = ask(raw, 0, &request);
    answer
        .topics
        .remove(0)
        .partitions
        .remove(0)
        .active_producers
}

/// Aborts by hand in partition 0 and in one that there is not; the code of each.
fn abort(
    raw: &mut Raw,
    (producer_id, producer_epoch): (i64, i16),
    coordinator_epoch: i32,
) -> Vec<ErrorCode> {
    let request = WriteTxnMarkersRequest {
        markers: vec![WritableTxnMarker {
            producer_id,
            producer_epoch,
            transaction_result: false,
            topics: vec![WritableTxnMarkerTopic {
                name: "t".into(),
                partition_indexes: vec![0, 7],
            }],
            coordinator_epoch,
            transaction_version: 0,
        }],
    };
    let answer: WriteTxnMarkersResponse = ask(raw, 2, &request);
    let partitions = answer.markers[0].topics[0].partitions.iter();
    partitions.map(|partition| partition.error_code).collect()
}

#[test]
fn a_batch_that_its_coordinator_does_not_know_of_is_refused_in_the_words_of_its_version() {
    let broker = Broker::start(&[]);
    create_topic(&broker.bootstrap(), "t", 2, &[]);
    let mut raw = broker.raw();
    let (id, epoch) = init(&mut raw);
    let first = [batch(id, epoch, 0)];
    let mut refusal = |version| produce(&mut raw, version, Some(ID), &first);
    assert_eq!(refusal(11), [ErrorCode::TransactionAbortable]);
    assert_eq!(refusal(10), [ErrorCode::InvalidTxnState]);
    assert_eq!(latest(&mut raw, UNCOMMITTED), 0, "nothing was stored");
    let unnamed = produce(&mut raw, 12, None, &first);
    assert_eq!(unnamed, [ErrorCode::TransactionalIdAuthorizationFailed]);
    let of_two = [batch(id, epoch, 0), batch(id + 1_000_000, 0, 0)];
    let of_two = produce(&mut raw, 12, Some(ID), &of_two);
    assert_eq!(of_two, [ErrorCode::InvalidProducerIdMapping; 2]);
    // From version 12 on it becomes part of the transaction by itself, in every partition.
    let both = [batch(id, epoch, 0), batch(id, epoch, 0)];
    assert_eq!(produce(&mut raw, 12, Some(ID), &both), [ErrorCode::None; 2]);
    let next = [batch(id, epoch, 1)];
    assert_eq!(produce(&mut raw, 11, Some(ID), &next), [ErrorCode::None]);
    let again = [batch(id, epoch, 1)];
    assert_eq!(produce(&mut raw, 12, Some(ID), &again), [ErrorCode::None]);
    assert_eq!(latest(&mut raw, UNCOMMITTED), 2, "the last one was there");
}

#[test]
fn a_transaction_that_hangs_is_kept_from_consumers_seen_and_aborted_by_hand() {
    let broker = Broker::start(&[]);
    create_topic(&broker.bootstrap(), "t", 1, &[]);
    let mut raw = broker.raw();
    init(&mut raw);
    let (id, epoch) = init(&mut raw);
    assert_eq!(epoch, 1);
    let first = [batch(id, epoch, 0)];
    assert_eq!(produce(&mut raw, 12, Some(ID), &first), [ErrorCode::None]);

    let all = fetch(&mut raw, UNCOMMITTED);
    assert_eq!((all.high_watermark, all.last_stable_offset), (1, 0));
    assert!(all.aborted_transactions.is_none(), "it was not asked for");
    let committed = fetch(&mut raw, COMMITTED);
    assert_eq!(
        (committed.high_watermark, committed.last_stable_offset),
        (1, 0)
    );
    assert_eq!(committed.records.map_or(0, |records| records.len()), 0);
    assert_eq!(
        (latest(&mut raw, UNCOMMITTED), latest(&mut raw, COMMITTED)),
        (1, 0)
    );

    let seen = &producers(&mut raw)[0];
    assert_eq!(
        (seen.producer_id, seen.producer_epoch),
        (id, i32::from(epoch))
    );
    assert_eq!((seen.current_txn_start_offset, seen.last_sequence), (0, 0));
    assert_eq!(seen.coordinator_epoch, -1);

    let unknown = ErrorCode::UnknownTopicOrPartition;
    assert_eq!(abort(&mut raw, (id, epoch), 5), [ErrorCode::None, unknown]);
    let committed = fetch(&mut raw, COMMITTED);
    assert_eq!(
        (committed.high_watermark, committed.last_stable_offset),
        (2, 2)
    );
    let aborted = committed.aborted_transactions.unwrap();
    let aborted: Vec<_> = aborted
        .iter()
        .map(|a| (a.producer_id, a.first_offset))
        .collect();
    assert_eq!(aborted, [(id, 0)]);
    let seen = &producers(&mut raw)[0];
    assert_eq!(
        (seen.current_txn_start_offset, seen.coordinator_epoch),
        (-1, 5)
    );

    let older = abort(&mut raw, (id, epoch), 4);
    assert_eq!(older, [ErrorCode::TransactionCoordinatorFenced, unknown]);
    let stale = abort(&mut raw, (id, epoch - 1), 5);
    assert_eq!(stale, [ErrorCode::InvalidProducerEpoch, unknown]);
    let impossible = abort(&mut raw, (id, -1), 5);
    assert_eq!(impossible, [ErrorCode::UnknownServerError; 2]);
}
