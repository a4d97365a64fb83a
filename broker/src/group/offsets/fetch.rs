//! Offsets read back, by anyone.
//!
//! A consumer of a transactional application asks for stable offsets (KIP-447): an offset that a
//! transaction may replace yet is answered with UNSTABLE_OFFSET_COMMIT, and commits that were
//! written before are waited for. Otherwise it would begin where a transaction begins that is
//! about to be committed, and its records would be processed twice.

use crate::group::GroupError;
use crate::group::coordinator::{Coordinator, Effect};
use crate::group::messages::{FetchedOffset, PartitionsOfTopic};

/// A fetch of stable offsets that waits for the appends before it.
pub(in crate::group) struct StableFetch<R> {
    /// Those with smaller tokens are waited for.
    before_token: u64,
    group_id: String,
    partitions: Option<Vec<PartitionsOfTopic>>,
    reply: R,
}

impl<R> Coordinator<R> {
    /// Whether a member may have offsets of its group. Tools, and members of classic groups, may.
    pub fn may_fetch_offsets(
        &self,
        group_id: &str,
        member_id: Option<&str>,
        epoch: i32,
    ) -> Result<(), GroupError> {
        let group = self.groups.get(group_id);
        match group.and_then(|group| group.consumer.as_deref()) {
            Some(consumer) => consumer.may_fetch(member_id, epoch),
            None => Ok(()),
        }
    }

    /// What was committed for these partitions, or for all that have an offset. A group
    /// that does not exist has committed nothing.
    pub fn fetch_offsets(
        &self,
        group_id: &str,
        partitions: Option<&[PartitionsOfTopic]>,
    ) -> Vec<FetchedOffset> {
        self.fetched(group_id, partitions, false)
    }

    /// As [`Self::fetch_offsets`], but no offset that may change without a new commit.
    pub fn fetch_stable_offsets(
        &mut self,
        group_id: String,
        partitions: Option<Vec<PartitionsOfTopic>>,
        reply: R,
    ) -> Vec<Effect<R>> {
        let before_token = self.next_token();
        self.stable_fetches.push_back(StableFetch {
            before_token,
            group_id,
            partitions,
            reply,
        });
        self.answer_stable_fetches();
        self.take_effects()
    }

    /// Answers those for whom all is appended that was under way.
    pub(in crate::group) fn answer_stable_fetches(&mut self) {
        let oldest = self.waiting.keys().next().copied();
        while let Some(fetch) = self.stable_fetches.front()
            && oldest.is_none_or(|oldest| oldest >= fetch.before_token)
            && let Some(fetch) = self.stable_fetches.pop_front()
        {
            let fetched = self.fetched(&fetch.group_id, fetch.partitions.as_deref(), true);
            self.effects.push(Effect::Fetched(fetch.reply, fetched));
        }
    }

    fn fetched(
        &self,
        group_id: &str,
        partitions: Option<&[PartitionsOfTopic]>,
        requires_stable: bool,
    ) -> Vec<FetchedOffset> {
        let offsets = self.groups.get(group_id).map(|group| &group.offsets);
        let one = |topic: &str, topic_id: uuid::Uuid, partition: i32| {
            let is_unstable =
                requires_stable && offsets.is_some_and(|known| known.is_pending(topic, partition));
            let stored = offsets.and_then(|known| known.get(topic, partition));
            let committed = stored.map(|stored| &stored.committed);
            FetchedOffset {
                topic: topic.to_owned(),
                partition,
                committed: committed
                    .filter(|committed| !is_unstable && committed.is_of(topic_id))
                    .cloned(),
                is_unstable,
            }
        };
        match partitions {
            None => {
                let all = offsets.into_iter().flat_map(|known| known.committed());
                all.map(|(topic, partition, _)| one(topic, uuid::Uuid::nil(), partition))
                    .collect()
            }
            Some(wanted) => wanted
                .iter()
                .flat_map(|topic| {
                    let partitions = topic.partitions.iter();
                    partitions.map(|partition| one(&topic.topic, topic.topic_id, *partition))
                })
                .collect(),
        }
    }
}
