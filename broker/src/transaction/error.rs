//! What a coordinator answers instead of what was asked for; each is Kafka's error of that name.

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    #[error("the request contradicts itself")]
    InvalidRequest,
    #[error("the timeout is not positive, or above transaction.max.timeout.ms")]
    InvalidTransactionTimeout,
    #[error("another change of this transactional id is under way")]
    ConcurrentTransactions,
    #[error("the transactional id has another producer id, or none")]
    InvalidProducerIdMapping,
    #[error("a newer producer has this transactional id")]
    ProducerFenced,
    #[error("the transaction is in another state")]
    InvalidTxnState,
    #[error("the partition is not in the transaction")]
    TransactionAbortable,
    #[error("no such transactional id")]
    TransactionalIdNotFound,
    #[error("the coordinator could not finish its write to __transaction_state")]
    CoordinatorNotAvailable,
    #[error("the coordinator is reading its log")]
    CoordinatorLoadInProgress,
    #[error("another broker coordinates this transactional id")]
    NotCoordinator,
    #[error("there is no such partition")]
    UnknownTopicOrPartition,
    #[error("another partition of the request was refused")]
    OperationNotAttempted,
}
