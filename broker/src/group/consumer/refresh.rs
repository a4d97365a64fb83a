//! When regular expressions are searched for, and what comes of it.
//!
//! The search looks at every topic's name, so it is done beside the requests: an effect asks for
//! it, and an event brings what was found. All expressions of a group are searched for at the same
//! time, so that they cause one rebalance.

use std::collections::{BTreeMap, BTreeSet};

use super::super::records::consumer::{ConsumerRecord, RegexValue};
use super::change::{Records, Surroundings};
use super::group::ConsumerGroup;

/// A group's expressions are not searched for more often than this (a constant in Kafka too).
const REFRESH_INTERVAL_MS_MIN: i64 = 10_000;

#[derive(Debug, Default)]
pub struct Refresh {
    /// A search is under way.
    is_running: bool,
}

/// What a change of a member's expression means for the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegexChange {
    None,
    /// It is yet to be searched for.
    Unresolved,
    /// What it matches is known: the assignment changes.
    Resolved,
}

impl ConsumerGroup {
    /// Removes what an expression matched that nobody uses any more.
    pub(super) fn forget_unused_regexes(&mut self, records: &mut Records) {
        let mut unused: Vec<String> = self.regexes.keys().cloned().collect();
        unused.retain(|regex| !self.regex_members.contains_key(regex));
        for regex in unused {
            self.change(ConsumerRecord::Regex(regex, None), records);
        }
    }

    /// The expressions to search for now, if any.
    pub(super) fn due_refresh(&mut self, around: Surroundings<'_>) -> Option<Vec<String>> {
        let mut used = self.regex_members.keys();
        if used.len() == 0 || self.refresh.is_running {
            return None;
        }
        let now_ms = around.now.wall_ms;
        let last_ms = self.regexes.values().map(|value| value.timestamp_ms).max();
        let age_ms = last_ms.map_or(i64::MAX, |last_ms| now_ms - last_ms);
        if (0..=REFRESH_INTERVAL_MS_MIN).contains(&age_ms) {
            return None;
        }
        let is_unresolved = used.any(|regex| !self.regexes.contains_key(regex));
        let version = self.regexes.values().map(|value| value.version).max();
        let has_new_topics = version.unwrap_or(-1) < around.new_topics_version;
        let is_old = age_ms > around.config.regex_refresh_interval_ms;
        if !(is_unresolved || has_new_topics || is_old) {
            return None;
        }
        self.refresh.is_running = true;
        Some(self.regex_members.keys().cloned().collect())
    }

    /// What was found, in the topics of `version`.
    pub(super) fn take_resolved(
        &mut self,
        around: Surroundings<'_>,
        found: BTreeMap<String, BTreeSet<String>>,
        version: i64,
    ) -> Records {
        self.refresh.is_running = false;
        let mut records = Records::new();
        let mut has_changed = false;
        for (regex, topics) in found {
            if !self.regex_members.contains_key(&regex) {
                continue;
            }
            let before = self.regexes.get(&regex).map(|value| &value.topics);
            has_changed |= before.map_or(!topics.is_empty(), |before| *before != topics);
            let value = RegexValue {
                topics,
                version,
                timestamp_ms: around.now.wall_ms,
            };
            self.change(ConsumerRecord::Regex(regex, Some(value)), &mut records);
        }
        if !records.is_empty() {
            self.bump_epoch(around, has_changed, &mut records);
        }
        records
    }
}
