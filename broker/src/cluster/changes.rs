//! Which topics changed lately, so that a reader of images looks at what changed and at nothing
//! else.
//!
//! It is part of the state: every replica of the log has the same, and snapshots keep it. That is
//! also how a start knows the directory of a topic that was deleted just before a crash.

use std::collections::{HashSet, VecDeque};

use uuid::Uuid;

/// Changes that are kept; readers that are further back compare all topics.
pub const CHANGES_MAX: usize = 1024;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Every change after the command of this index is in `recent`.
    complete_since: u64,
    /// Indices never fall: one command may change many topics.
    recent: VecDeque<(u64, Uuid)>,
}

impl Changes {
    pub fn from_parts(complete_since: u64, recent: Vec<(u64, Uuid)>) -> Self {
        Self {
            complete_since,
            recent: recent.into(),
        }
    }

    pub fn parts(&self) -> (u64, Vec<(u64, Uuid)>) {
        (self.complete_since, self.recent.iter().copied().collect())
    }

    /// The command of that index made, changed or deleted the topic.
    pub fn push(&mut self, index: u64, topic_id: Uuid) {
        assert!(
            self.recent.back().is_none_or(|(last, _)| *last <= index),
            "changes come in the order of the commands"
        );
        if self.recent.len() >= CHANGES_MAX
            && let Some((forgotten, _)) = self.recent.pop_front()
        {
            self.complete_since = forgotten;
        }
        self.recent.push_back((index, topic_id));
    }

    /// The topics that commands after that index changed, each once, in the order of their first
    /// change; `None` if that is too long ago to be known.
    pub fn after(&self, index: u64) -> Option<Vec<Uuid>> {
        if index < self.complete_since {
            return None;
        }
        let from = self.recent.partition_point(|(at, _)| *at <= index);
        let mut seen = HashSet::new();
        let changed = self.recent.iter().skip(from).map(|(_, id)| *id);
        Some(changed.filter(|id| seen.insert(*id)).collect())
    }

    /// Whether the topic is among the latest changes.
    pub fn names(&self, topic_id: Uuid) -> bool {
        self.recent.iter().any(|(_, id)| *id == topic_id)
    }
}
