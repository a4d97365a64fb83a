//! A member of a group.

use bytes::Bytes;

use super::messages::JoinRequest;

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
    /// Without a sign of life until then it is removed.
    pub session_deadline_ms: i64,
}

impl<R> Member<R> {
    pub fn new(id: String, request: &JoinRequest, now_ms: i64) -> Self {
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
        };
        member.update(request, now_ms);
        member
    }

    /// Takes what a later JoinGroup says.
    pub fn update(&mut self, request: &JoinRequest, now_ms: i64) {
        self.session_timeout_ms = request.session_timeout_ms;
        self.rebalance_timeout_ms = request.rebalance_timeout_ms;
        self.protocols.clone_from(&request.protocols);
        self.client_id.clone_from(&request.client_id);
        self.client_host.clone_from(&request.client_host);
        self.alive(now_ms);
    }

    /// A sign of life.
    pub fn alive(&mut self, now_ms: i64) {
        self.session_deadline_ms = now_ms + i64::from(self.session_timeout_ms);
    }

    /// Who waits for us is alive, whatever the time.
    pub fn is_waiting(&self) -> bool {
        self.joining.is_some() || self.syncing.is_some()
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
