//! Where a fetch waits: until its partitions have `min.bytes`, or `max.wait.ms` are over.
//!
//! Every owner watches its own partitions; the first that has enough ends the wait, and
//! the others are told to stop watching.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use super::read::{ByOwner, Wanted};
use crate::partition::{Partition, Slot, WaitId};
use crate::shard::Shard;

type Wait = Pin<Box<dyn Future<Output = ()>>>;

/// Resolves when some owner has `bytes_min` to read in its partitions, or at `deadline`.
pub async fn wait(shard: &Rc<Shard>, owners: &ByOwner, bytes_min: u64, deadline: Instant) {
    let id = shard.remote_waits.new_id(shard.id);
    let mut waits: Vec<Wait> = Vec::with_capacity(owners.len());
    for (target, group) in owners {
        let wanted: Vec<Wanted> = group.iter().map(|(_, wanted)| *wanted).collect();
        if *target == shard.id {
            waits.push(Box::pin(watch(
                Rc::clone(shard),
                wanted,
                bytes_min,
                deadline,
            )));
        } else {
            waits.push(Box::pin(shard.mesh.call(shard, *target, move |there| {
                watch_for_other(Rc::clone(there), id, wanted, bytes_min, deadline)
            })));
        }
    }
    first_of(waits).await;
    for (target, _) in owners {
        if *target != shard.id {
            shard
                .mesh
                .tell(*target, move |there| there.remote_waits.call_off(id));
        }
    }
}

async fn watch_for_other(
    shard: Rc<Shard>,
    id: WaitId,
    wanted: Vec<Wanted>,
    bytes_min: u64,
    deadline: Instant,
) {
    let off = shard.remote_waits.enter(id);
    let enough: Wait = Box::pin(watch(Rc::clone(&shard), wanted, bytes_min, deadline));
    let called_off: Wait = Box::pin(async move { off.wait().await });
    first_of(vec![enough, called_off]).await;
    shard.remote_waits.call_off(id);
}

/// Watches partitions of this shard.
async fn watch(shard: Rc<Shard>, wanted: Vec<Wanted>, bytes_min: u64, deadline: Instant) {
    let partitions: Vec<(Rc<Partition>, i64)> = wanted
        .iter()
        .filter_map(|wanted| match shard.partitions.get(wanted.id) {
            Some(Slot::Online(partition)) => Some((partition, wanted.fetch_offset)),
            _ => None,
        })
        .collect();
    // While somebody reads at the end, what is written is flushed without further asking.
    let _readers: Vec<_> = partitions
        .iter()
        .map(|(partition, _)| partition.log.tail_reader())
        .collect();
    let enough = async {
        loop {
            let progress: Vec<_> = partitions
                .iter()
                .map(|(partition, _)| partition.log.progress())
                .collect();
            let readable: u64 = partitions
                .iter()
                .map(|(partition, from)| partition.log.readable_bytes(*from))
                .sum();
            if readable >= bytes_min {
                return;
            }
            first_of(progress).await;
        }
    };
    let remaining = deadline.saturating_duration_since(Instant::now());
    let _ = shard.io.timeout(remaining, enough).await;
}

/// Resolves with the first of several; the others are dropped.
async fn first_of<T, F: Future<Output = T> + Unpin>(mut futures: Vec<F>) -> Option<T> {
    if futures.is_empty() {
        std::future::pending::<()>().await;
    }
    poll_fn(|context| {
        for future in &mut futures {
            if let Poll::Ready(value) = Pin::new(future).poll(context) {
                return Poll::Ready(Some(value));
            }
        }
        Poll::Pending
    })
    .await
}
