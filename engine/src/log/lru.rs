//! A map that knows which of its entries was not used for the longest time.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

pub(super) struct Lru<K, V> {
    entries: BTreeMap<K, Entry<V>>,
    /// Every key by the turn in which it was used last.
    order: BTreeMap<u64, K>,
    /// Counts every use.
    turn: u64,
    weight: usize,
}

struct Entry<V> {
    value: V,
    weight: usize,
    used_in: u64,
}

impl<K: Ord + Copy, V> Lru<K, V> {
    pub fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            order: BTreeMap::new(),
            turn: 0,
            weight: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// What all entries weigh together.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// The number of the last use: what was used up to now was used in this turn or before.
    pub fn turn(&self) -> u64 {
        self.turn
    }

    /// The value without it being used.
    pub fn peek(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    pub fn get(&mut self, key: &K) -> Option<&V> {
        let entry = self.entries.get_mut(key)?;
        self.turn += 1;
        self.order.remove(&entry.used_in);
        self.order.insert(self.turn, *key);
        entry.used_in = self.turn;
        Some(&entry.value)
    }

    /// Puts a value there, in the place of an older one.
    pub fn insert(&mut self, key: K, value: V, weight: usize) {
        self.remove(&key);
        self.turn += 1;
        self.weight += weight;
        self.order.insert(self.turn, key);
        let used_in = self.turn;
        let entry = Entry {
            value,
            weight,
            used_in,
        };
        self.entries.insert(key, entry);
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.used_in);
        self.weight -= entry.weight;
        assert_eq!(self.entries.len(), self.order.len());
        Some(entry.value)
    }

    /// Takes out what was not used for the longest time.
    pub fn pop_oldest(&mut self) -> Option<(K, V)> {
        let key = *self.order.first_key_value()?.1;
        let value = self.remove(&key)?;
        Some((key, value))
    }

    /// Takes out what is in `keys` and was used last in `turn` or before.
    pub fn remove_unused(&mut self, keys: RangeInclusive<K>, turn: u64) {
        let unused = self.entries.range(keys).filter(|(_, e)| e.used_in <= turn);
        let unused: Vec<K> = unused.map(|(key, _)| *key).collect();
        for key in unused {
            self.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_the_longest_time_goes_first() {
        let mut lru = Lru::new();
        for key in 1..=4 {
            lru.insert(key, key * 10, key);
        }
        assert_eq!(lru.get(&1), Some(&10));
        assert_eq!(lru.peek(&2), Some(&20));
        lru.insert(3, 33, 7);
        assert_eq!((lru.len(), lru.weight()), (4, 1 + 2 + 7 + 4));
        assert_eq!(lru.pop_oldest(), Some((2, 20)));
        assert_eq!(lru.pop_oldest(), Some((4, 40)));
        assert_eq!(lru.pop_oldest(), Some((1, 10)));
        assert_eq!(lru.pop_oldest(), Some((3, 33)));
        assert_eq!(lru.pop_oldest(), None);
        assert_eq!((lru.len(), lru.weight()), (0, 0));
    }

    #[test]
    fn what_was_used_since_a_turn_stays() {
        let mut lru = Lru::new();
        for key in 1..=5 {
            lru.insert(key, (), 1);
        }
        let turn = lru.turn();
        lru.get(&2);
        lru.remove_unused(1..=3, turn);
        assert!(lru.peek(&2).is_some() && lru.peek(&4).is_some());
        assert!(lru.peek(&1).is_none() && lru.peek(&3).is_none());
        lru.remove_unused(0..=9, lru.turn());
        assert_eq!((lru.len(), lru.weight()), (0, 0));
    }
}
