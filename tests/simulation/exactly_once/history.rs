//! What clients asked and were answered, and what follows from it for whoever reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use super::clients::outputs;
use crate::ledger::Mark;

/// A partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub topic: &'static str,
    pub partition: i32,
}

/// A producer id with its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    pub producer_id: i64,
    pub epoch: i16,
}

/// What a client knows of its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody asked for its commit, or that was refused: it can only be aborted.
    Never,
    /// Its commit was asked for, and whether it came to it is not known.
    Unknown,
    /// Its commit was answered.
    Committed,
}

pub struct Transaction {
    pub outcome: Outcome,
    /// The records of each partition in their order, with their offsets where those were told.
    pub records: BTreeMap<Place, Vec<(Mark, Option<i64>)>>,
    /// The input that it stands for: a partition and its offsets.
    pub consumed: Option<(i32, Range<i64>)>,
}

/// An id was taken by a client.
struct Fence {
    at: Duration,
    identity: Identity,
}

/// What consumers of committed records see of each partition: where it starts, and its records with
/// their offsets.
pub type Visible = BTreeMap<Place, (i64, Vec<(i64, Mark)>)>;

#[derive(Default)]
pub struct History {
    /// A record's mark has the transaction's number as its producer.
    pub transactions: Vec<Transaction>,
    fences: BTreeMap<String, Vec<Fence>>,
    /// Which client was given an identity.
    owners: BTreeMap<Identity, u64>,
    clients: u64,
    /// How far records were asked to be deleted.
    trimmed: BTreeMap<Place, i64>,
    pub counts: Counts,
}

/// How much happened: a run in which nothing did would prove nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub committed: u64,
    pub never: u64,
    pub unknown: u64,
    pub fenced: u64,
    pub trims: u64,
}

impl Counts {
    pub fn has_everything(&self) -> bool {
        self.committed > 0 && self.never > 0 && self.fenced > 0 && self.trims > 0
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} transactions committed, {} not, {} unknown, {} times fenced, {} deletions",
            self.committed, self.never, self.unknown, self.fenced, self.trims
        )
    }
}

impl History {
    /// A new client's number.
    pub fn enter(&mut self) -> u64 {
        self.clients += 1;
        self.clients
    }

    /// A client was answered at `at` that the id is its.
    pub fn took(&mut self, id: &str, client: u64, identity: Identity, at: Duration) {
        let owner = *self.owners.entry(identity).or_insert(client);
        assert_eq!(
            owner, client,
            "{identity:?} of {id} was given to two clients"
        );
        let fences = self.fences.entry(id.to_owned()).or_default();
        fences.push(Fence { at, identity });
    }

    /// What `identity` asked for at `asked_at` under `id` was done: it was not fenced by then.
    pub fn was_served(&self, id: &str, identity: Identity, asked_at: Duration, what: &str) {
        let fences = self.fences.get(id).into_iter().flatten();
        for fence in fences {
            let is_newer = fence.identity.producer_id == identity.producer_id
                && fence.identity.epoch > identity.epoch;
            assert!(
                fence.at > asked_at || !is_newer,
                "{what} of {identity:?} was served though {:?} had {id} by then",
                fence.identity
            );
        }
    }

    pub fn begin(&mut self) -> u64 {
        self.transactions.push(Transaction {
            outcome: Outcome::Never,
            records: BTreeMap::new(),
            consumed: None,
        });
        self.transactions.len() as u64 - 1
    }

    /// Which input of `partition` the record stands for, if it is one of such.
    pub fn input_of(&self, place: Place, mark: Mark, partition: i32) -> Option<i64> {
        let transaction = &self.transactions[mark.producer as usize];
        let (of, inputs) = transaction.consumed.clone()?;
        let mut inputs = inputs.filter(|input| outputs(*input).contains(&place));
        let input = inputs.nth(mark.sequence as usize);
        input.filter(|_| of == partition)
    }

    pub fn counts(&self) -> Counts {
        let of = |outcome| {
            let all = self.transactions.iter();
            all.filter(|one| one.outcome == outcome).count() as u64
        };
        Counts {
            committed: of(Outcome::Committed),
            never: of(Outcome::Never),
            unknown: of(Outcome::Unknown),
            ..self.counts
        }
    }

    pub fn transaction(&mut self, number: u64) -> &mut Transaction {
        &mut self.transactions[number as usize]
    }

    pub fn trims(&mut self, place: Place, offset: i64) {
        let trimmed = self.trimmed.entry(place).or_insert(0);
        *trimmed = offset.max(*trimmed);
    }

    /// Records below it may be gone.
    pub fn trimmed(&self, place: Place) -> i64 {
        self.trimmed.get(&place).copied().unwrap_or(0)
    }

    /// A consumer of committed records is given this one.
    pub fn saw_committed(&self, place: Place, mark: Mark) {
        let transaction = &self.transactions[mark.producer as usize];
        assert_ne!(
            transaction.outcome,
            Outcome::Never,
            "{mark:?} is seen in {place:?}, and nobody asked for its commit"
        );
        assert!(
            transaction.records.contains_key(&place),
            "{mark:?} is in another partition"
        );
    }

    /// Holds what a consumer of committed records sees in all partitions to what clients know.
    /// Below its start, which is given with it, a partition has nothing.
    pub fn check(&self, seen: &Visible) {
        for (place, (_, records)) in seen {
            let marks: BTreeSet<Mark> = records.iter().map(|(_, mark)| *mark).collect();
            assert_eq!(marks.len(), records.len(), "duplicates in {place:?}");
            records
                .iter()
                .for_each(|(_, mark)| self.saw_committed(*place, *mark));
        }
        for (number, transaction) in self.transactions.iter().enumerate() {
            self.check_transaction(number as u64, transaction, seen);
        }
    }

    fn check_transaction(&self, number: u64, transaction: &Transaction, seen: &Visible) {
        let mut is_there = None;
        for (place, sent) in &transaction.records {
            let (start, records) = &seen[place];
            let found: Vec<(i64, Mark)> = records
                .iter()
                .filter(|(_, mark)| mark.producer == number)
                .copied()
                .collect();
            // What may have been deleted proves nothing.
            let lives = |at: &Option<i64>| match at {
                Some(at) => at >= start,
                None => *start == 0,
            };
            let due: Vec<Mark> = sent
                .iter()
                .filter(|(_, at)| lives(at))
                .map(|(mark, _)| *mark)
                .collect();
            let marks: Vec<Mark> = found.iter().map(|(_, mark)| *mark).collect();
            let is_whole = marks.ends_with(&due) && (*start > 0 || marks.len() == due.len());
            let is_nothing = marks.is_empty();
            let story = || {
                format!(
                    "transaction {number} is {:?}; of {sent:?} in {place:?}, which starts at \
                     {start}, {found:?} is seen",
                    transaction.outcome
                )
            };
            match transaction.outcome {
                Outcome::Committed => assert!(is_whole, "{}", story()),
                Outcome::Never => assert!(is_nothing, "{}", story()),
                Outcome::Unknown => {
                    assert!(is_whole || is_nothing, "{}", story());
                    if !due.is_empty() {
                        let earlier = is_there.replace(is_whole);
                        let is_torn = earlier.is_some_and(|earlier| earlier != is_whole);
                        assert!(!is_torn, "{}, and it is torn", story());
                    }
                }
            }
            if is_whole {
                let offsets = sent.iter().filter_map(|(mark, at)| Some((*mark, (*at)?)));
                for (mark, at) in offsets.filter(|(_, at)| at >= start) {
                    let is_at = found.contains(&(at, mark));
                    assert!(
                        is_at || transaction.outcome != Outcome::Committed,
                        "{mark:?} was to be at {at}: {}",
                        story()
                    );
                }
            }
        }
    }
}
