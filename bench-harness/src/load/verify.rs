//! Whether every record came once, in order and whole: one tracker for each reader group, partition
//! and producer.

use std::collections::{BTreeMap, HashMap};

use crate::outcome::Verification;

/// Which records of one producer a partition has shown so far.
#[derive(Debug, Default)]
struct Tracker {
    /// One behind the largest number seen.
    next: u64,
    /// Numbers below `next` that have not been seen: first, one behind the last.
    missing: BTreeMap<u64, u64>,
    doubled: u64,
    reordered: u64,
}

impl Tracker {
    fn see(&mut self, sequence: u64) {
        if sequence >= self.next {
            if sequence > self.next {
                self.missing.insert(self.next, sequence);
            }
            self.next = sequence + 1;
            return;
        }
        let gap = self.missing.range(..=sequence).next_back();
        match gap.map(|(from, to)| (*from, *to)) {
            Some((from, to)) if sequence < to => {
                self.missing.remove(&from);
                if from < sequence {
                    self.missing.insert(from, sequence);
                }
                if sequence + 1 < to {
                    self.missing.insert(sequence + 1, to);
                }
                self.reordered += 1;
            }
            _ => self.doubled += 1,
        }
    }

    /// How many of the numbers from `from` up to `to` (exclusive) were not seen.
    fn unseen(&self, from: u64, to: u64) -> u64 {
        let overlap = |(low, high): (&u64, &u64)| (*high).min(to).saturating_sub((*low).max(from));
        let gaps: u64 = self.missing.range(..to).map(overlap).sum();
        gaps + to.saturating_sub(self.next.max(from))
    }
}

/// What one reader group saw of one partition.
#[derive(Debug, Default)]
pub(super) struct Seen {
    producers: HashMap<u32, Tracker>,
    pub checked: u64,
    pub damaged: u64,
}

/// Numbers that a producer gave to the records of a partition: `sent` from 0 on, without those that
/// were refused.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    pub count: u64,
    /// First, one behind the last.
    pub refused: Vec<(u64, u64)>,
}

impl Seen {
    pub(super) fn see(&mut self, producer: u32, sequence: u64) {
        self.producers.entry(producer).or_default().see(sequence);
    }

    /// What is to be said once everything has been read.
    pub(super) fn judge<'a>(&self, sent: impl Iterator<Item = (u32, &'a Sent)>) -> Verification {
        let mut judged = Verification {
            checked: self.checked,
            damaged: self.damaged,
            ..Default::default()
        };
        for tracker in self.producers.values() {
            judged.doubled += tracker.doubled;
            judged.reordered += tracker.reordered;
        }
        let nothing = Tracker::default();
        for (producer, sent) in sent {
            let tracker = self.producers.get(&producer).unwrap_or(&nothing);
            let refused = sent.refused.iter();
            let excused: u64 = refused.map(|(from, to)| tracker.unseen(*from, *to)).sum();
            judged.lost += tracker.unseen(0, sent.count) - excused;
        }
        // A damaged record cannot say which it is; it is missed under its number too.
        judged.lost = judged.lost.saturating_sub(self.damaged);
        judged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(sequences: &[u64], sent: Sent) -> Verification {
        let mut seen = Seen::default();
        sequences.iter().for_each(|sequence| seen.see(1, *sequence));
        seen.judge([(1, &sent)].into_iter())
    }

    fn sent(count: u64) -> Sent {
        Sent {
            count,
            refused: Vec::new(),
        }
    }

    #[test]
    fn what_came_in_order_is_clean() {
        assert!(judged(&[0, 1, 2, 3], sent(4)).is_clean());
    }

    #[test]
    fn what_never_came_is_lost_in_the_middle_and_at_the_end() {
        assert_eq!(judged(&[0, 2, 3], sent(6)).lost, 3);
        assert_eq!(judged(&[], sent(2)).lost, 2);
    }

    #[test]
    fn what_came_late_is_reordered_and_not_lost() {
        let judged = judged(&[0, 3, 1, 2, 4], sent(5));
        assert_eq!((judged.lost, judged.reordered, judged.doubled), (0, 2, 0));
    }

    #[test]
    fn what_came_again_is_doubled() {
        let judged = judged(&[0, 1, 1, 0, 2, 1], sent(3));
        assert_eq!((judged.lost, judged.reordered, judged.doubled), (0, 0, 3));
    }

    #[test]
    fn what_was_refused_is_not_missed_but_may_come() {
        let refused = |range| Sent {
            count: 6,
            refused: vec![range],
        };
        assert!(judged(&[0, 1, 4, 5], refused((2, 4))).is_clean());
        assert!(judged(&[0, 1, 2, 3, 4, 5], refused((2, 4))).is_clean());
        assert_eq!(judged(&[0, 1, 2, 3], refused((5, 6))).lost, 1);
    }

    #[test]
    fn a_damaged_record_is_counted_once() {
        let mut seen = Seen::default();
        seen.see(1, 0);
        seen.damaged += 1;
        seen.see(1, 2);
        let judged = seen.judge([(1, &sent(3))].into_iter());
        assert_eq!((judged.lost, judged.damaged), (0, 1));
    }

    proptest::proptest! {
        /// Against the plain set of what was seen.
        #[test]
        fn unseen_agrees_with_a_set(sequences in proptest::collection::vec(0u64..40, 0..60), from in 0u64..40, length in 0u64..40) {
            let mut tracker = Tracker::default();
            sequences.iter().for_each(|sequence| tracker.see(*sequence));
            let set: std::collections::HashSet<u64> = sequences.iter().copied().collect();
            let to = from + length;
            let expected = (from..to).filter(|number| !set.contains(number)).count() as u64;
            proptest::prop_assert_eq!(tracker.unseen(from, to), expected);
        }
    }
}
