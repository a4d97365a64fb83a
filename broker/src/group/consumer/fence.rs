//! Members that go: by their own will, or because they were not heard of in time.

use super::super::GroupError;
use super::super::records::consumer::{ConsumerRecord, CurrentValue};
use super::change::{Records, Surroundings};
use super::group::ConsumerGroup;
use super::messages::LEAVING_FOR_NOW;

impl ConsumerGroup {
    /// The member that a leaving one says it is.
    pub(super) fn leaving(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(), GroupError> {
        let id = match instance_id {
            Some(instance_id) => match self.instances.get(instance_id) {
                None => return Err(GroupError::UnknownMemberId),
                Some(known) if known != member_id => return Err(GroupError::FencedInstanceId),
                Some(known) => known,
            },
            None => member_id,
        };
        if self.members.contains_key(id) {
            Ok(())
        } else {
            Err(GroupError::UnknownMemberId)
        }
    }

    /// A static member goes and means to come back: until its session ends, what it has is kept for
    /// whoever comes with its instance id.
    pub(super) fn leave_for_now(&mut self, id: &str, records: &mut Records) {
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        member.timers.rebalance = None;
        let mut current = CurrentValue {
            epoch: LEAVING_FOR_NOW,
            ..member.current.clone()
        };
        current.pending_revocation.clear();
        // Whatever epoch it comes back in, it may commit what it had (as Kafka writes it).
        for epochs in current.assigned.values_mut() {
            epochs.values_mut().for_each(|epoch| *epoch = 0);
        }
        self.change(
            ConsumerRecord::Current(id.to_owned(), Some(current)),
            records,
        );
    }

    /// Takes members out, and begins a new epoch.
    pub(super) fn fence(
        &mut self,
        around: Surroundings<'_>,
        ids: &[String],
        records: &mut Records,
    ) {
        for id in ids {
            self.remove_records(id, records);
        }
        self.forget_unused_regexes(records);
        self.bump_epoch(around, true, records);
        if self.members.is_empty() {
            // Nobody is left to make an assignment for: it is up to date (KAFKA-20442).
            self.set_assignment_epoch(0, records);
        }
    }

    /// The tombstones of a member, in the order in which a replay may meet them alone.
    pub(super) fn remove_records(&mut self, id: &str, records: &mut Records) {
        self.change(ConsumerRecord::Current(id.to_owned(), None), records);
        self.change(ConsumerRecord::Target(id.to_owned(), None), records);
        self.change(ConsumerRecord::Member(id.to_owned(), None), records);
    }
}
