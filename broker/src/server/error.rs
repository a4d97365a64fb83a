//! Why a broker does not start.

use std::io;

use crate::cluster::StorageError;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot use the data directory {path} (log.dirs): {cause}")]
    DataDirectory { path: String, cause: io::Error },
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("cannot start the maintenance thread: {0}")]
    Maintenance(io::Error),
    #[error("cannot start the threads that check batches: {0}")]
    Validators(io::Error),
    #[error("cannot ignore SIGXFSZ: {0}")]
    Signals(io::Error),
    #[error("cannot start shard {shard}: {cause}")]
    Shard { shard: usize, cause: io::Error },
    #[error("cannot listen on {address} ({key}): {cause}")]
    Listen {
        key: &'static str,
        address: String,
        cause: io::Error,
    },
    #[error("cannot start the admin thread: {0}")]
    Admin(io::Error),
    #[error("the cluster refuses this broker: {0}")]
    Register(String),
}
