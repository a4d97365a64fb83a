//! One rule a test.

use uuid::Uuid;

use super::world::{Logged, World, bytes, coordinator, partitions, to_commit, txn_commit};
use crate::group::TransactionOutcome::{Aborted, Committed};
use crate::group::records;
use crate::group::{CommitRequest, Effect, GroupError, HeartbeatRequest, JoinRequest, SyncRequest};

const MINUTE_MS: i64 = 60_000;

fn with_pending() -> World {
    let mut world = World::new();
    world.commit("g", to_commit("t", 0, 5));
    world.commit_in_transaction(txn_commit("g", 1, to_commit("t", 0, 9)));
    world.settle();
    world
}

#[test]
fn an_offset_of_a_transaction_counts_when_it_is_committed() {
    let mut world = with_pending();
    assert_eq!(world.offset("g", "t", 0), Some(5));
    world.write_marker(1, Committed);
    world.settle();
    assert_eq!(world.offset("g", "t", 0), Some(9));
    assert!(world.coordinator.open_transactions.is_empty());
}

#[test]
fn an_offset_of_an_aborted_transaction_never_was() {
    let mut world = with_pending();
    world.write_marker(1, Aborted);
    world.settle();
    assert_eq!(world.offset("g", "t", 0), Some(5));
    let stable = world.stable_offset("g", "t").unwrap();
    assert_eq!(stable.committed.unwrap().offset, 5);
}

/// The commit that is later in the log counts, and compaction keeps it alone: the transaction's
/// marker must not bring the earlier one back.
#[test]
fn a_plain_commit_after_that_of_the_transaction_stays() {
    let mut world = with_pending();
    world.commit("g", to_commit("t", 0, 7));
    world.write_marker(1, Committed);
    world.settle();
    assert_eq!(world.offset("g", "t", 0), Some(7));
}

/// The same, where the plain commit is acknowledged after the marker.
#[test]
fn a_commit_counts_by_its_place_not_by_its_acknowledgement() {
    let mut world = World::new();
    world.commit("g", to_commit("t", 0, 5));
    world.commit_in_transaction(txn_commit("g", 1, to_commit("t", 0, 9)));
    world.write_marker(1, Committed);
    world.acknowledge_marker(0);
    assert_eq!(world.offset("g", "t", 0), Some(9), "the marker is flushed");
    world.settle();
    assert_eq!(world.offset("g", "t", 0), Some(9));
}

#[test]
fn a_marker_ends_what_is_before_it_only() {
    let mut world = with_pending();
    // A marker that is written again after a crash, while the next transaction is open.
    let marker_offset = world.log.len() as i64;
    world.log.push(Logged::Nothing);
    world.commit_in_transaction(txn_commit("g", 1, to_commit("t", 1, 3)));
    world.settle();
    let coordinator = &mut world.coordinator;
    coordinator.transaction_completed(1, Committed, marker_offset);
    assert_eq!(world.offset("g", "t", 0), Some(9));
    assert_eq!(world.offset("g", "t", 1), None);
    world.write_marker(1, Committed);
    world.settle();
    assert_eq!(world.offset("g", "t", 1), Some(3));
}

/// KIP-447.
#[test]
fn a_stable_offset_is_refused_while_a_transaction_is_open() {
    let mut world = with_pending();
    let unstable = world.stable_offset("g", "t").unwrap();
    assert!(unstable.is_unstable && unstable.committed.is_none());
    world.write_marker(1, Committed);
    world.settle();
    let stable = world.stable_offset("g", "t").unwrap();
    assert!(!stable.is_unstable);
    assert_eq!(stable.committed.unwrap().offset, 9);
}

#[test]
fn a_stable_offset_waits_for_the_writes_before_it() {
    let mut world = World::new();
    world.commit("g", to_commit("t", 0, 5));
    assert_eq!(world.stable_offset("g", "t"), None, "it waits");
    world.commit_in_transaction(txn_commit("g", 1, to_commit("t", 0, 9)));
    // The commit before the fetch is acknowledged; the one after it need not be.
    world.acknowledge(0);
    let stable = world.fetched().unwrap();
    assert_eq!(stable.committed.unwrap().offset, 5);
    // A transactional commit that is being written is waited for, and found to be unstable.
    assert_eq!(world.stable_offset("g", "t"), None);
    world.acknowledge(0);
    assert!(world.fetched().unwrap().is_unstable);
}

#[test]
fn pending_offsets_do_not_expire_and_keep_their_group() {
    let mut world = World::new();
    world.commit("g", to_commit("t", 0, 5));
    world.commit_in_transaction(txn_commit("g", 1, to_commit("t", 0, 9)));
    world.commit_in_transaction(txn_commit("h", 1, to_commit("t", 0, 9)));
    world.settle();
    for _ in 0..4 {
        world.pass(1_000 * MINUTE_MS);
    }
    assert_eq!(world.offset("g", "t", 0), Some(5));
    assert!(world.coordinator.describe("h").is_some());
    world.write_marker(1, Aborted);
    world.settle();
    assert!(world.coordinator.describe("h").is_none(), "nothing is left");
    for _ in 0..2 {
        world.pass(1_000 * MINUTE_MS);
        world.settle();
    }
    assert_eq!(world.offset("g", "t", 0), None);
    assert!(world.coordinator.describe("g").is_none());
}

#[test]
fn a_deleted_offset_does_not_come_back_with_its_transaction() {
    let mut world = with_pending();
    world.delete("g", "t", 0);
    world.write_marker(1, Committed);
    world.settle();
    assert_eq!(world.offset("g", "t", 0), None);
    assert!(world.restarted().fetch_offsets("g", None).is_empty());
}

/// The tombstone is after a commit that is still being written.
#[test]
fn a_deletion_takes_a_commit_that_is_under_way_with_it() {
    let mut world = World::new();
    world.commit("g", to_commit("t", 0, 5));
    world.delete("g", "t", 0);
    world.settle();
    assert_eq!(world.offset("g", "t", 0), None);
    assert!(world.restarted().fetch_offsets("g", None).is_empty());
}

#[test]
fn a_deleted_group_takes_its_pending_offsets_with_it() {
    let mut world = with_pending();
    world.commit_in_transaction(txn_commit("g", 2, to_commit("u", 3, 1)));
    let effects = world.coordinator.delete("g", 0);
    world.take(effects);
    world.write_marker(1, Committed);
    world.write_marker(2, Committed);
    world.settle();
    assert!(world.coordinator.describe("g").is_none());
    let restarted = world.restarted();
    assert!(restarted.fetch_offsets("g", None).is_empty());
    assert!(restarted.describe("g").is_none());
}

#[test]
fn deleting_offsets_says_why_not() {
    let mut world = World::new();
    let wanted = [partitions("t", &[0])];
    for (group_id, error) in [
        ("", GroupError::InvalidGroupId),
        ("nobody", GroupError::GroupIdNotFound),
    ] {
        let effects = world.coordinator.delete_offsets(group_id, &wanted, 0);
        assert_eq!(effects, [Effect::OffsetsDeleted(0, Err(error))]);
    }
    for (protocol_type, error) in [
        ("consumer", None),
        ("connect", Some(GroupError::NonEmptyGroup)),
    ] {
        let mut world = World::new();
        with_member(&mut world, protocol_type, b"\0\0\0\0\0\x01\0\x01t");
        let wanted = [partitions("t", &[0]), partitions("u", &[1])];
        let effects = world.coordinator.delete_offsets("g", &wanted, 0);
        let outcome = match error {
            Some(error) => Err(error),
            // It reads t; for u there is nothing to delete, which is no error.
            None => Ok(vec![Err(GroupError::GroupSubscribedToTopic), Ok(())]),
        };
        assert_eq!(effects, [Effect::OffsetsDeleted(0, outcome)]);
    }
}

/// One member in generation 1, with this subscription.
fn with_member(world: &mut World, protocol_type: &str, metadata: &'static [u8]) -> String {
    let join = JoinRequest {
        group_id: "g".to_owned(),
        client_id: "c".to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 20_000,
        protocol_type: protocol_type.to_owned(),
        protocols: vec![("range".to_owned(), metadata.into())],
        ..JoinRequest::default()
    };
    let effects = world.coordinator.join(world.now, join, 0);
    world.take(effects);
    world.pass(1);
    let member_id = world.coordinator.describe("g").unwrap().members[0]
        .member_id
        .clone();
    let sync = SyncRequest {
        group_id: "g".to_owned(),
        generation: 1,
        member_id: member_id.clone(),
        assignments: vec![(member_id.clone(), bytes(""))],
        ..SyncRequest::default()
    };
    let effects = world.coordinator.sync(world.now, sync, 0);
    world.take(effects);
    world.settle();
    assert_eq!(world.coordinator.describe("g").unwrap().state, "Stable");
    member_id
}

/// KIP-447: [22], [25], [82], and [69] where the client knows it (KIP-1319).
#[test]
fn the_member_of_a_transactional_commit_is_checked_if_it_is_given() {
    let mut world = World::new();
    let id = with_member(&mut world, "consumer", b"\0\0\0\0\0\x01\0\x01t");
    let mut try_commit = |group_id: &str, generation, member_id: &str, instance: Option<&str>| {
        let mut request = txn_commit(group_id, 1, to_commit("t", 0, 9));
        request.generation = generation;
        request.member_id = member_id.to_owned();
        request.instance_id = instance.map(str::to_owned);
        request.knows_group_id_not_found = member_id == "v6";
        let effects = world
            .coordinator
            .commit_in_transaction(world.now, request, 0);
        match &effects[..] {
            [Effect::Committed(_, outcomes)] => outcomes[0].err(),
            [Effect::AppendInTransaction { .. }] => None,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(try_commit("g", -1, "", None), None, "it says nothing");
    assert_eq!(try_commit("g", 1, &id, None), None);
    let illegal = Some(GroupError::IllegalGeneration);
    let unknown = Some(GroupError::UnknownMemberId);
    assert_eq!(try_commit("g", 0, &id, None), illegal);
    assert_eq!(try_commit("g", -1, &id, None), illegal);
    assert_eq!(try_commit("g", 1, "stranger", None), unknown);
    assert_eq!(try_commit("g", 1, &id, Some("i")), unknown);
    assert_eq!(try_commit("new", 3, "m", None), illegal);
    let not_found = Some(GroupError::GroupIdNotFound);
    assert_eq!(try_commit("new", 3, "v6", None), not_found);
    assert_eq!(
        try_commit("", -1, "", None),
        Some(GroupError::InvalidGroupId)
    );
    assert_eq!(try_commit("new", -1, "", None), None, "of no group");
}

#[test]
fn from_version_9_a_group_that_is_not_there_is_not_found() {
    let mut world = World::new();
    for (knows, error) in [
        (false, GroupError::IllegalGeneration),
        (true, GroupError::GroupIdNotFound),
    ] {
        let request = CommitRequest {
            group_id: "g".to_owned(),
            generation: 3,
            knows_group_id_not_found: knows,
            offsets: vec![to_commit("t", 0, 5)],
            ..CommitRequest::default()
        };
        let effects = world.coordinator.commit(world.now, request, 0);
        assert_eq!(effects, [Effect::Committed(0, vec![Err(error)])]);
    }
}

#[test]
fn an_offset_of_a_topic_that_had_the_name_before_is_not_found_by_id() {
    let mut world = World::new();
    let mut of_old = to_commit("t", 0, 5);
    of_old.topic_id = Uuid::from_u128(1);
    world.commit("g", of_old);
    world.settle();
    let mut wanted = partitions("t", &[0]);
    for (topic_id, found) in [(0, Some(5)), (1, Some(5)), (2, None)] {
        wanted.topic_id = Uuid::from_u128(topic_id);
        for coordinator in [&world.coordinator, &world.restarted()] {
            let fetched = coordinator.fetch_offsets("g", Some(std::slice::from_ref(&wanted)));
            let committed = fetched[0].committed.as_ref();
            assert_eq!(committed.map(|committed| committed.offset), found);
        }
    }
    let effects = world.coordinator.forget_topic("t", Uuid::from_u128(2));
    assert_eq!(effects, [], "that was another topic");
    let effects = world.coordinator.forget_topic("t", Uuid::from_u128(1));
    world.take(effects);
    world.settle();
    assert_eq!(world.offset("g", "t", 0), None);
}

#[test]
fn offsets_of_topics_that_went_while_nobody_looked_are_forgotten() {
    let mut world = World::new();
    world.commit("g", to_commit("kept", 0, 5));
    world.commit("g", to_commit("gone", 0, 5));
    world.settle();
    let effects = world
        .coordinator
        .forget_missing_topics(|topic, _| topic == "kept");
    world.take(effects);
    world.settle();
    for coordinator in [&world.coordinator, &world.restarted()] {
        let left = coordinator.fetch_offsets("g", None);
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].topic, "kept");
    }
}

/// Consumers that stay for years change their topics.
#[test]
fn offsets_of_topics_that_a_stable_group_no_longer_reads_expire() {
    let mut world = World::new();
    world.commit("g", to_commit("t", 0, 5));
    world.commit("g", to_commit("u", 0, 5));
    world.settle();
    let id = with_member(&mut world, "consumer", b"\0\0\0\0\0\x01\0\x01t");
    for _ in 0..200 {
        world.pass(9_000);
        let heartbeat = HeartbeatRequest {
            group_id: "g".to_owned(),
            generation: 1,
            member_id: id.clone(),
            instance_id: None,
        };
        assert_eq!(world.coordinator.heartbeat(world.now, &heartbeat), Ok(()));
        world.settle();
    }
    assert_eq!(world.offset("g", "t", 0), Some(5));
    assert_eq!(world.offset("g", "u", 0), None);
}

/// A second of a shard's time would go by with 100,000 of them.
#[test]
fn many_groups_expire_in_turns() {
    let mut world = World::new();
    for group in 0..1_000 {
        world.commit(&format!("g{group}"), to_commit("t", 0, 5));
    }
    world.settle();
    world.pass(2_000 * MINUTE_MS);
    let mut turns = 1;
    while world.coordinator.next_deadline_ms() == Some(world.coordinator.next_expiry_ms)
        && world.coordinator.next_expiry_ms <= world.now.steady_ms
    {
        world.pass(0);
        turns += 1;
    }
    assert_eq!(turns, 4);
    assert_eq!(world.coordinator.groups.len(), 0);
}

/// Compaction of another broker may have taken any record that a later one makes needless.
#[test]
fn what_compaction_took_is_not_missed() {
    let mut restarted = coordinator();
    // A tombstone of nothing, a marker of nothing.
    let key = records::offset_tombstone("g", "t", 0).key;
    restarted.replay(10, None, &key, None).unwrap();
    for outcome in [Committed, Aborted] {
        restarted.replay_marker(20, 7, outcome);
    }
    restarted.loaded(World::new().now);
    assert!(restarted.describe("g").is_none());
}
