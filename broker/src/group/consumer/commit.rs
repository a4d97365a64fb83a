//! Which offsets a member may commit and fetch.

use super::super::GroupError;
use super::super::messages::OffsetToCommit;
use super::group::ConsumerGroup;
use super::member::ConsumerMember;
use super::topics::Topics;

impl ConsumerGroup {
    /// OffsetCommit and TxnOffsetCommit; `knows_epochs` is false where the request's version is one
    /// from before there were members' epochs.
    pub fn may_commit(
        &self,
        topics: &dyn Topics,
        knows_epochs: bool,
        (member_id, epoch): (&str, i32),
        offsets: &[OffsetToCommit],
    ) -> Result<(), GroupError> {
        // A tool, or a consumer that assigns partitions to itself: only where nobody else commits.
        if epoch < 0 && self.members.is_empty() {
            return Ok(());
        }
        let member = self.members.get(member_id);
        let member = member.ok_or(GroupError::UnknownMemberId)?;
        if member.is_classic() {
            return check_generation(member, epoch);
        }
        if !knows_epochs {
            return Err(GroupError::UnsupportedVersion);
        }
        let is_allowed = |offset: &OffsetToCommit| {
            // What it got in that epoch or before is its own all the time since (KIP-1251).
            let topic = topics.named(&offset.topic);
            let current = &member.current;
            topic.is_some_and(|topic| {
                let held = [&current.assigned, &current.pending_revocation];
                let mut since = held
                    .iter()
                    .filter_map(|owned| owned.get(&topic.id)?.get(&offset.partition).copied());
                since.any(|since| since <= epoch)
            })
        };
        if epoch == member.current.epoch
            || epoch < member.current.epoch && offsets.iter().all(is_allowed)
        {
            return Ok(());
        }
        Err(GroupError::StaleMemberEpoch)
    }

    /// OffsetFetch; tools say nothing of a member.
    pub fn may_fetch(&self, member_id: Option<&str>, epoch: i32) -> Result<(), GroupError> {
        let Some(member_id) = member_id.filter(|_| epoch >= 0) else {
            return Ok(());
        };
        let member = self.members.get(member_id);
        let member = member.ok_or(GroupError::UnknownMemberId)?;
        if member.is_classic() {
            return check_generation(member, epoch);
        }
        if epoch != member.current.epoch {
            return Err(GroupError::StaleMemberEpoch);
        }
        Ok(())
    }
}

fn check_generation(member: &ConsumerMember, generation: i32) -> Result<(), GroupError> {
    if generation != member.current.epoch {
        return Err(GroupError::IllegalGeneration);
    }
    Ok(())
}
