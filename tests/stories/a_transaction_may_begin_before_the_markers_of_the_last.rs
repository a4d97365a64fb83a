//! A producer of `transaction.version` 2 goes on as soon as its transaction is decided. What it
//! writes next waits for the markers of that one, which come to the same partitions; they must not
//! take away what speaks for the new transaction.

use std::time::Instant;

use naru_wire::ErrorCode;
use naru_wire::api::end_txn::{EndTxnRequest, EndTxnResponse};
use naru_wire::api::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use naru_wire::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use naru_wire::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
    TxnOffsetCommitResponse,
};

use crate::harness::{Broker, Raw, WAIT_MAX, ask, create_topic};

const TRANSACTIONS: i64 = 100;

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

#[test]
fn and_its_offsets_are_taken() {
    let broker = Broker::start(&[("naru.shards", "2")]);
    create_topic(&broker.bootstrap(), "t", 1, &[]);
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
    let mut producer = until_ready(|| {
        let request = InitProducerIdRequest {
            transactional_id: Some("x".into()),
            transaction_timeout_ms: 60_000,
            ..Default::default()
        };
        let response: InitProducerIdResponse = ask(&mut connection, 5, &request);
        let producer = (response.producer_id, response.producer_epoch);
        (response.error_code, producer)
    });
    for offset in 0..TRANSACTIONS {
        until_ready(|| (commit_offset(&mut connection, producer, offset), ()));
        producer = until_ready(|| {
            let request = EndTxnRequest {
                transactional_id: "x".into(),
                producer_id: producer.0,
                producer_epoch: producer.1,
                committed: true,
            };
            let response: EndTxnResponse = ask(&mut connection, 5, &request);
            let next = (response.producer_id, response.producer_epoch);
            (response.error_code, next)
        });
    }
}
