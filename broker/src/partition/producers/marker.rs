//! The marker that ends a transaction in a partition, as a coordinator asks for it.

use naru_record_batch::TransactionResult;

/// What WriteTxnMarkers says of one producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub coordinator_epoch: i32,
    pub result: TransactionResult,
    /// The version of the transaction (KIP-1228): from 2 on, the marker has an epoch of its own.
    pub transaction_version: i8,
}

/// Why a marker is not appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarkerRefusal {
    #[error("a marker of producer {producer_id} has epoch {epoch}, the producer has {current}")]
    InvalidProducerEpoch {
        producer_id: i64,
        epoch: i16,
        current: i16,
    },
    #[error(
        "a marker of producer {producer_id} is of coordinator epoch {epoch}, the last one was of \
         {current}"
    )]
    CoordinatorFenced {
        producer_id: i64,
        epoch: i32,
        current: i32,
    },
}
