//! Whether every record came once, in order and whole: one tracker for each reader group, partition
//! and producer.

use std::collections::{BTreeMap, HashMap};

use crate::outcome::Verification;

/// Which records of one producer a partition has shown so far.
#[derive(Debug, Default)]
struct Tracker {
    /// One more than the largest number seen.
    next: u64,
    /// Numbers below `next` that have not been seen: first, one after the last.
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
    /// Meant for another topic or partition.
    pub misplaced: u64,
    /// Whose timestamp is not the one they were sent with.
    pub mistimed: u64,
    /// Stamped by another run.
    pub foreign: u64,
}

/// Numbers that a producer gave to the records of a partition: `sent` from 0 on, without those that
/// were refused.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    pub count: u64,
    /// First, one after the last.
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
            misplaced: self.misplaced,
            mistimed: self.mistimed,
            foreign: self.foreign,
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

impl Sent {
    /// How many were sent and not refused: acknowledged, unless acks is 0.
    fn accepted(&self) -> u64 {
        let refused = self.refused.iter().map(|(from, to)| to - from).sum::<u64>();
        self.count - refused
    }
}

/// Holds the offsets that a partition has grown by against what was acknowledged there, whether its
/// records are read back or not. A refused batch may have been kept, so it may account for a
/// surplus.
pub(super) fn judge_end<'a>(grown: u64, sent: impl Iterator<Item = &'a Sent>) -> Verification {
    let (mut accepted, mut refused) = (0, 0);
    for sent in sent {
        accepted += sent.accepted();
        refused += sent.count - sent.accepted();
    }
    Verification {
        short: accepted.saturating_sub(grown),
        surplus: grown.saturating_sub(accepted + refused),
        ..Default::default()
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
    fn the_end_of_a_partition_has_room_for_what_was_acknowledged_and_no_more() {
        let refused = Sent {
            count: 6,
            refused: vec![(2, 4)],
        };
        let judged = |grown, sent: &[Sent]| {
            let judged = judge_end(grown, sent.iter());
            (judged.short, judged.surplus)
        };
        assert_eq!(judged(10, &[sent(4), sent(6)]), (0, 0));
        assert_eq!(judged(9, &[sent(4), sent(6)]), (1, 0));
        assert_eq!(judged(12, &[sent(4), sent(6)]), (0, 2));
        for kept in 4..=6 {
            assert_eq!(judged(kept, std::slice::from_ref(&refused)), (0, 0));
        }
        assert_eq!(judged(3, std::slice::from_ref(&refused)), (1, 0));
        assert_eq!(judged(7, std::slice::from_ref(&refused)), (0, 1));
        assert!(!judge_end(9, [sent(10)].iter()).is_clean());
    }

    #[test]
    fn a_record_in_the_wrong_place_is_missed_in_the_right_one() {
        let mut seen = Seen::default();
        seen.see(1, 0);
        seen.misplaced += 1;
        let judged = seen.judge([(1, &sent(2))].into_iter());
        assert_eq!((judged.lost, judged.misplaced), (1, 1));
        assert!(!judged.is_clean());
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
