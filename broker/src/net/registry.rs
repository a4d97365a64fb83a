//! The connections of one shard: counted, swept for idle and stalled ones, drained at the
//! end.
//!
//! Only a peer is called stalled, never the broker: while a connection waits for memory,
//! for the disk or for a check, nobody waits for the peer.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use naru_runtime::sync::Notify;
use naru_runtime::{Counter, Socket};
use slab::Slab;

use super::outbox::Outbox;
use super::service::Peer;
use crate::memory::Shortage;

/// What the sweep looks at.
pub struct Activity {
    socket: Socket,
    address: SocketAddr,
    listener: usize,
    opened: Instant,
    outbox: Rc<Outbox>,
    last_progress: Cell<Instant>,
    /// A request has arrived, be it in part, and the next one is not waited for yet.
    is_busy: Cell<bool>,
    /// Set while the broker works on a request that the next ones wait for.
    is_working: Cell<bool>,
    /// Since when more bytes are waited for.
    receiving_since: Cell<Option<Instant>>,
    /// Memory of the budget is held for what has come of a frame.
    holds_memory: Cell<bool>,
}

impl Activity {
    pub fn progress(&self, now: Instant) {
        self.last_progress.set(now);
    }

    pub fn set_busy(&self, is_busy: bool) {
        self.is_busy.set(is_busy);
    }

    pub fn set_working(&self, is_working: bool) {
        self.is_working.set(is_working);
    }

    /// The peer is waited for from now on; `holds_memory` says whether that costs any.
    pub fn start_receiving(&self, now: Instant, holds_memory: bool) {
        self.receiving_since.set(Some(now));
        self.holds_memory.set(holds_memory);
    }

    pub fn end_receiving(&self, now: Instant) {
        self.receiving_since.set(None);
        self.progress(now);
    }

    /// Whether nothing is under way: no request, and no answer that is not sent.
    fn is_at_rest(&self) -> bool {
        !self.is_busy.get() && !self.is_working.get() && self.outbox.is_empty()
    }

    /// Whether the peer owes the broker something: nothing that it asked for is missing.
    fn waits_for_peer(&self) -> bool {
        let owes_nothing = self.outbox.is_empty() && !self.is_working.get();
        self.outbox.sending_since().is_some()
            || (owes_nothing && self.receiving_since.get().is_some())
    }

    /// Whether the peer keeps memory that somebody waits for, and does nothing.
    fn stalls(&self, now: Instant, stall_max: Duration, shortage: Shortage) -> bool {
        let is_long = |since: Instant| now.saturating_duration_since(since) >= stall_max;
        let unread = self.outbox.sending_since();
        if shortage.is_any() && unread.is_some_and(is_long) {
            return true;
        }
        let unsent = self
            .receiving_since
            .get()
            .filter(|_| self.outbox.is_empty());
        shortage.of_frames && self.holds_memory.get() && unsent.is_some_and(is_long)
    }
}

#[derive(Default)]
pub struct Connections {
    open: RefCell<Slab<Rc<Activity>>>,
    /// Since the start, also of those that are closed.
    pub accepted: Counter,
    pub received_bytes: Counter,
    pub sent_bytes: Counter,
    is_draining: Cell<bool>,
    drain: Notify,
    closed: Notify,
}

impl Connections {
    pub fn len(&self) -> usize {
        self.open.borrow().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn is_draining(&self) -> bool {
        self.is_draining.get()
    }

    /// Resolves when the broker is about to stop: what waits for something to happen is to
    /// be answered.
    pub async fn draining(&self) {
        while !self.is_draining.get() {
            self.drain.wait().await;
        }
    }

    /// Enters a connection; it leaves when the guard is dropped.
    pub fn enter(
        self: &Rc<Self>,
        socket: Socket,
        peer: &Peer,
        outbox: Rc<Outbox>,
        now: Instant,
    ) -> Entered {
        let activity = Rc::new(Activity {
            socket,
            address: peer.address,
            listener: peer.listener,
            opened: now,
            outbox,
            last_progress: Cell::new(now),
            is_busy: Cell::new(false),
            is_working: Cell::new(false),
            receiving_since: Cell::new(None),
            holds_memory: Cell::new(false),
        });
        let key = self.open.borrow_mut().insert(Rc::clone(&activity));
        self.accepted.add(1);
        Entered {
            connections: Rc::clone(self),
            key,
            activity,
        }
    }

    /// At most `limit` of them, in the order of their slots, those after `after` or from the first.
    pub fn report(&self, after: Option<usize>, limit: usize, now: Instant) -> Vec<OpenConnection> {
        let open = self.open.borrow();
        let listed = open
            .iter()
            .filter(|(slot, _)| after.is_none_or(|after| *slot > after));
        let described = listed.take(limit).map(|(slot, activity)| OpenConnection {
            slot,
            address: activity.address,
            listener: activity.listener,
            age: now.saturating_duration_since(activity.opened),
            idle: now.saturating_duration_since(activity.last_progress.get()),
            is_busy: !activity.is_at_rest(),
        });
        described.collect()
    }

    /// Closes what has been idle for `idle_max`, and, while memory is short, what holds
    /// memory and has made no progress for `stall_max`. Returns how many of either.
    pub fn sweep(
        &self,
        now: Instant,
        idle_max: Duration,
        stall_max: Duration,
        shortage: Shortage,
    ) -> Swept {
        let mut swept = Swept::default();
        for (_, activity) in self.open.borrow().iter() {
            let quiet = now.saturating_duration_since(activity.last_progress.get());
            if activity.stalls(now, stall_max, shortage) {
                swept.stalled += 1;
            } else if quiet >= idle_max && activity.waits_for_peer() {
                swept.idle += 1;
            } else {
                continue;
            }
            activity.socket.shutdown();
        }
        swept
    }

    /// Closes those that wait for a request; those with one under way finish it first.
    pub fn start_draining(&self) {
        self.is_draining.set(true);
        self.drain.notify_all();
        for (_, activity) in self.open.borrow().iter() {
            self.close_at_rest(activity);
        }
    }

    /// An answer of a connection was sent. While the broker drains, its last one is.
    pub fn answered(&self, activity: &Activity) {
        if self.is_draining.get() {
            self.close_at_rest(activity);
        }
    }

    fn close_at_rest(&self, activity: &Activity) {
        if activity.is_at_rest() {
            activity.socket.shutdown();
        }
    }

    pub fn shutdown_all(&self) {
        for (_, activity) in self.open.borrow().iter() {
            activity.socket.shutdown();
        }
    }

    pub async fn all_closed(&self) {
        while !self.is_empty() {
            self.closed.wait().await;
        }
    }
}

/// A connection at one moment; plain data, for other threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenConnection {
    /// Its place among the shard's, which is free again when it is closed.
    pub slot: usize,
    pub address: SocketAddr,
    /// An index into the configured listeners.
    pub listener: usize,
    pub age: Duration,
    /// Since when nothing was received or sent.
    pub idle: Duration,
    /// A request or an answer is under way.
    pub is_busy: bool,
}

/// How many connections a sweep closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub idle: usize,
    pub stalled: usize,
}

pub struct Entered {
    connections: Rc<Connections>,
    key: usize,
    pub activity: Rc<Activity>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.connections.open.borrow_mut().remove(self.key);
        self.connections.closed.notify_all();
    }
}
