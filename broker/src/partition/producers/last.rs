//! What compaction must leave of producers, so that a replay of the log knows them.

use super::Producers;

impl Producers {
    /// Of each producer its id, its epoch, and the last offset of its data.
    pub fn last_of_each(&self) -> impl Iterator<Item = (i64, i16, Option<i64>)> {
        let known = self.known.iter();
        known.map(|(&id, producer)| (id, producer.epoch, producer.last_data_offset))
    }
}
