//! Who has which partition, what was processed of it, and what the group has committed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use uuid::Uuid;

/// A partition of a topic, which has another id when it is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    pub topic_id: Uuid,
    pub index: i32,
}

struct Hold {
    member: u64,
    epoch: i32,
    /// The coordinator may not take it away before, unless the member gives it back.
    until: Duration,
}

#[derive(Default)]
pub struct Accounts {
    members: u64,
    hands: BTreeMap<Part, Hold>,
    processed: BTreeMap<Part, BTreeSet<i64>>,
    /// The largest offset whose commit was answered.
    committed: BTreeMap<Part, i64>,
    pub counts: Counts,
}

/// How much happened: a run in which nothing did would prove nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub takes: u64,
    pub commits: u64,
    pub stale: u64,
    pub fenced: u64,
    pub mixed: u64,
}

impl Accounts {
    /// A new member's number.
    pub fn enter(&mut self) -> u64 {
        self.members += 1;
        self.members
    }

    /// A member begins with a partition, at `now`; its session lasts at least `until`.
    pub fn takes(&mut self, part: Part, member: u64, epoch: i32, now: Duration, until: Duration) {
        let hold = Hold {
            member,
            epoch,
            until,
        };
        self.counts.takes += 1;
        if let Some(other) = self.hands.insert(part, hold) {
            assert!(
                other.member == member || other.until <= now,
                "{part:?} is given to {member} at epoch {epoch}, and {} has it since epoch {} \
                 until {:?}; it is {now:?}",
                other.member,
                other.epoch,
                other.until
            );
        }
    }

    /// The session of a member lasts at least until then.
    pub fn lives(&mut self, member: u64, until: Duration) {
        let hands = self.hands.values_mut();
        hands
            .filter(|hold| hold.member == member)
            .for_each(|hold| hold.until = until);
    }

    pub fn gives_back(&mut self, part: Part, member: u64) {
        if self
            .hands
            .get(&part)
            .is_some_and(|hold| hold.member == member)
        {
            self.hands.remove(&part);
        }
    }

    /// It has nothing any more: it left, crashed, or was told that it is no member.
    pub fn gives_all_back(&mut self, member: u64) {
        self.hands.retain(|_, hold| hold.member != member);
    }

    pub fn processed(&mut self, part: Part, offsets: impl Iterator<Item = i64>) {
        self.processed.entry(part).or_default().extend(offsets);
    }

    pub fn committed(&mut self, part: Part, offset: i64) {
        self.counts.commits += 1;
        let committed = self.committed.entry(part).or_insert(-1);
        *committed = offset.max(*committed);
    }

    /// What was answered so far; -1 for nothing.
    pub fn committed_min(&self, part: Part) -> i64 {
        self.committed.get(&part).copied().unwrap_or(-1)
    }

    /// The group says that it is at `offset`; `least` was committed before it was asked.
    pub fn found(&self, part: Part, offset: i64, least: i64) {
        assert!(
            offset >= least,
            "{part:?}: the group is at {offset}, and had committed {least}"
        );
        let processed = self.processed.get(&part);
        let is_processed = |at: &i64| processed.is_some_and(|known| known.contains(at));
        let skipped = (0..offset).find(|at| !is_processed(at));
        assert_eq!(
            skipped, None,
            "{part:?}: the group is at {offset}, and nobody has processed this"
        );
    }

    pub fn are_processed(&self, part: Part, end: i64) -> bool {
        let processed = self.processed.get(&part);
        (0..end).all(|at| processed.is_some_and(|known| known.contains(&at)))
    }
}

impl Counts {
    pub fn has_everything(&self) -> bool {
        self.takes > 0 && self.commits > 0
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} partitions taken, {} commits, {} of them stale, {} times fenced, {} looks at a \
             mixed group",
            self.takes, self.commits, self.stale, self.fenced, self.mixed
        )
    }
}
