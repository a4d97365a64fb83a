//! `range`: for each topic, members in order get contiguous partitions, the first ones one more
//! where they do not divide. Not sticky; static members come first, by their instance ids, so that
//! a restart moves nothing.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::Spec;
use crate::group::records::consumer::Partitions;

pub(super) fn assign(spec: &Spec<'_>) -> BTreeMap<String, Partitions> {
    let mut ordered: Vec<_> = spec.members.iter().collect();
    ordered.sort_by_key(|(id, member)| (member.instance_id.is_none(), member.instance_id, **id));
    let mut subscribers: BTreeMap<Uuid, Vec<&str>> = BTreeMap::new();
    for (id, member) in &ordered {
        for topic in &member.topics {
            subscribers.entry(*topic).or_default().push(id);
        }
    }
    let mut assignment: BTreeMap<String, Partitions> = spec
        .members
        .keys()
        .map(|id| ((*id).to_owned(), Partitions::new()))
        .collect();
    for (topic, members) in subscribers {
        let count = spec.topics.get(&topic).copied().unwrap_or(0);
        let (each, more) = (count / members.len() as i32, count % members.len() as i32);
        let mut next = 0;
        for (place, id) in (0i32..).zip(members) {
            let end = next + each + i32::from(place < more);
            let share: BTreeSet<i32> = (next..end).collect();
            next = end;
            if !share.is_empty()
                && let Some(partitions) = assignment.get_mut(id)
            {
                partitions.insert(topic, share);
            }
        }
        assert_eq!(next, count, "every partition is somebody's");
    }
    assignment
}
