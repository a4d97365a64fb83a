//! The groups of one partition of `__consumer_offsets`, and what comes out of an event.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

use super::consumer::{ConsumerConfig, ConsumerHeartbeatResponse, NoTopics, Topics};
use super::deadlines::Deadlines;
use super::messages::{FetchedOffset, JoinResponse, SyncResponse};
use super::offsets::{Committing, OpenTransactions, Producer, StableFetch};
use super::records::OffsetsRecord;
use super::state::Group;
use super::{GroupError, Now};

#[derive(Clone, Debug)]
pub struct GroupConfig {
    /// `group.min.session.timeout.ms` and `group.max.session.timeout.ms`
    pub session_timeout_ms_min: i32,
    pub session_timeout_ms_max: i32,
    /// `group.initial.rebalance.delay.ms`
    pub initial_rebalance_delay_ms: i32,
    /// `group.max.size`
    pub members_max: usize,
    /// `offsets.retention.minutes`, in ms
    pub offsets_retention_ms: i64,
    /// `offset.metadata.max.bytes`
    pub offset_metadata_bytes_max: usize,
    pub consumer: ConsumerConfig,
    /// Of groups that have settings of their own (KIP-848), what counts instead of `consumer`.
    pub own: Rc<BTreeMap<String, ConsumerConfig>>,
}

impl GroupConfig {
    pub(super) fn consumer_of(&self, group_id: &str) -> &ConsumerConfig {
        self.own.get(group_id).unwrap_or(&self.consumer)
    }
}

/// What is to be done now. `R` is whatever the driver answers by.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect<R> {
    Joined(R, JoinResponse),
    Synced(R, SyncResponse),
    /// One outcome for each offset of the request, in its order.
    Committed(R, Vec<Result<(), GroupError>>),
    Deleted(R, Result<(), GroupError>),
    Fetched(R, Vec<FetchedOffset>),
    /// One outcome for each partition of the request, in its order.
    OffsetsDeleted(R, Result<Vec<Result<(), GroupError>>, GroupError>),
    ConsumerHeartbeat(R, Result<ConsumerHeartbeatResponse, GroupError>),
    /// Search for the topics that match these, and tell [`Coordinator::resolved`].
    ResolveRegexes {
        group_id: String,
        regexes: Vec<String>,
    },
    /// Append these to the partition, and say how it went with `token`.
    Append {
        token: u64,
        records: Vec<OffsetsRecord>,
    },
    /// As [`Self::Append`], as a part of the producer's transaction.
    AppendInTransaction {
        token: u64,
        producer: Producer,
        records: Vec<OffsetsRecord>,
    },
}

/// What waits for an append.
pub(super) enum Waiting<R> {
    Assignment {
        group_id: String,
        generation: i32,
        assignments: HashMap<String, bytes::Bytes>,
    },
    Commit(Committing<R>),
    /// A static member that came back under a new id.
    Joined {
        reply: R,
        response: JoinResponse,
    },
    Deleted {
        reply: R,
    },
    OffsetsDeleted {
        reply: R,
        outcomes: Vec<Result<(), GroupError>>,
    },
    /// Records of a KIP-848 group, and the answers that wait for them.
    Consumer {
        group_id: String,
        answers: Vec<Effect<R>>,
        tombstones: Vec<OffsetsRecord>,
    },
    /// Nobody waits: the log follows what is so already.
    Nothing,
}

/// Characters of a client or instance id that a member id begins with.
const MEMBER_ID_PREFIX_MAX: usize = 255;

pub struct Coordinator<R> {
    pub(super) config: GroupConfig,
    /// In order, so that the same events have the same effects in the same order.
    pub(super) groups: BTreeMap<String, Group<R>>,
    pub(super) waiting: BTreeMap<u64, Waiting<R>>,
    pub(super) effects: Vec<Effect<R>>,
    pub(super) deadlines: Deadlines,
    pub(super) open_transactions: OpenTransactions,
    /// In the order in which they are answered.
    pub(super) stable_fetches: VecDeque<StableFetch<R>>,
    /// The cluster's topics, as far as KIP-848 groups need to know.
    pub(super) topics: Rc<dyn Topics>,
    /// Their version when there was last a new one.
    pub(super) new_topics_version: i64,
    next_token: u64,
    new_suffix: Box<dyn FnMut() -> String>,
    /// When offsets are looked at next, by the monotonic clock.
    pub(super) next_expiry_ms: i64,
    /// The last group that was looked at, while others are left.
    pub(super) expired_up_to: Option<String>,
}

impl<R> Coordinator<R> {
    /// `new_suffix` makes member ids unique; a random UUID does.
    pub fn new(config: GroupConfig, new_suffix: Box<dyn FnMut() -> String>) -> Self {
        Self {
            config,
            groups: BTreeMap::new(),
            waiting: BTreeMap::new(),
            effects: Vec::new(),
            deadlines: Deadlines::default(),
            open_transactions: OpenTransactions::default(),
            stable_fetches: VecDeque::new(),
            topics: Rc::new(NoTopics),
            new_topics_version: 0,
            next_token: 0,
            new_suffix,
            next_expiry_ms: 0,
            expired_up_to: None,
        }
    }

    /// What is so from here on: for a member from its next heartbeat on.
    pub fn take_config(&mut self, config: GroupConfig) {
        self.config = config;
    }

    pub(super) fn new_member_id(&mut self, prefix: &str) -> String {
        // Kept short, so that every record stays within what its lengths can say.
        let prefix: String = prefix.chars().take(MEMBER_ID_PREFIX_MAX).collect();
        format!("{prefix}-{}", (self.new_suffix)())
    }

    /// Something that nothing else is called.
    pub(super) fn new_suffix(&mut self) -> String {
        (self.new_suffix)()
    }

    /// Has records appended; `waiting` goes on when [`Self::appended`] is called.
    pub(super) fn append(&mut self, records: Vec<OffsetsRecord>, waiting: Waiting<R>) -> u64 {
        let token = self.wait_for_append(waiting);
        self.effects.push(Effect::Append { token, records });
        token
    }

    /// As [`Self::append`], as a part of a transaction.
    pub(super) fn append_in_transaction(
        &mut self,
        records: Vec<OffsetsRecord>,
        producer: Producer,
        waiting: Waiting<R>,
    ) {
        let token = self.wait_for_append(waiting);
        self.effects.push(Effect::AppendInTransaction {
            token,
            producer,
            records,
        });
    }

    fn wait_for_append(&mut self, waiting: Waiting<R>) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        self.waiting.insert(token, waiting);
        token
    }

    /// The token of the next append: those before it have smaller ones.
    pub(super) fn next_token(&self) -> u64 {
        self.next_token
    }

    pub(super) fn take_effects(&mut self) -> Vec<Effect<R>> {
        std::mem::take(&mut self.effects)
    }

    /// The records of an append are in the log, the first of them at `record_offset`, though not
    /// flushed yet. Comes before any later append, and before [`Self::appended`].
    pub fn placed(&mut self, token: u64, record_offset: i64) {
        if let Some(Waiting::Commit(commit)) = self.waiting.get_mut(&token) {
            commit.record_offset = Some(record_offset);
        }
    }

    /// Says how an append went.
    pub fn appended(
        &mut self,
        now: Now,
        token: u64,
        outcome: Result<(), GroupError>,
    ) -> Vec<Effect<R>> {
        match self.waiting.remove(&token) {
            Some(Waiting::Assignment {
                group_id,
                generation,
                assignments,
            }) => {
                self.assignment_appended(now, &group_id, generation, assignments, outcome);
                self.deadlines.enter(&group_id, &mut self.groups);
            }
            Some(Waiting::Commit(commit)) => self.commit_appended(commit, outcome),
            Some(Waiting::Joined { reply, response }) => {
                let response = match outcome {
                    Ok(()) => response,
                    Err(error) => JoinResponse::error(error, response.member_id),
                };
                self.effects.push(Effect::Joined(reply, response));
            }
            Some(Waiting::Deleted { reply }) => {
                self.effects.push(Effect::Deleted(reply, outcome));
            }
            Some(Waiting::OffsetsDeleted { reply, outcomes }) => {
                let outcome = outcome.map(|()| outcomes);
                self.effects.push(Effect::OffsetsDeleted(reply, outcome));
            }
            Some(Waiting::Consumer {
                group_id,
                answers,
                tombstones,
            }) => self.consumer_appended(token, &group_id, answers, tombstones, outcome),
            Some(Waiting::Nothing) | None => {}
        }
        self.answer_stable_fetches();
        self.take_effects()
    }
}

/// The partition of `__consumer_offsets` that a group belongs to: the absolute value of
/// Java's `String.hashCode` (0 where it has none), modulo the partitions, so that every
/// broker and tool agrees.
pub fn partition_for(group_id: &str, partitions: i32) -> i32 {
    let hash = group_id.encode_utf16().fold(0i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    });
    hash.checked_abs().unwrap_or(0) % partitions
}
