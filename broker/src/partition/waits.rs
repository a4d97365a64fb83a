//! Fetches of other shards that wait for partitions of this one, so that they can be
//! called off when another owner was faster.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use naru_runtime::sync::Notify;

use super::ShardId;

/// The shard that waits, and its number for the wait.
pub type WaitId = (ShardId, u64);

#[derive(Default)]
pub struct RemoteWaits {
    next: Cell<u64>,
    waiting: RefCell<HashMap<WaitId, Rc<Notify>>>,
}

impl RemoteWaits {
    /// A number for a wait of this shard's on others.
    pub fn new_id(&self, own: ShardId) -> WaitId {
        let number = self.next.get();
        self.next.set(number + 1);
        (own, number)
    }

    /// Enters a wait of another shard's; it is notified when it is called off.
    pub fn enter(&self, id: WaitId) -> Rc<Notify> {
        let notify = Rc::new(Notify::new());
        self.waiting.borrow_mut().insert(id, Rc::clone(&notify));
        notify
    }

    /// Ends a wait, if it is still there.
    pub fn call_off(&self, id: WaitId) {
        if let Some(waiting) = self.waiting.borrow_mut().remove(&id) {
            waiting.notify_all();
        }
    }
}
