//! The coordinators of transactional ids that a shard has: those of the partitions of
//! `__transaction_state` it owns; their time, and the way of their markers.

use std::rc::Rc;
use std::time::Duration;

use super::Shard;
use crate::cluster::{TRANSACTION_VERSION, TopicRef};
use crate::coordinator::transactions::{
    Delivery, MarkerToWrite, TRANSACTIONS_TOPIC, TransactionSlot,
};
use crate::partition::{Marker, MarkerError, Partition, PartitionId, TransactionResult, owner};
use crate::transaction::TransactionVersion;

impl Shard {
    /// The cluster's `transaction.version`.
    pub fn transaction_version(&self) -> TransactionVersion {
        TransactionVersion::from_level(self.image().features().level(TRANSACTION_VERSION))
    }

    fn transactions_partitions(&self) -> Vec<Rc<Partition>> {
        let online = self.partitions.online().into_iter();
        online.filter(|p| *p.topic == *TRANSACTIONS_TOPIC).collect()
    }

    /// Reads back the transactions of an earlier run, beside the shard's other work. Called once,
    /// before anything is served.
    pub(super) fn load_transactions(self: &Rc<Self>) {
        let shard = Rc::downgrade(self);
        self.transactions.deliver_by(Box::new(move |marker| {
            let shard = shard.upgrade();
            Box::pin(async move {
                match shard {
                    Some(shard) => shard.deliver_marker(marker).await,
                    None => Delivery::Later,
                }
            })
        }));
        let partitions = self.transactions_partitions();
        for partition in &partitions {
            let index = partition.id.index;
            self.transactions.begin_loading(index, Rc::clone(partition));
        }
        let shard = Rc::clone(self);
        self.io.spawn(async move {
            for partition in partitions {
                shard.load_transactions_of(partition).await;
            }
        });
    }

    async fn load_transactions_of(&self, partition: Rc<Partition>) {
        let index = partition.id.index;
        let config = &self.config.transactions;
        match TransactionSlot::load(&self.io, config, Rc::clone(&partition)).await {
            Ok(slot) => {
                let version = self.transaction_version();
                slot.transactions.borrow_mut().set_version(version);
                self.transactions.end_loading(index, slot);
            }
            Err(error) => {
                tracing::error!(
                    "{TRANSACTIONS_TOPIC}-{index} cannot be read, its transactional ids are not \
                     served: {error}"
                );
                self.transactions.fail_loading(index, &partition);
            }
        }
    }

    /// Seats coordinators for partitions that have just been made.
    pub(super) fn seat_transactions(&self) {
        for partition in self.transactions_partitions() {
            let index = partition.id.index;
            if !self.transactions.contains(index) && partition.is_new() {
                let slot = TransactionSlot::empty(&self.config.transactions, partition);
                self.transactions.insert(index, slot);
            }
        }
    }

    /// Brings a marker to its partition's owner. A topic that the cluster does not have any more
    /// needs none: its partitions were there when they were added, and images only move on.
    async fn deliver_marker(self: Rc<Self>, marker: MarkerToWrite) -> Delivery {
        let image = self.image();
        let index = marker.partition.index;
        let topic = image.topic(TopicRef::Name(&marker.partition.topic));
        let Some(topic) = topic.filter(|topic| topic.partition(index).is_some()) else {
            return Delivery::Done;
        };
        let id = PartitionId {
            topic_id: topic.id,
            index,
        };
        let written = Marker {
            producer_id: marker.producer.producer_id,
            producer_epoch: marker.producer.producer_epoch,
            coordinator_epoch: marker.coordinator_epoch,
            result: if marker.commits {
                TransactionResult::Commit
            } else {
                TransactionResult::Abort
            },
            transaction_version: marker.version.level() as i8,
        };
        let target = owner(topic.id, index, self.mesh.shards());
        let call = self
            .mesh
            .call(&self, target, move |there| there.write_marker(id, written));
        match call.await {
            Ok(()) => Delivery::Done,
            Err(MarkerError::Refused(refusal)) => {
                // A newer producer, or a newer coordinator, has ended the transaction there.
                tracing::warn!("{}-{index}: {refusal}", topic.name);
                Delivery::Done
            }
            Err(error) => {
                tracing::debug!("{}-{index} takes no marker yet: {error}", topic.name);
                Delivery::Later
            }
        }
    }

    /// Aborts what times out, and forgets what expires.
    pub(super) async fn keep_transactions(self: Rc<Self>) {
        let config = &self.config.transactions;
        let look = Duration::from_millis(config.abort_check_interval_ms.into());
        let expiry = Duration::from_millis(config.id_expiration_check_ms.into());
        let mut next_expiry = self.io.now() + expiry;
        loop {
            self.io.sleep(look.min(expiry)).await;
            for slot in self.transactions.all() {
                self.abort_timed_out(&slot).await;
            }
            if self.io.now() >= next_expiry {
                next_expiry = self.io.now() + expiry;
                for slot in self.transactions.all() {
                    self.expire_ids(&slot).await;
                }
            }
        }
    }

    async fn abort_timed_out(&self, slot: &Rc<TransactionSlot>) {
        let is_due = |slot: &TransactionSlot| {
            let transactions = slot.transactions.borrow();
            (
                transactions.is_due(self.transactions.now()),
                transactions.lacks_producer_id(),
            )
        };
        let (due, lacks) = is_due(slot);
        if !due {
            return;
        }
        if lacks {
            match self.next_producer_id().await {
                Ok(id) => slot.transactions.borrow_mut().give_producer_id(id),
                // Only a producer with exhausted epochs needs one; it waits for the next look.
                Err(error) => tracing::warn!("no producer id for timed out transactions: {error}"),
            }
        }
        let effects = {
            let mut transactions = slot.transactions.borrow_mut();
            transactions.set_version(self.transaction_version());
            transactions.tick(self.transactions.now())
        };
        self.transactions.carry_out(slot, effects);
        self.io.yield_now().await;
    }

    async fn expire_ids(&self, slot: &Rc<TransactionSlot>) {
        let mut from = None;
        loop {
            let now = self.transactions.now();
            let (effects, next) = {
                let mut transactions = slot.transactions.borrow_mut();
                transactions.expire(now, from.as_deref())
            };
            self.transactions.carry_out(slot, effects);
            if next.is_none() {
                return;
            }
            from = next;
            self.io.yield_now().await;
        }
    }
}
