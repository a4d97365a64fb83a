//! What this broker is to a partition, and the one gate that every request passes on its way
//! to one.
//!
//! The rules are those of Kafka's ReplicaManager and Partition (KIP-320): a partition whose
//! storage is gone says so before anything else; then a client's leader epoch is compared,
//! so that one with old metadata learns that it is old; then who leads.

use naru_wire::ErrorCode;

/// What this broker is to a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Leader,
    /// Another broker leads; this one copies.
    Follower,
    /// Its data is damaged, or the disk has failed.
    Offline,
}

/// The leader epoch of a request that does not say which one its client knows.
pub const NO_EPOCH: i32 = -1;

/// A role, and the leader epoch that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub role: Role,
    pub leader_epoch: i32,
}

/// Why a request does not reach a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    pub error_code: ErrorCode,
    /// The leader epoch that this broker knows, where there is a partition; else -1.
    pub leader_epoch: i32,
}

/// Whether a request may go on to a partition's leader. `standing` is `None` when the shard
/// does not have the partition, `is_in_image` tells whether the cluster does, and
/// `client_epoch` may be [`NO_EPOCH`].
pub fn admit(
    standing: Option<Standing>,
    is_in_image: bool,
    client_epoch: i32,
) -> Result<(), Denial> {
    let Some(Standing { role, leader_epoch }) = standing else {
        let error_code = if is_in_image {
            ErrorCode::NotLeaderOrFollower
        } else {
            ErrorCode::UnknownTopicOrPartition
        };
        return Err(Denial {
            error_code,
            leader_epoch: -1,
        });
    };
    let error_code = match role {
        Role::Offline => ErrorCode::KafkaStorageError,
        _ if client_epoch >= 0 && client_epoch < leader_epoch => ErrorCode::FencedLeaderEpoch,
        _ if client_epoch > leader_epoch => ErrorCode::UnknownLeaderEpoch,
        Role::Follower => ErrorCode::NotLeaderOrFollower,
        Role::Leader => return Ok(()),
    };
    Err(Denial {
        error_code,
        leader_epoch,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(role: Role, client_epoch: i32) -> Option<ErrorCode> {
        let standing = Standing {
            role,
            leader_epoch: 5,
        };
        let denial = admit(Some(standing), true, client_epoch).err()?;
        assert_eq!(denial.leader_epoch, 5);
        Some(denial.error_code)
    }

    #[test]
    fn a_leader_serves_its_own_epoch_and_those_who_do_not_say() {
        assert_eq!(verdict(Role::Leader, 5), None);
        assert_eq!(verdict(Role::Leader, -1), None);
    }

    #[test]
    fn an_older_epoch_is_fenced_and_a_newer_one_is_not_known_yet() {
        for role in [Role::Leader, Role::Follower] {
            assert_eq!(verdict(role, 4), Some(ErrorCode::FencedLeaderEpoch));
            assert_eq!(verdict(role, 0), Some(ErrorCode::FencedLeaderEpoch));
            assert_eq!(verdict(role, 6), Some(ErrorCode::UnknownLeaderEpoch));
        }
    }

    #[test]
    fn a_follower_sends_clients_of_its_epoch_to_the_leader() {
        for epoch in [-1, 5] {
            let code = verdict(Role::Follower, epoch);
            assert_eq!(code, Some(ErrorCode::NotLeaderOrFollower));
        }
    }

    #[test]
    fn lost_storage_is_said_whatever_the_epoch() {
        for epoch in [-1, 4, 5, 6] {
            let code = verdict(Role::Offline, epoch);
            assert_eq!(code, Some(ErrorCode::KafkaStorageError));
        }
    }

    #[test]
    fn a_partition_that_is_not_here_is_elsewhere_or_nowhere() {
        let code = |is_in_image, epoch| admit(None, is_in_image, epoch).unwrap_err().error_code;
        for epoch in [-1, 0, 7] {
            assert_eq!(code(true, epoch), ErrorCode::NotLeaderOrFollower);
            assert_eq!(code(false, epoch), ErrorCode::UnknownTopicOrPartition);
        }
    }
}
