//! A producer of `transaction.version` 2 goes on as soon as its transaction is decided. What it
//! writes next waits for the markers of that one, which come to the same partitions; they must not
//! take away what speaks for the new transaction.

use std::ops::Range;
use std::time::Instant;

use bytes::Bytes;
use naru_record_batch::{BatchBuilder, Codec};
use naru_wire::api::end_txn::{EndTxnRequest, EndTxnResponse};
use naru_wire::api::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use naru_wire::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use naru_wire::api::produce::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};
use naru_wire::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
    TxnOffsetCommitResponse,
};

use naru_wire::{ErrorCode, decode_response, encode_request};

use crate::harness::{Broker, Raw, WAIT_MAX, ask, create_topic};

const TRANSACTIONS: i64 = 100;
const OVERLAPPING_TRANSACTIONS: usize = 5;

/// More than there are markers on their way at once (1024).
const PARTITIONS: i32 = 1_200;

/// The first versions of the flow of `transaction.version` 2.
const PRODUCE: i16 = 12;
const END_TXN: i16 = 5;

/// Asks until the broker has what it answers from: codes that clients retry.
fn until_ready<T>(mut attempt: impl FnMut() -> (ErrorCode, T)) -> T {
    let retried = [
        ErrorCode::ConcurrentTransactions,
        ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotCoordinator,
    ];
    let begun = Instant::now();
    loop {
        match attempt() {
            (ErrorCode::None, answer) => return answer,
            (code, _) => assert!(retried.contains(&code), "{code:?}"),
        }
        assert!(begun.elapsed() < WAIT_MAX, "it is never ready");
    }
}

fn commit_offset(connection: &mut Raw, producer: (i64, i16), offset: i64) -> ErrorCode {
    let partition = TxnOffsetCommitRequestPartition {
        committed_offset: offset,
        ..Default::default()
    };
    let request = TxnOffsetCommitRequest {
        transactional_id: "x".into(),
        group_id: "g".into(),
        producer_id: producer.0,
        producer_epoch: producer.1,
        topics: vec![TxnOffsetCommitRequestTopic {
            name: "t".into(),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    };
    let response: TxnOffsetCommitResponse = ask(connection, 5, &request);
    response.topics[0].partitions[0].error_code
}

/// The only producer of the transactional id `x`, and a connection that knows its coordinator.
fn first_producer(broker: &Broker) -> (Raw, (i64, i16)) {
    let mut connection = broker.raw();
    // Whoever asks for a coordinator has its topic made: of groups, of transactions.
    for key_type in [0, 1] {
        let request = FindCoordinatorRequest {
            key: "x".into(),
            key_type,
            ..Default::default()
        };
        let _: FindCoordinatorResponse = ask(&mut connection, 1, &request);
    }
    let producer = until_ready(|| {
        let request = InitProducerIdRequest {
            transactional_id: Some("x".into()),
            transaction_timeout_ms: 60_000,
            ..Default::default()
        };
        let response: InitProducerIdResponse = ask(&mut connection, 5, &request);
        let producer = (response.producer_id, response.producer_epoch);
        (response.error_code, producer)
    });
    (connection, producer)
}

fn commit_of((producer_id, producer_epoch): (i64, i16)) -> EndTxnRequest {
    EndTxnRequest {
        transactional_id: "x".into(),
        producer_id,
        producer_epoch,
        committed: true,
    }
}

#[test]
fn and_its_offsets_are_taken() {
    let broker = Broker::start(&[("naru.shards", "2")]);
    create_topic(&broker.bootstrap(), "t", 1, &[]);
    let (mut connection, mut producer) = first_producer(&broker);
    for offset in 0..TRANSACTIONS {
        until_ready(|| (commit_offset(&mut connection, producer, offset), ()));
        producer = until_ready(|| {
            let response: EndTxnResponse = ask(&mut connection, 5, &commit_of(producer));
            let next = (response.producer_id, response.producer_epoch);
            (response.error_code, next)
        });
    }
}

/// The first record of a transaction in each of these partitions.
fn first_records(producer: (i64, i16), partitions: Range<i32>) -> ProduceRequest {
    let builder = BatchBuilder::new(Codec::None);
    let mut builder = builder.producer(producer.0, producer.1, 0).transactional();
    let batch = Bytes::from(builder.push_pair(1, None, Some(b"v")).build().unwrap());
    let partitions = partitions.map(|index| PartitionProduceData {
        index,
        records: Some(batch.clone()),
    });
    ProduceRequest {
        transactional_id: Some("x".into()),
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: "t".into(),
            partition_data: partitions.collect(),
            ..Default::default()
        }],
    }
}

/// The code of all partitions, where it is the same one.
fn code_of(response: &ProduceResponse) -> ErrorCode {
    let partitions = &response.responses[0].partition_responses;
    let code = partitions[0].error_code;
    for partition in partitions {
        assert_eq!(partition.error_code, code, "{partition:?}");
    }
    code
}

/// The markers of the last partitions wait for those of the first when the next record comes: there
/// are more than may be on their way, and the record is sent before the commit is answered, with
/// the epoch that it will give.
#[test]
fn and_its_records_are_taken() {
    let broker = Broker::start(&[("naru.shards", "2")]);
    create_topic(&broker.bootstrap(), "t", PARTITIONS, &[]);
    let (mut connection, mut producer) = first_producer(&broker);
    let last = PARTITIONS - 1;
    let mut to_begin = 0..PARTITIONS;
    for _ in 0..OVERLAPPING_TRANSACTIONS {
        let rest = first_records(producer, to_begin);
        until_ready(|| (code_of(&ask(&mut connection, PRODUCE, &rest)), ()));
        let next = (producer.0, producer.1 + 1);
        let record = first_records(next, last..PARTITIONS);
        let end = encode_request(&commit_of(producer), END_TXN, 1, None).unwrap();
        let early = encode_request(&record, PRODUCE, 2, None).unwrap();
        let both = [end.concat(), early.concat()].concat();
        connection.send(&both).unwrap();
        let mut answer = || Bytes::from([vec![0; 4], connection.receive().unwrap()].concat());
        let ended: EndTxnResponse = decode_response(answer(), END_TXN).unwrap().1;
        assert_eq!(ended.error_code, ErrorCode::None);
        assert_eq!((ended.producer_id, ended.producer_epoch), next);
        let taken: ProduceResponse = decode_response(answer(), PRODUCE).unwrap().1;
        let mut first = Some(code_of(&taken));
        until_ready(|| {
            // What still came too early is sent again, as by a client.
            let again = || code_of(&ask(&mut connection, PRODUCE, &record));
            (first.take().unwrap_or_else(again), ())
        });
        producer = next;
        to_begin = 0..last;
    }
}
