//! Why a batch of a producer is refused.

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProducerError {
    #[error(
        "producer {producer_id} sent sequence {sequence}, where {expected} was expected: batches \
         are missing or too old to be known"
    )]
    OutOfOrderSequence {
        producer_id: i64,
        sequence: i32,
        expected: i32,
    },
    #[error("producer {producer_id} has epoch {epoch}, but epoch {current} was seen already")]
    InvalidProducerEpoch {
        producer_id: i64,
        epoch: i16,
        current: i16,
    },
    #[error("the batch of producer {producer_id} is not part of a transaction that is under way")]
    NotVerified { producer_id: i64 },
    #[error("producer {producer_id} sent a batch outside of its transaction, which is open")]
    OutsideTransaction { producer_id: i64 },
}
