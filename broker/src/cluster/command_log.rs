//! The seam between those who propose commands and what puts them in order and makes them durable.
//!
//! One node is a quorum of one ([`super::SingleNode`]). A Raft library takes this place when there
//! are more: it then owns the log's entries and calls `ClusterState::apply` on each member, and
//! proposers see no difference.

use super::command::Command;
use super::error::ClusterError;
use super::images::Images;
use super::state::{Outcome, Refusal};

/// Puts commands in order, makes them durable, and carries them out.
pub trait CommandLog: 'static {
    /// Has the commands carried out in this order, as one group, by the leader. The answer comes
    /// when all that were accepted are durable; the local image may still be an older one.
    fn propose(
        &self,
        commands: Vec<Command>,
    ) -> impl Future<Output = Result<Committed, ClusterError>>;

    /// Where every new state of this node is published, and which node leads.
    fn images(&self) -> Images;
}

/// What came of a group of commands.
#[derive(Debug, PartialEq, Eq)]
pub struct Committed {
    /// The index of the image in which the answers hold; whoever has it, or a later one, sees
    /// what was done and why the rest was refused.
    pub index: u64,
    /// One for each command.
    pub answers: Vec<Result<Outcome, Refusal>>,
}

/// A place in the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// The leader's term in which the entry was written. There are no elections in a quorum of
    /// one: its term is always [`EntryId::SINGLE_NODE_TERM`].
    pub term: u64,
    /// Counts entries, from 1.
    pub index: u64,
}

/// The term of a quorum of one, as clients are told it (a leader epoch).
pub const QUORUM_TERM: i32 = 1;

impl EntryId {
    pub const SINGLE_NODE_TERM: u64 = QUORUM_TERM as u64;

    /// Where the next entry of a quorum of one goes.
    pub fn next(self) -> Self {
        Self {
            term: Self::SINGLE_NODE_TERM,
            index: self.index + 1,
        }
    }
}
