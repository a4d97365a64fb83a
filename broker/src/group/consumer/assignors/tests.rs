//! Assignors: what holds for every group, and some groups in full.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::{Assignor, MemberSpec, Spec};
use crate::group::records::consumer::Partitions;

fn topic(number: u64) -> Uuid {
    Uuid::from_u64_pair(0, number)
}

/// A group as a test makes it: counts of topics' partitions, and for each member its topics.
#[derive(Clone, Debug)]
struct Case {
    topics: Vec<i32>,
    members: Vec<BTreeSet<usize>>,
    targets: BTreeMap<String, Partitions>,
}

fn id(member: usize) -> String {
    format!("m{member:03}")
}

impl Case {
    fn new(topics: &[i32], members: &[&[usize]]) -> Self {
        Self {
            topics: topics.to_vec(),
            members: members
                .iter()
                .map(|m| m.iter().copied().collect())
                .collect(),
            targets: BTreeMap::new(),
        }
    }

    fn assign(&self, assignor: Assignor) -> BTreeMap<String, Partitions> {
        let nothing = Partitions::new();
        let ids: Vec<String> = (0..self.members.len()).map(id).collect();
        let members = ids.iter().zip(&self.members).map(|(id, topics)| {
            let spec = MemberSpec {
                instance_id: None,
                topics: topics.iter().map(|t| topic(*t as u64)).collect(),
                target: self.targets.get(id).unwrap_or(&nothing),
            };
            (id.as_str(), spec)
        });
        let used: BTreeSet<usize> = self.members.iter().flatten().copied().collect();
        let topics = used.into_iter().map(|t| (topic(t as u64), self.topics[t]));
        let spec = Spec {
            members: members.collect(),
            topics: topics.collect(),
        };
        assignor.assign(&spec)
    }

    /// Every partition that anybody is subscribed to is one member's who is.
    fn check(&self, assignment: &BTreeMap<String, Partitions>) {
        let mut given = BTreeSet::new();
        for (number, topics) in self.members.iter().enumerate() {
            for (of, indexes) in &assignment[&id(number)] {
                assert!(topics.iter().any(|t| topic(*t as u64) == *of));
                for index in indexes {
                    assert!(given.insert((*of, *index)), "{of} {index} is given twice");
                }
            }
        }
        let used: BTreeSet<usize> = self.members.iter().flatten().copied().collect();
        let all: i32 = used.iter().map(|t| self.topics[*t]).sum();
        assert_eq!(given.len(), usize::try_from(all).unwrap());
    }
}

fn size(partitions: &Partitions) -> usize {
    partitions.values().map(BTreeSet::len).sum()
}

fn sizes(assignment: &BTreeMap<String, Partitions>) -> Vec<usize> {
    assignment.values().map(size).collect()
}

fn kept(before: &BTreeMap<String, Partitions>, after: &BTreeMap<String, Partitions>) -> usize {
    let both = before
        .iter()
        .filter_map(|(id, old)| Some((old, after.get(id)?)));
    let in_topic = |(old, new): (&Partitions, &Partitions)| -> usize {
        let shared = old
            .iter()
            .filter_map(|(topic, old)| Some((old, new.get(topic)?)));
        shared.map(|(old, new)| old.intersection(new).count()).sum()
    };
    both.map(in_topic).sum()
}

#[test]
fn range_gives_contiguous_shares_of_each_topic() {
    let case = Case::new(&[5, 3], &[&[0, 1], &[0, 1], &[0]]);
    let assignment = case.assign(Assignor::Range);
    case.check(&assignment);
    let of = |member: usize, number: u64| -> Vec<i32> {
        let partitions = assignment[&id(member)].get(&topic(number));
        partitions.into_iter().flatten().copied().collect()
    };
    assert_eq!(
        [of(0, 0), of(1, 0), of(2, 0)],
        [vec![0, 1], vec![2, 3], vec![4]]
    );
    assert_eq!(
        [of(0, 1), of(1, 1), of(2, 1)],
        [vec![0, 1], vec![2], vec![]]
    );
}

#[test]
fn range_puts_static_members_first_by_their_instance_ids() {
    let nothing = Partitions::new();
    let member = |instance_id| MemberSpec {
        instance_id,
        topics: [topic(0)].into(),
        target: &nothing,
    };
    let spec = Spec {
        members: [
            ("a", member(None)),
            ("b", member(Some("z"))),
            ("c", member(Some("y"))),
        ]
        .into(),
        topics: [(topic(0), 3)].into(),
    };
    let assignment = Assignor::Range.assign(&spec);
    let first = |id: &str| assignment[id][&topic(0)].first().copied();
    assert_eq!(
        [first("c"), first("b"), first("a")],
        [Some(0), Some(1), Some(2)]
    );
}

#[test]
fn uniform_evens_out_what_subscriptions_allow() {
    // As Kafka 4.4.0: the one who can take nothing else gets its topic, the others share the rest.
    let case = Case::new(&[6, 2], &[&[0], &[0, 1], &[0, 1]]);
    let assignment = case.assign(Assignor::Uniform);
    case.check(&assignment);
    let mut sizes = sizes(&assignment);
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 3, 3]);
}

#[test]
fn nobody_and_nothing_to_assign_is_no_error() {
    for assignor in [Assignor::Uniform, Assignor::Range] {
        assert!(Case::new(&[], &[]).assign(assignor).is_empty());
        assert_eq!(sizes(&Case::new(&[], &[&[], &[]]).assign(assignor)), [0, 0]);
        assert_eq!(
            sizes(&Case::new(&[0], &[&[0], &[0]]).assign(assignor)),
            [0, 0]
        );
    }
}

fn cases(is_homogeneous: bool) -> impl Strategy<Value = Case> {
    let topics = proptest::collection::vec(0..9i32, 1..5);
    (topics, 1..9usize).prop_flat_map(move |(topics, members)| {
        let count = topics.len();
        let subscription = proptest::collection::btree_set(0..count, 0..=count);
        let subscriptions = proptest::collection::vec(subscription, members);
        (Just(topics), subscriptions).prop_map(move |(topics, mut members)| {
            if is_homogeneous {
                let first = members[0].clone();
                members.fill(first);
            }
            Case {
                topics,
                members,
                targets: BTreeMap::new(),
            }
        })
    })
}

proptest! {
    #[test]
    fn range_gives_everything_and_each_topic_evenly(case in cases(false)) {
        let assignment = case.assign(Assignor::Range);
        case.check(&assignment);
        for (number, count) in case.topics.iter().enumerate() {
            let of: Vec<&BTreeSet<i32>> = assignment.values().filter_map(|p| p.get(&topic(number as u64))).collect();
            let subscribers = case.members.iter().filter(|m| m.contains(&number)).count() as i32;
            for indexes in of {
                let (first, last) = (indexes.first().unwrap(), indexes.last().unwrap());
                prop_assert_eq!(indexes.len() as i32, last - first + 1, "contiguous");
                let fair = count / subscribers;
                prop_assert!((fair..=fair + 1).contains(&(indexes.len() as i32)));
            }
        }
    }

    #[test]
    fn uniform_is_even_and_moves_no_more_than_it_must(
        case in cases(true), joining in 0..3usize, leaving in 0..3usize, growing in 0..4i32,
    ) {
        let mut case = case;
        let before = case.assign(Assignor::Uniform);
        case.check(&before);
        let is_even = |assignment: &BTreeMap<String, Partitions>| {
            let sizes = sizes(assignment);
            sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1
        };
        prop_assert!(is_even(&before));

        // Members come and go, a topic grows: even again, and whoever stays keeps what fits its
        // share.
        case.targets = before.clone();
        let subscription = case.members[0].clone();
        let staying = case.members.len().saturating_sub(leaving).max(1);
        case.members.truncate(staying);
        case.members.extend(std::iter::repeat_n(subscription, joining));
        if let Some(count) = case.topics.first_mut() {
            *count += growing;
        }
        let after = case.assign(Assignor::Uniform);
        case.check(&after);
        prop_assert!(is_even(&after));
        let total: usize = sizes(&after).iter().sum();
        let members = case.members.len();
        let (each, mut more) = (total / members, total % members);
        // The most that anybody could keep: the larger shares to those who have more.
        let mut had: Vec<usize> = (0..staying).map(|m| size(&before[&id(m)])).collect();
        had.sort_unstable_by(|a, b| b.cmp(a));
        let most: usize = had.into_iter().map(|had| {
            let quota = each + usize::from(more > 0);
            more = more.saturating_sub(1);
            had.min(quota)
        }).sum();
        let old: BTreeMap<String, Partitions> = before.into_iter().filter(|(of, _)| (0..staying).any(|m| id(m) == *of)).collect();
        prop_assert_eq!(kept(&old, &after), most);
    }

    #[test]
    fn uniform_with_other_subscriptions_leaves_nobody_two_short(case in cases(false)) {
        let assignment = case.assign(Assignor::Uniform);
        case.check(&assignment);
        // No single move makes it more even.
        for (from, partitions) in &assignment {
            for of in partitions.keys() {
                for (number, topics) in case.members.iter().enumerate() {
                    if topics.iter().any(|t| topic(*t as u64) == *of) {
                        let least = size(&assignment[&id(number)]);
                        prop_assert!(size(&assignment[from]) <= least + 1);
                    }
                }
            }
        }
        // Again, nothing moves.
        let again = Case { targets: assignment.clone(), ..case };
        prop_assert_eq!(again.assign(Assignor::Uniform), assignment);
    }
}
