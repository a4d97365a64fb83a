//! The connections of one shard: counted, swept for idle and stalled ones, drained at the
//! end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use naru_runtime::Socket;
use naru_runtime::sync::Notify;
use slab::Slab;

/// What the sweep looks at.
pub struct Activity {
    socket: Socket,
    last_progress: Cell<Instant>,
    /// A request has arrived in part, or an answer is waited for or being sent.
    is_busy: Cell<bool>,
    /// Memory of the budget is held for it.
    holds_memory: Cell<bool>,
    /// Set while the broker works on a request: then the peer is not the one who stalls.
    is_working: Cell<bool>,
}

impl Activity {
    pub fn progress(&self) {
        self.last_progress.set(Instant::now());
    }

    pub fn set_busy(&self, is_busy: bool, holds_memory: bool) {
        self.is_busy.set(is_busy);
        self.holds_memory.set(holds_memory);
    }

    pub fn set_working(&self, is_working: bool) {
        self.is_working.set(is_working);
    }
}

#[derive(Default)]
pub struct Connections {
    open: RefCell<Slab<Rc<Activity>>>,
    is_draining: Cell<bool>,
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

    /// Enters a connection; it leaves when the guard is dropped.
    pub fn enter(self: &Rc<Self>, socket: Socket) -> Entered {
        let activity = Rc::new(Activity {
            socket,
            last_progress: Cell::new(Instant::now()),
            is_busy: Cell::new(false),
            holds_memory: Cell::new(false),
            is_working: Cell::new(false),
        });
        let key = self.open.borrow_mut().insert(Rc::clone(&activity));
        Entered {
            connections: Rc::clone(self),
            key,
            activity,
        }
    }

    /// Closes what has been idle for `idle_max`, and, while memory is short, what holds
    /// memory and has made no progress for `stall_max`. Returns how many were closed.
    pub fn sweep(&self, idle_max: Duration, stall_max: Duration, is_memory_short: bool) -> usize {
        let now = Instant::now();
        let mut closed = 0;
        for (_, activity) in self.open.borrow().iter() {
            if activity.is_working.get() {
                continue;
            }
            let quiet = now.saturating_duration_since(activity.last_progress.get());
            let stalls = is_memory_short && activity.holds_memory.get() && quiet >= stall_max;
            if quiet >= idle_max || stalls {
                activity.socket.shutdown();
                closed += 1;
            }
        }
        closed
    }

    /// Closes those that wait for a request; those with one under way finish it first.
    pub fn start_draining(&self) {
        self.is_draining.set(true);
        for (_, activity) in self.open.borrow().iter() {
            if !activity.is_busy.get() && !activity.is_working.get() {
                activity.socket.shutdown();
            }
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
