//! `uniform` where all members are subscribed to the same topics: everybody gets the same number of
//! partitions, give or take one, and keeps as many of its own as that allows.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use uuid::Uuid;

use super::Spec;
use crate::group::records::consumer::Partitions;

struct Share<'a> {
    id: &'a str,
    partitions: Vec<(Uuid, i32)>,
    quota: usize,
}

pub(super) fn assign(spec: &Spec<'_>) -> BTreeMap<String, Partitions> {
    let Some(topics) = spec.members.values().next().map(|member| &member.topics) else {
        return BTreeMap::new();
    };
    let mut free: BTreeMap<(Uuid, i32), ()> = BTreeMap::new();
    for topic in topics {
        let count = spec.topics.get(topic).copied().unwrap_or(0);
        free.extend((0..count).map(|index| ((*topic, index), ())));
    }
    let total = free.len();
    let mut shares: Vec<Share<'_>> = spec
        .members
        .iter()
        .map(|(id, member)| Share {
            id,
            partitions: spec
                .kept(member)
                .filter(|partition| free.remove(partition).is_some())
                .collect(),
            quota: 0,
        })
        .collect();
    // Whoever has most gets the larger shares, so that the fewest partitions move.
    shares.sort_by_key(|share| (Reverse(share.partitions.len()), share.id));
    let (each, more) = (total / shares.len(), total % shares.len());
    for (place, share) in shares.iter_mut().enumerate() {
        share.quota = each + usize::from(place < more);
        let surplus = share
            .partitions
            .split_off(share.quota.min(share.partitions.len()));
        free.extend(surplus.into_iter().map(|partition| (partition, ())));
    }
    let mut free = free.into_keys();
    for share in &mut shares {
        let missing = share.quota - share.partitions.len();
        share.partitions.extend(free.by_ref().take(missing));
        assert_eq!(
            share.partitions.len(),
            share.quota,
            "quotas add up to all there is"
        );
    }
    assert!(free.next().is_none(), "every partition is somebody's");
    let assignment = shares.into_iter().map(|share| {
        let mut partitions = Partitions::new();
        for (topic, index) in share.partitions {
            partitions.entry(topic).or_default().insert(index);
        }
        (share.id.to_owned(), partitions)
    });
    assignment.collect()
}
