//! Markers on their way to their partitions, on whichever shard those are.

use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::{TransactionCoordinators, TransactionSlot};
use crate::transaction::{Markers, ProducerIdAndEpoch, TopicPartition, TransactionVersion};

/// Markers of a shard that are under way at the same time.
pub(super) const MARKERS_UNDER_WAY_MAX: usize = 1024;

/// How long a partition is left alone that could not take its marker (Kafka's retry.backoff.ms).
const MARKER_RETRY_AFTER: Duration = Duration::from_millis(100);

/// A marker for one partition.
#[derive(Clone, Debug)]
pub struct MarkerToWrite {
    pub partition: TopicPartition,
    pub producer: ProducerIdAndEpoch,
    pub commits: bool,
    pub version: TransactionVersion,
    /// The leader epoch of the coordinator's own partition.
    pub coordinator_epoch: i32,
}

/// What became of a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is durable, or its partition is gone for good.
    Done,
    /// The partition cannot take it now.
    Later,
}

/// Brings a marker to its partition.
pub type Deliver = Box<dyn Fn(MarkerToWrite) -> Pin<Box<dyn Future<Output = Delivery>>>>;

impl TransactionCoordinators {
    /// Writes the markers of a transaction, all partitions at the same time.
    pub(super) fn write_markers(self: &Rc<Self>, slot: &Rc<TransactionSlot>, markers: Markers) {
        let coordinator_epoch = slot.partition.standing().leader_epoch;
        let (coordinators, slot) = (Rc::clone(self), Rc::downgrade(slot));
        self.io.spawn(async move {
            for partition in markers.partitions {
                let permit = coordinators.under_way.acquire(1).await;
                let marker = MarkerToWrite {
                    partition,
                    producer: markers.producer,
                    commits: markers.commits,
                    version: markers.version,
                    coordinator_epoch,
                };
                let id = markers.transactional_id.clone();
                let (coordinators, slot) = (Rc::clone(&coordinators), slot.clone());
                let io = coordinators.io.clone();
                io.spawn(async move {
                    let delivery = coordinators.deliver(marker.clone()).await;
                    drop(permit);
                    coordinators.after_first(slot, id, marker, delivery).await;
                });
            }
        });
    }

    /// Goes on until the marker is written: nobody else ends the transaction. The coordinator is
    /// not kept meanwhile; if it is gone, whoever has its log next writes the marker.
    async fn after_first(
        self: Rc<Self>,
        slot: Weak<TransactionSlot>,
        id: String,
        marker: MarkerToWrite,
        first: Delivery,
    ) {
        let mut delivery = first;
        while delivery == Delivery::Later {
            self.io.sleep(MARKER_RETRY_AFTER).await;
            if slot.strong_count() == 0 {
                return;
            }
            let _permit = self.under_way.acquire(1).await;
            delivery = self.deliver(marker.clone()).await;
        }
        if let Some(slot) = slot.upgrade() {
            let partition = &marker.partition;
            let effects = slot
                .transactions
                .borrow_mut()
                .marker_written(self.now(), &id, partition);
            self.carry_out(&slot, effects);
        }
    }

    async fn deliver(&self, marker: MarkerToWrite) -> Delivery {
        match self.deliver.get() {
            Some(deliver) => deliver(marker).await,
            None => unreachable!("a marker has no way to its partition"),
        }
    }
}
