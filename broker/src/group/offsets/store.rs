//! The offsets of one group, by topic and partition.

use std::collections::BTreeMap;

use crate::group::messages::CommittedOffset;
use crate::lag::Rates;

/// An offset, and where the record is that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::group) struct StoredOffset {
    pub committed: CommittedOffset,
    /// In the partition of `__consumer_offsets`.
    pub record_offset: i64,
}

/// What a group has for one partition: never neither of the two.
#[derive(Default)]
struct Entry {
    committed: Option<StoredOffset>,
    /// Of open transactions, by producer id. Hardly ever more than one.
    pending: Vec<(i64, StoredOffset)>,
    /// How fast the committed offset moves.
    consumed: Rates,
}

impl Entry {
    fn is_empty(&self) -> bool {
        self.committed.is_none() && self.pending.is_empty()
    }

    /// Takes an offset, if no later record said something else.
    fn commit(&mut self, offset: StoredOffset) {
        let known = self.committed.as_ref();
        if known.is_none_or(|known| offset.record_offset > known.record_offset) {
            self.committed = Some(offset);
        }
    }
}

#[derive(Default)]
pub(in crate::group) struct Offsets {
    /// In order, so that answers and tombstones are.
    topics: BTreeMap<String, BTreeMap<i32, Entry>>,
}

impl Offsets {
    fn entry(&mut self, topic: &str, partition: i32) -> &mut Entry {
        if !self.topics.contains_key(topic) {
            self.topics.insert(topic.to_owned(), BTreeMap::new());
        }
        let Some(partitions) = self.topics.get_mut(topic) else {
            unreachable!("it was inserted");
        };
        partitions.entry(partition).or_default()
    }

    pub fn commit(&mut self, topic: &str, partition: i32, offset: StoredOffset) {
        self.entry(topic, partition).commit(offset);
    }

    /// Keeps an offset until the transaction of `producer_id` ends. A later one of the same
    /// transaction takes its place.
    pub fn hold(&mut self, topic: &str, partition: i32, producer_id: i64, offset: StoredOffset) {
        let pending = &mut self.entry(topic, partition).pending;
        match pending.iter_mut().find(|(id, _)| *id == producer_id) {
            Some((_, known)) if known.record_offset > offset.record_offset => {}
            Some((_, known)) => *known = offset,
            None => pending.push((producer_id, offset)),
        }
    }

    /// The transaction of `producer_id` has ended at `marker_offset`: what it wrote before that
    /// counts from now on, or never did. True if something of that producer stays: it came later.
    pub fn end_transaction(
        &mut self,
        topic: &str,
        partition: i32,
        producer_id: i64,
        marker_offset: i64,
        is_committed: bool,
    ) -> bool {
        let Some(partitions) = self.topics.get_mut(topic) else {
            return false;
        };
        let Some(entry) = partitions.get_mut(&partition) else {
            return false;
        };
        let at = entry.pending.iter().position(|(id, _)| *id == producer_id);
        let Some(at) = at else {
            return false;
        };
        if entry.pending[at].1.record_offset > marker_offset {
            return true;
        }
        let (_, offset) = entry.pending.swap_remove(at);
        if is_committed {
            entry.commit(offset);
        }
        self.drop_if_empty(topic, partition);
        false
    }

    fn drop_if_empty(&mut self, topic: &str, partition: i32) {
        if let Some(partitions) = self.topics.get_mut(topic) {
            if partitions.get(&partition).is_some_and(Entry::is_empty) {
                partitions.remove(&partition);
            }
            if partitions.is_empty() {
                self.topics.remove(topic);
            }
        }
    }

    /// A tombstone: true if there was anything.
    pub fn remove(&mut self, topic: &str, partition: i32) -> bool {
        let Some(partitions) = self.topics.get_mut(topic) else {
            return false;
        };
        let was_there = partitions.remove(&partition).is_some();
        if partitions.is_empty() {
            self.topics.remove(topic);
        }
        was_there
    }

    /// Removes what `is_gone` says of a topic and a committed offset, unless a transaction has
    /// something for the same partition; calls `removed` for each.
    pub fn remove_committed_if(
        &mut self,
        mut is_gone: impl FnMut(&str, &CommittedOffset) -> bool,
        mut removed: impl FnMut(&str, i32),
    ) {
        self.topics.retain(|topic, partitions| {
            partitions.retain(|partition, entry| {
                let goes = entry.pending.is_empty()
                    && entry
                        .committed
                        .as_ref()
                        .is_some_and(|stored| is_gone(topic, &stored.committed));
                if goes {
                    removed(topic, *partition);
                }
                !goes
            });
            !partitions.is_empty()
        });
    }

    pub fn get(&self, topic: &str, partition: i32) -> Option<&StoredOffset> {
        let entry = self.topics.get(topic)?.get(&partition)?;
        entry.committed.as_ref()
    }

    /// Whether an open transaction has an offset for the partition.
    pub fn is_pending(&self, topic: &str, partition: i32) -> bool {
        let entry = self.topics.get(topic).and_then(|p| p.get(&partition));
        entry.is_some_and(|entry| !entry.pending.is_empty())
    }

    /// What is committed, in order: topic, partition, offset.
    pub fn committed(&self) -> impl Iterator<Item = (&str, i32, &StoredOffset)> {
        self.topics.iter().flat_map(|(topic, partitions)| {
            partitions.iter().filter_map(move |(partition, entry)| {
                let stored = entry.committed.as_ref()?;
                Some((topic.as_str(), *partition, stored))
            })
        })
    }

    /// What is committed and how fast it moves, in order: topic, partition, offset, rates.
    pub fn moving(&self) -> impl Iterator<Item = (&str, i32, &CommittedOffset, Rates)> {
        self.topics.iter().flat_map(|(topic, partitions)| {
            partitions.iter().filter_map(move |(partition, entry)| {
                let committed = &entry.committed.as_ref()?.committed;
                Some((topic.as_str(), *partition, committed, entry.consumed))
            })
        })
    }

    /// Takes a sample of every committed offset.
    pub fn sample(&mut self, steady_ms: i64) {
        for entry in self.topics.values_mut().flat_map(BTreeMap::values_mut) {
            if let Some(stored) = &entry.committed {
                entry.consumed.sample(stored.committed.offset, steady_ms);
            }
        }
    }

    /// All that a tombstone would take away, in order.
    pub fn keys(&self) -> impl Iterator<Item = (&str, i32)> {
        self.topics.iter().flat_map(|(topic, partitions)| {
            partitions
                .keys()
                .map(move |partition| (topic.as_str(), *partition))
        })
    }

    /// The partitions of a topic for which something of that topic id is kept. What says no id is
    /// of any.
    pub fn partitions_of(&self, topic: &str, topic_id: uuid::Uuid) -> Vec<i32> {
        let is_of = |stored: &StoredOffset| stored.committed.is_of(topic_id);
        let partitions = self.topics.get(topic).into_iter().flatten();
        let found = partitions.filter(|(_, entry)| {
            entry.committed.as_ref().is_some_and(is_of)
                || entry.pending.iter().any(|(_, stored)| is_of(stored))
        });
        found.map(|(partition, _)| *partition).collect()
    }

    /// Neither a committed offset nor one of an open transaction.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }
}
