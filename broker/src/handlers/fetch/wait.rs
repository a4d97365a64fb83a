//! Where a fetch waits: until its partitions have `min.bytes`, or `max.wait.ms` are over.
//!
//! Every owner watches its own partitions and reports what they have together; the shard of
//! the connection adds it up, as `min.bytes` is of the request. Whatever ends the wait, the
//! other shards' watches are called off when it is dropped.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use naru_runtime::Task;

use super::read::{ByOwner, Group, PARTITIONS_PER_TURN};
use crate::partition::{Readable, Reports, ShardId, Watch, Watcher};
use crate::shard::Shard;

/// A wait that is under way.
pub struct Wait {
    shard: Rc<Shard>,
    number: u64,
    reports: Rc<Reports>,
    /// The other shards that watch for it.
    others: Vec<ShardId>,
    /// The watch of this shard's own partitions.
    _own: Option<Task<()>>,
}

impl Wait {
    pub fn begin(shard: &Rc<Shard>, owners: &ByOwner, bytes_min: u64) -> Self {
        let reports = Reports::new(bytes_min, owners.len());
        let number = shard.remote_waits.begin(&reports);
        let mut wait = Self {
            shard: Rc::clone(shard),
            number,
            reports,
            others: Vec::new(),
            _own: None,
        };
        for (at, (target, group)) in owners.iter().enumerate() {
            let group = Arc::clone(group);
            if *target == shard.id {
                let reports = Rc::clone(&wait.reports);
                let report = move |readable| reports.take(at, readable);
                let watching = watch(Rc::clone(shard), group, report);
                wait._own = Some(shard.io.spawn_task(watching));
                continue;
            }
            let home = shard.id;
            wait.others.push(*target);
            shard.mesh.tell(*target, move |there| {
                let shard = Rc::clone(there);
                let report = move |readable| {
                    let to = move |home: &Rc<Shard>| home.remote_waits.report(number, at, readable);
                    shard.mesh.tell(home, to);
                };
                let watching = watch(Rc::clone(there), group, report);
                let watching = there.io.spawn_task(watching);
                there.remote_waits.watch((home, number), watching);
            });
        }
        wait
    }

    /// Resolves when the owners have `bytes_min` together, one has something that waiting
    /// does not improve, or the broker is about to stop.
    pub async fn due(&self) {
        let mut due = pin!(self.reports.due());
        let mut draining = pin!(self.shard.connections.draining());
        poll_fn(|context| match due.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => draining.as_mut().poll(context),
        })
        .await;
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.shard.remote_waits.end(self.number);
        let id = (self.shard.id, self.number);
        for target in &self.others {
            let call_off = move |there: &Rc<Shard>| there.remote_waits.call_off(id);
            self.shard.mesh.tell(*target, call_off);
        }
    }
}

/// Watches partitions of this shard, and reports whenever they have more together.
async fn watch(shard: Rc<Shard>, group: Group, report: impl Fn(Readable)) {
    let watcher = Rc::new(Watcher::default());
    let mut watches: Vec<(Watch, u64)> = Vec::with_capacity(group.len());
    for (place, (_, wanted)) in group.iter().enumerate() {
        if place > 0 && place % PARTITIONS_PER_TURN == 0 {
            shard.io.yield_now().await;
        }
        let Ok(partition) = shard.leader(wanted.id, wanted.current_leader_epoch) else {
            // The next read tells why.
            return report(Readable::AnswerNow);
        };
        let bytes_max = wanted.bytes_max as u64;
        let isolation = wanted.isolation;
        let watch = partition.watch(wanted.fetch_offset, bytes_max, isolation, &watcher, place);
        watches.push((watch, 0));
    }
    let mut total = 0;
    let mut moved: Vec<usize> = (0..watches.len()).collect();
    loop {
        let before = total;
        for (at, place) in moved.into_iter().enumerate() {
            if at > 0 && at % PARTITIONS_PER_TURN == 0 {
                shard.io.yield_now().await;
            }
            let (watch, bytes) = &mut watches[place];
            match watch.readable().await {
                Readable::AnswerNow => return report(Readable::AnswerNow),
                Readable::Bytes(now) => {
                    total = total - *bytes + now;
                    *bytes = now;
                }
            }
        }
        if total > before {
            report(Readable::Bytes(total));
        }
        moved = watcher.moved().await;
    }
}
