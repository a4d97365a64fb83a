//! How an answer finds the request that waits for it.

use naru_runtime::sync::Sender;

use crate::group::{
    ConsumerHeartbeatResponse, Effect, FetchedOffset, GroupError, JoinResponse, SyncResponse,
};

/// Where an answer of the coordinator goes. Whoever asked may have gone away.
pub enum Reply {
    Join(Sender<JoinResponse>),
    Sync(Sender<SyncResponse>),
    Commit(Sender<Vec<Result<(), GroupError>>>),
    ConsumerHeartbeat(Sender<Result<ConsumerHeartbeatResponse, GroupError>>),
    Delete(Sender<Result<(), GroupError>>),
    Fetch(Sender<Vec<FetchedOffset>>),
    DeleteOffsets(Sender<Result<Vec<Result<(), GroupError>>, GroupError>>),
}

impl Reply {
    /// Delivers an effect that answers somebody; gives back one that does not.
    pub fn deliver(effect: Effect<Self>) -> Option<Effect<Self>> {
        match effect {
            Effect::Joined(Self::Join(reply), response) => drop(reply.send(response)),
            Effect::Synced(Self::Sync(reply), response) => drop(reply.send(response)),
            Effect::Committed(Self::Commit(reply), outcomes) => drop(reply.send(outcomes)),
            Effect::ConsumerHeartbeat(Self::ConsumerHeartbeat(reply), outcome) => {
                drop(reply.send(outcome));
            }
            Effect::Deleted(Self::Delete(reply), outcome) => drop(reply.send(outcome)),
            Effect::Fetched(Self::Fetch(reply), offsets) => drop(reply.send(offsets)),
            Effect::OffsetsDeleted(Self::DeleteOffsets(reply), outcomes) => {
                drop(reply.send(outcomes));
            }
            other => return Some(other),
        }
        None
    }
}
