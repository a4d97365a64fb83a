//! Who is not heard of, or is of another epoch, is fenced.

use super::world::{GROUP, World, joining, partitions, staying};
use crate::group::consumer::messages::{ConsumerHeartbeat, LEAVING};
use crate::group::records::consumer::Partitions;
use crate::group::{CommitRequest, GroupError, OffsetToCommit};

/// A group of two in which `a` has been told to give a partition back.
fn half_way() -> (World, uuid::Uuid) {
    let mut world = World::new();
    let topic = world.create("t", 2);
    world.join("a", &["t"]);
    world.join("b", &["t"]);
    world.beat("a", 2, None).unwrap();
    (world, topic)
}

#[test]
fn a_member_of_another_epoch_is_fenced_but_for_the_last_one() {
    let (mut world, topic) = half_way();
    let kept = partitions(topic, [0]);
    assert_eq!(world.beat("a", 9, None), Err(GroupError::FencedMemberEpoch));
    world.beat("a", 2, Some(&kept)).unwrap();
    // The answer that told it of epoch 3 was lost.
    let again = world.beat("a", 2, Some(&kept)).unwrap();
    assert_eq!(again.epoch, 3);
    // With what is not its own it is not the member that it says.
    let too_much = partitions(topic, 0..2);
    let refused = world.beat("a", 2, Some(&too_much));
    assert_eq!(refused, Err(GroupError::FencedMemberEpoch));
    let refused = world.beat("a", 2, None);
    assert_eq!(refused, Err(GroupError::FencedMemberEpoch));
    assert_eq!(world.beat("c", 3, None), Err(GroupError::UnknownMemberId));
}

#[test]
fn a_silent_member_is_fenced_and_its_partitions_are_free() {
    let (mut world, topic) = half_way();
    world.pass_ms(44_000);
    world.beat("b", 3, None).unwrap();
    world.pass_ms(1_000);
    assert_eq!(world.beat("a", 2, None), Err(GroupError::UnknownMemberId));
    let told = world.beat("b", 3, None).unwrap();
    assert_eq!(told.assignment, Some(partitions(topic, 0..2)));
}

#[test]
fn a_member_that_keeps_what_it_is_to_give_back_is_fenced() {
    let mut world = World::new();
    let topic = world.create("t", 2);
    let request = ConsumerHeartbeat {
        rebalance_timeout_ms: Some(60_000),
        ..joining("a", &["t"])
    };
    world.send(request).unwrap();
    world.join("b", &["t"]);
    let all = partitions(topic, 0..2);
    world.beat("a", 2, Some(&all)).unwrap();
    for _ in 0..2 {
        world.pass_ms(29_000);
        world.beat("a", 2, Some(&all)).unwrap();
        world.beat("b", 3, None).unwrap();
    }
    world.pass_ms(2_000);
    assert_eq!(
        world.beat("a", 2, Some(&all)),
        Err(GroupError::UnknownMemberId)
    );
    let told = world.beat("b", 3, None).unwrap();
    assert_eq!(told.assignment, Some(all));
}

#[test]
fn a_member_that_gave_back_in_time_is_not_fenced() {
    let (mut world, topic) = half_way();
    world.pass_ms(30_000);
    world.beat("a", 2, Some(&partitions(topic, [0]))).unwrap();
    for _ in 0..10 {
        world.beat("b", 3, None).unwrap();
        world.pass_ms(30_000);
        world.beat("a", 3, None).unwrap();
    }
}

fn commit(world: &mut World, id: &str, epoch: i32, partition: i32) -> Result<(), GroupError> {
    let reply = world.reply();
    let request = CommitRequest {
        group_id: GROUP.to_owned(),
        generation: epoch,
        member_id: id.to_owned(),
        knows_group_id_not_found: true,
        offsets: vec![OffsetToCommit {
            topic: "t".to_owned(),
            partition,
            offset: 5,
            ..OffsetToCommit::default()
        }],
        ..CommitRequest::default()
    };
    let effects = world.groups.commit(world.now, request, reply);
    world.take(effects);
    world.commits.remove(&reply).unwrap().remove(0)
}

#[test]
fn commits_are_those_of_a_member_and_its_epoch() {
    let (mut world, topic) = half_way();
    assert_eq!(commit(&mut world, "a", 2, 0), Ok(()));
    assert_eq!(
        commit(&mut world, "a", 3, 0),
        Err(GroupError::StaleMemberEpoch)
    );
    assert_eq!(
        commit(&mut world, "x", 2, 0),
        Err(GroupError::UnknownMemberId)
    );
    assert_eq!(
        commit(&mut world, "", -1, 0),
        Err(GroupError::UnknownMemberId)
    );
    world.beat("a", 2, Some(&partitions(topic, [0]))).unwrap();
    // What it has had since then, it may commit in the epoch before (KIP-1251).
    assert_eq!(commit(&mut world, "a", 2, 0), Ok(()));
    assert_eq!(
        commit(&mut world, "a", 2, 1),
        Err(GroupError::StaleMemberEpoch)
    );
    assert_eq!(
        commit(&mut world, "a", 1, 0),
        Err(GroupError::StaleMemberEpoch)
    );
    for id in ["a", "b"] {
        world.send(staying(id, LEAVING)).unwrap();
    }
    assert_eq!(commit(&mut world, "", -1, 1), Ok(()));
}

#[test]
fn offsets_are_told_to_members_of_the_epoch_and_to_tools() {
    let (world, _) = half_way();
    let fetch = |id, epoch| world.groups.may_fetch_offsets(GROUP, id, epoch);
    assert_eq!(fetch(None, -1), Ok(()));
    assert_eq!(fetch(Some("a"), 2), Ok(()));
    assert_eq!(fetch(Some("a"), 1), Err(GroupError::StaleMemberEpoch));
    assert_eq!(fetch(Some("a"), 3), Err(GroupError::StaleMemberEpoch));
    assert_eq!(fetch(Some("x"), 2), Err(GroupError::UnknownMemberId));
}

#[test]
fn an_old_commit_of_a_member_is_told_to_be_newer() {
    let (mut world, _) = half_way();
    let reply = world.reply();
    let request = CommitRequest {
        group_id: GROUP.to_owned(),
        generation: 2,
        member_id: "a".to_owned(),
        offsets: vec![OffsetToCommit::default()],
        ..CommitRequest::default()
    };
    let effects = world.groups.commit(world.now, request, reply);
    world.take(effects);
    let refused = vec![Err(GroupError::UnsupportedVersion)];
    assert_eq!(world.commits[&reply], refused);
}

#[test]
fn an_answer_waits_for_what_it_says_to_be_durable() {
    let mut world = World::new();
    world.create("t", 1);
    world.holds_appends = true;
    let first = world.reply();
    let effects = world
        .groups
        .consumer_heartbeat(world.now, joining("a", &["t"]), first);
    world.take(effects);
    // A heartbeat that changes nothing tells what is not durable yet: it waits as well.
    let second = world.reply();
    let effects = world
        .groups
        .consumer_heartbeat(world.now, staying("a", 2), second);
    world.take(effects);
    assert!(world.heartbeats.is_empty());
    world.finish_appends();
    assert!(world.heartbeats[&first].is_ok());
    assert!(world.heartbeats[&second].is_ok());
}

#[test]
fn after_an_append_that_failed_the_log_catches_up_before_anybody_is_answered() {
    let mut world = World::new();
    let topic = world.create("t", 2);
    world.join("a", &["t"]);
    world.join("c", &["t"]);
    world.fails_appends = true;
    let refused = world.send(staying("c", LEAVING));
    assert_eq!(refused, Err(GroupError::CoordinatorNotAvailable));
    world.fails_appends = false;
    world.beat("a", 2, Some(&partitions(topic, 0..2))).unwrap();
    let replayed = super::replay::replayed(&world);
    assert_eq!(
        replayed.describe_consumer(GROUP),
        world.groups.describe_consumer(GROUP)
    );
    let members = world.groups.describe_consumer(GROUP).unwrap().members;
    assert_eq!(
        members.len(),
        1,
        "the one that left is gone from the log too"
    );
}

#[test]
fn what_is_refused_changes_nothing() {
    let (mut world, topic) = half_way();
    let before = world.groups.describe_consumer(GROUP);
    let records = world.log.len();
    world.beat("a", 7, None).unwrap_err();
    let request = ConsumerHeartbeat {
        topic_regex: Some("[".to_owned()),
        topic_names: Some(vec!["t".to_owned(), "u".to_owned()]),
        ..staying("a", 2)
    };
    world.send(request).unwrap_err();
    world
        .beat("a", 1, Some(&partitions(topic, [7])))
        .unwrap_err();
    world.beat("x", 2, Some(&Partitions::new())).unwrap_err();
    assert_eq!(world.groups.describe_consumer(GROUP), before);
    assert_eq!(world.log.len(), records);
}
