//! Which assignors there are, and what they are given.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{heterogeneous, range, uniform};
use crate::group::records::consumer::Partitions;

/// The assignors that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assignor {
    /// Balanced over all topics, then sticky.
    Uniform,
    /// Contiguous for each topic, so that equal partitions of equal topics meet.
    Range,
}

impl Assignor {
    /// By the name that configs and members use.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "uniform" => Some(Self::Uniform),
            "range" => Some(Self::Range),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// The new target: one entry for each member.
    pub fn assign(self, spec: &Spec<'_>) -> BTreeMap<String, Partitions> {
        match self {
            Self::Range => range::assign(spec),
            Self::Uniform if spec.is_homogeneous() => uniform::assign(spec),
            Self::Uniform => heterogeneous::assign(spec),
        }
    }
}

/// A member as an assignor sees it.
#[derive(Clone, Debug)]
pub struct MemberSpec<'a> {
    pub instance_id: Option<&'a str>,
    /// Topics that it is subscribed to and that exist.
    pub topics: BTreeSet<Uuid>,
    /// What it was to have before.
    pub target: &'a Partitions,
}

#[derive(Clone, Debug)]
pub struct Spec<'a> {
    /// By member id.
    pub members: BTreeMap<&'a str, MemberSpec<'a>>,
    /// How many partitions each subscribed topic has.
    pub topics: BTreeMap<Uuid, i32>,
}

impl Spec<'_> {
    pub(super) fn is_homogeneous(&self) -> bool {
        let mut members = self.members.values();
        let first = members.next();
        members.all(|member| Some(&member.topics) == first.map(|first| &first.topics))
    }

    /// Of what a member was to have, what there still is and it is still subscribed to.
    pub(super) fn kept<'m>(
        &self,
        member: &'m MemberSpec<'_>,
    ) -> impl Iterator<Item = (Uuid, i32)> + 'm
    where
        Self: 'm,
    {
        let counts: BTreeMap<Uuid, i32> = member
            .topics
            .iter()
            .map(|id| (*id, self.topics.get(id).copied().unwrap_or(0)))
            .collect();
        member.target.iter().flat_map(move |(id, indexes)| {
            let count = counts.get(id).copied().unwrap_or(0);
            let exists = move |index: &i32| (0..count).contains(index);
            indexes
                .iter()
                .copied()
                .filter(exists)
                .map(move |i| (*id, i))
        })
    }
}
