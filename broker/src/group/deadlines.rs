//! When a coordinator has something to do next: its groups, by their earliest deadlines.
//!
//! A sign of life only moves a session's end away, so heartbeats and commits touch nothing here:
//! the old entry comes up, the group is looked at, and entered again. An entry that an earlier one
//! has overtaken stays until it comes up, or until there are too many of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::state::Group;

/// Entries beyond two for each group that are kept before those overtaken are thrown out.
const SPARE_ENTRIES_MAX: usize = 64;

#[derive(Default)]
pub(super) struct Deadlines {
    /// By monotonic time in ms; every group that waits for something has its
    /// [`Group::entered_ms`] here.
    entries: BinaryHeap<Reverse<(i64, String)>>,
}

impl Deadlines {
    /// Enters a group that may have something to do earlier than it had.
    pub fn enter<R>(&mut self, group_id: &str, groups: &mut BTreeMap<String, Group<R>>) {
        let Some(group) = groups.get_mut(group_id) else {
            return;
        };
        let Some(deadline_ms) = group.next_deadline_ms() else {
            return;
        };
        if group
            .entered_ms
            .is_some_and(|entered_ms| entered_ms <= deadline_ms)
        {
            return;
        }
        group.entered_ms = Some(deadline_ms);
        self.entries
            .push(Reverse((deadline_ms, group_id.to_owned())));
        if self.entries.len() > 2 * groups.len() + SPARE_ENTRIES_MAX {
            self.entries
                .retain(|Reverse((at_ms, id))| is_valid(groups, *at_ms, id));
        }
    }

    /// When the next entry comes up, in ms of the monotonic clock.
    pub fn next_ms(&self) -> Option<i64> {
        self.entries.peek().map(|Reverse((at_ms, _))| *at_ms)
    }

    /// Takes out every group whose deadline has come.
    pub fn take_due<R>(
        &mut self,
        steady_ms: i64,
        groups: &mut BTreeMap<String, Group<R>>,
    ) -> Vec<String> {
        let mut due = Vec::new();
        while self.next_ms().is_some_and(|at_ms| at_ms <= steady_ms)
            && let Some(Reverse((at_ms, id))) = self.entries.pop()
        {
            if is_valid(groups, at_ms, &id) {
                if let Some(group) = groups.get_mut(&id) {
                    group.entered_ms = None;
                }
                due.push(id);
            }
        }
        due
    }
}

fn is_valid<R>(groups: &BTreeMap<String, Group<R>>, at_ms: i64, group_id: &str) -> bool {
    groups
        .get(group_id)
        .is_some_and(|group| group.entered_ms == Some(at_ms))
}
