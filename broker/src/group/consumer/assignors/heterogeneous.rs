//! `uniform` where members are subscribed to different topics: as even as the subscriptions allow,
//! by moving one partition at a time from whoever has more to whoever has least.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::Spec;
use crate::group::records::consumer::Partitions;

/// How often all topics are gone through for a better balance. Each round that moves anything makes
/// the loads more even; a handful of rounds is the most that subscriptions that overlap need.
const BALANCING_ROUNDS_MAX: usize = 16;

/// A member by its place among the members' ids.
type Place = usize;

pub(super) fn assign(spec: &Spec<'_>) -> BTreeMap<String, Partitions> {
    let ids: Vec<&str> = spec.members.keys().copied().collect();
    let mut subscribers: BTreeMap<Uuid, Vec<Place>> = BTreeMap::new();
    let mut owners: BTreeMap<Uuid, Vec<Option<Place>>> = BTreeMap::new();
    for (topic, count) in &spec.topics {
        owners.insert(*topic, vec![None; usize::try_from(*count).unwrap_or(0)]);
    }
    let mut loads = vec![0usize; ids.len()];
    for (place, member) in spec.members.values().enumerate() {
        for topic in &member.topics {
            subscribers.entry(*topic).or_default().push(place);
        }
        for (topic, index) in spec.kept(member) {
            let slot = owners
                .get_mut(&topic)
                .and_then(|owners| owners.get_mut(index as usize));
            if let Some(slot @ None) = slot {
                *slot = Some(place);
                loads[place] += 1;
            }
        }
    }
    // Topics with the most partitions for each subscriber first: whoever can take nothing else is
    // then accounted for when the rest is given out.
    let mut order: Vec<(Uuid, Vec<Place>)> = subscribers.into_iter().collect();
    order.sort_by_key(|(topic, members)| {
        let count = owners.get(topic).map_or(0, Vec::len);
        // As a whole number, so that the order is total.
        let for_each = (count << 20) / members.len();
        (Reverse(for_each), members.len(), *topic)
    });
    for (topic, members) in &order {
        if let Some(owners) = owners.get_mut(topic) {
            give_out(members, owners, &mut loads);
        }
    }
    for _ in 0..BALANCING_ROUNDS_MAX {
        let mut moved = false;
        for (topic, members) in &order {
            if let Some(owners) = owners.get_mut(topic) {
                moved |= balance(members, owners, &mut loads);
            }
        }
        if !moved {
            break;
        }
    }
    let mut assignment: BTreeMap<String, Partitions> = ids
        .iter()
        .map(|id| ((*id).to_owned(), Partitions::new()))
        .collect();
    for (topic, owners) in owners {
        for (index, owner) in (0i32..).zip(owners) {
            let partitions = owner.and_then(|place| assignment.get_mut(ids[place]));
            if let Some(partitions) = partitions {
                partitions.entry(topic).or_default().insert(index);
            }
        }
    }
    assignment
}

/// Members of one topic by what they have of all topics, so that the least loaded comes first.
fn by_load(members: &[Place], loads: &[usize]) -> BTreeSet<(usize, Place)> {
    members
        .iter()
        .map(|place| (loads[*place], *place))
        .collect()
}

/// Gives the partitions that nobody has to whoever has least.
fn give_out(members: &[Place], owners: &mut [Option<Place>], loads: &mut [usize]) {
    let mut least = by_load(members, loads);
    for owner in owners.iter_mut().filter(|owner| owner.is_none()) {
        let Some((load, place)) = least.pop_first() else {
            return;
        };
        *owner = Some(place);
        loads[place] = load + 1;
        least.insert((load + 1, place));
    }
}

/// Moves partitions to whoever has at least two less than their owner; says whether it moved any.
fn balance(members: &[Place], owners: &mut [Option<Place>], loads: &mut [usize]) -> bool {
    let mut least = by_load(members, loads);
    let mut moved = false;
    for owner in owners {
        let (Some(from), Some((load, to))) = (*owner, least.first().copied()) else {
            continue;
        };
        if loads[from] <= load + 1 {
            continue;
        }
        least.remove(&(loads[from], from));
        least.remove(&(load, to));
        loads[from] -= 1;
        loads[to] += 1;
        least.insert((loads[from], from));
        least.insert((loads[to], to));
        *owner = Some(to);
        moved = true;
    }
    moved
}
