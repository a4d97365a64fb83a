//! A member of a group.

use bytes::Bytes;

use super::Now;
use super::messages::JoinRequest;

/// How long a member that is new to a group waits for its first answer at the most (a constant in
/// Kafka too).
const NEW_MEMBER_JOIN_MS_MAX: i64 = 5 * 60_000;

pub(super) struct Member<R> {
    pub id: String,
    pub instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub session_timeout_ms: i32,
    pub rebalance_timeout_ms: i32,
    /// Names and metadata, the most wanted first.
    pub protocols: Vec<(String, Bytes)>,
    pub assignment: Bytes,
    /// Its JoinGroup waits for the others.
    pub joining: Option<R>,
    /// Its SyncGroup waits for the leader.
    pub syncing: Option<R>,
    /// It has synced in this generation.
    pub has_synced: bool,
    /// Without a sign of life until then it is removed, by the monotonic clock.
    session_deadline_ms: i64,
    /// It joined for the first time and has no answer yet: it waits until then. Whoever went away
    /// meanwhile and joined again got another id, and would stay in the group for as long as the
    /// others take (KAFKA-7610).
    new_until_ms: Option<i64>,
}

impl<R> Member<R> {
    pub fn new(id: String, request: &JoinRequest, now: Now) -> Self {
        let mut member = Self {
            id,
            instance_id: request.instance_id.clone(),
            client_id: request.client_id.clone(),
            client_host: request.client_host.clone(),
            session_timeout_ms: 0,
            rebalance_timeout_ms: 0,
            protocols: Vec::new(),
            assignment: Bytes::new(),
            joining: None,
            syncing: None,
            has_synced: false,
            session_deadline_ms: 0,
            new_until_ms: None,
        };
        member.update(request, now);
        member
    }

    /// Takes what a later JoinGroup says.
    pub fn update(&mut self, request: &JoinRequest, now: Now) {
        self.session_timeout_ms = request.session_timeout_ms;
        self.rebalance_timeout_ms = request.rebalance_timeout_ms;
        self.protocols.clone_from(&request.protocols);
        self.client_id.clone_from(&request.client_id);
        self.client_host.clone_from(&request.client_host);
        self.alive(now);
    }

    /// A sign of life.
    pub fn alive(&mut self, now: Now) {
        self.session_deadline_ms = now.steady_ms + i64::from(self.session_timeout_ms);
    }

    /// Joins for the first time, and has `reply` wait for the others.
    pub fn join_first(&mut self, reply: R, now: Now) {
        self.joining = Some(reply);
        self.new_until_ms = Some(now.steady_ms + NEW_MEMBER_JOIN_MS_MAX);
    }

    /// Takes the reply of a JoinGroup that ends now.
    pub fn take_joining(&mut self, now: Now) -> Option<R> {
        let reply = self.joining.take()?;
        self.new_until_ms = None;
        self.alive(now);
        Some(reply)
    }

    /// When it is removed if nothing is heard of it. Whoever waits for us is alive, but for new
    /// ones within a bound.
    pub fn deadline_ms(&self) -> Option<i64> {
        if self.joining.is_some() {
            return self.new_until_ms;
        }
        self.syncing.is_none().then_some(self.session_deadline_ms)
    }

    pub fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }

    pub fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|(name, _)| name == protocol);
        found.map_or_else(Bytes::new, |(_, metadata)| metadata.clone())
    }

    pub fn is_static(&self) -> bool {
        self.instance_id.is_some()
    }
}
