//! Members of both protocols in one group, and groups that go from one protocol to the other.

use bytes::{BufMut, Bytes, BytesMut};

use super::replay::{replayed, restart};
use super::world::{GROUP, World, joining, partitions, staying};
use crate::group::consumer::messages::{ConsumerHeartbeat, LEAVING, LEAVING_FOR_NOW};
use crate::group::records::consumer::Partitions;
use crate::group::{
    GroupError, HeartbeatRequest, JoinRequest, JoinResponse, LeaveRequest, Leaving,
    MigrationPolicy, SyncRequest,
};

/// A subscription as a classic consumer writes it (v1).
pub fn subscription(topics: &[&str], owned: &[(&str, Vec<i32>)]) -> Bytes {
    let mut out = BytesMut::new();
    let text = |out: &mut BytesMut, text: &str| {
        out.put_i16(text.len() as i16);
        out.put_slice(text.as_bytes());
    };
    out.put_i16(1);
    out.put_i32(topics.len() as i32);
    for topic in topics {
        text(&mut out, topic);
    }
    out.put_i32(-1);
    out.put_i32(owned.len() as i32);
    for (topic, indexes) in owned {
        text(&mut out, topic);
        out.put_i32(indexes.len() as i32);
        indexes.iter().for_each(|index| out.put_i32(*index));
    }
    out.freeze()
}

/// What the coordinator, or a leader, gave a classic member of topic `t`.
pub fn assigned(bytes: &[u8]) -> Vec<i32> {
    let assignment = crate::group::consumer::protocol::Assignment::decode(bytes).unwrap();
    let mut cluster = super::world::Cluster::default();
    let id = cluster.create("t", 1000);
    let found = assignment.partitions(&cluster).remove(&id);
    found.unwrap_or_default().into_iter().collect()
}

pub fn classic(id: &str, owned: Vec<i32>) -> JoinRequest {
    JoinRequest {
        group_id: GROUP.to_owned(),
        member_id: id.to_owned(),
        client_id: "classic".to_owned(),
        client_host: "/host".to_owned(),
        session_timeout_ms: 45_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), subscription(&["t"], &[("t", owned)]))],
        requires_known_member_id: true,
        ..JoinRequest::default()
    }
}

/// A classic group of one member that has all of `t`; returns its id.
fn classic_group(world: &mut World) -> String {
    let id = world.classic_join(classic("", Vec::new())).member_id;
    let reply = world.reply();
    let effects = world
        .groups
        .join(world.now, classic(&id, Vec::new()), reply);
    world.take(effects);
    world.pass_ms(3_000);
    let joined = world.joins.remove(&reply).unwrap();
    assert_eq!(joined.error, None);
    let topic = world.cluster.all().next().cloned().unwrap();
    let all = partitions(topic.id, 0..topic.partitions);
    let bytes = crate::group::consumer::protocol::encode_assignment(1, &all, &world.cluster);
    let reply = world.reply();
    let request = SyncRequest {
        group_id: GROUP.to_owned(),
        generation: joined.generation,
        member_id: id.clone(),
        assignments: vec![(id.clone(), bytes)],
        ..SyncRequest::default()
    };
    let effects = world.groups.sync(world.now, request, reply);
    world.take(effects);
    assert_eq!(world.syncs.remove(&reply).unwrap().error, None);
    id
}

fn classic_beat(world: &mut World, id: &str, generation: i32) -> Result<(), GroupError> {
    let request = HeartbeatRequest {
        group_id: GROUP.to_owned(),
        generation,
        member_id: id.to_owned(),
        instance_id: None,
    };
    world.groups.heartbeat(world.now, &request)
}

fn rejoin(world: &mut World, id: &str, owned: Vec<i32>) -> JoinResponse {
    let joined = world.classic_join(classic(id, owned));
    assert_eq!(joined.error, None);
    joined
}

#[test]
fn a_classic_group_goes_on_when_a_member_of_the_new_protocol_joins_and_when_it_leaves() {
    let mut world = World::new();
    let topic = world.create("t", 2);
    let old = classic_group(&mut world);
    let joined = world.join("new", &["t"]);
    assert_eq!(joined.epoch, 2, "the generation goes on as epoch");
    assert_eq!(joined.assignment, Some(Partitions::new()));
    assert!(world.groups.describe(GROUP).is_none());

    // The classic member is told to join again, and gives one back by joining without it.
    assert_eq!(
        classic_beat(&mut world, &old, 1),
        Err(GroupError::RebalanceInProgress)
    );
    let told = rejoin(&mut world, &old, vec![0, 1]);
    assert_eq!(told.generation, 1, "it has to revoke first");
    assert_eq!(assigned(&world.classic_sync(&old, 1).assignment), [0]);
    assert_eq!(
        classic_beat(&mut world, &old, 1),
        Err(GroupError::RebalanceInProgress)
    );
    let told = rejoin(&mut world, &old, vec![0]);
    assert_eq!(told.generation, 2);
    assert_eq!(assigned(&world.classic_sync(&old, 2).assignment), [0]);
    assert_eq!(classic_beat(&mut world, &old, 2), Ok(()));
    let told = world.beat("new", 2, None).unwrap();
    assert_eq!(told.assignment, Some(partitions(topic, [1])));
    assert_eq!(world.state(), "Stable");
    restart(&mut world);
    assert_eq!(classic_beat(&mut world, &old, 2), Ok(()));

    // The last of the new protocol goes: a classic group again, that rebalances.
    world.beat("new", LEAVING, None).unwrap();
    let description = world.groups.describe(GROUP).expect("a classic group");
    assert_eq!(description.state, "PreparingRebalance");
    assert_eq!(
        classic_beat(&mut world, &old, 3),
        Err(GroupError::IllegalGeneration)
    );
    assert_eq!(
        classic_beat(&mut world, &old, 2),
        Err(GroupError::RebalanceInProgress)
    );
    let groups = replayed(&world);
    let description = groups.describe(GROUP).expect("classic in the log, too");
    assert_eq!(description.members.len(), 1);
    assert_eq!(assigned(&description.members[0].assignment), [0]);
    let reply = world.reply();
    let effects = world.groups.join(world.now, classic(&old, vec![0]), reply);
    world.take(effects);
    let joined = world.joins.remove(&reply).unwrap();
    assert_eq!((joined.error, joined.leader), (None, old));
}

#[test]
fn whoever_waits_in_the_classic_group_is_told_to_join_again() {
    let mut world = World::new();
    world.create("t", 1);
    let id = world.classic_join(classic("", Vec::new())).member_id;
    let reply = world.reply();
    let effects = world
        .groups
        .join(world.now, classic(&id, Vec::new()), reply);
    world.take(effects);
    assert!(world.joins.is_empty(), "it waits for others");
    world.join("new", &["t"]);
    let told = world.joins.remove(&reply).unwrap();
    assert_eq!(told.error, Some(GroupError::RebalanceInProgress));
    let joined = rejoin(&mut world, &id, Vec::new());
    assert_eq!(joined.generation, 2);
    assert_eq!(joined.protocol.as_deref(), Some("range"));
    assert_eq!(joined.leader, "", "nobody leads");
}

#[test]
fn a_classic_member_joins_a_group_of_the_new_protocol() {
    let mut world = World::new();
    let topic = world.create("t", 2);
    world.join("new", &["t"]);
    let first = world.classic_join(classic("", Vec::new()));
    assert_eq!(first.error, Some(GroupError::MemberIdRequired));
    let joined = rejoin(&mut world, &first.member_id, Vec::new());
    let id = joined.member_id;
    assert!(assigned(&world.classic_sync(&id, joined.generation).assignment).is_empty());
    assert_eq!(classic_beat(&mut world, &id, joined.generation), Ok(()));
    world.beat("new", 2, None).unwrap();
    world.beat("new", 2, Some(&partitions(topic, [0]))).unwrap();
    // What it waits for is free now.
    let told = classic_beat(&mut world, &id, joined.generation);
    assert_eq!(told, Err(GroupError::RebalanceInProgress));
    let joined = rejoin(&mut world, &id, Vec::new());
    assert_eq!(
        assigned(&world.classic_sync(&id, joined.generation).assignment),
        [1]
    );
    let description = world.groups.describe_consumer(GROUP).unwrap();
    let kinds: Vec<bool> = description.members.iter().map(|m| m.is_classic).collect();
    assert_eq!(kinds.iter().filter(|is_classic| **is_classic).count(), 1);
    let leave = LeaveRequest {
        group_id: GROUP.to_owned(),
        members: vec![Leaving {
            member_id: id,
            instance_id: None,
        }],
    };
    let (left, effects) = world.groups.leave(world.now, &leave);
    world.take(effects);
    assert_eq!(left.unwrap()[0].error, None);
    let told = world.beat("new", 3, None).unwrap();
    assert_eq!(told.assignment, Some(partitions(topic, 0..2)));
}

#[test]
fn a_classic_member_that_does_not_join_again_in_time_is_fenced() {
    let mut world = World::new();
    let topic = world.create("t", 2);
    let old = classic_group(&mut world);
    world.join("new", &["t"]);
    for _ in 0..4 {
        // It lives, but does not join.
        let told = classic_beat(&mut world, &old, 1);
        assert_eq!(told, Err(GroupError::RebalanceInProgress));
        world.beat("new", 2, None).unwrap();
        world.pass_ms(15_000);
    }
    assert_eq!(
        classic_beat(&mut world, &old, 1),
        Err(GroupError::UnknownMemberId)
    );
    let told = world.beat("new", 2, None).unwrap();
    assert_eq!(told.assignment, Some(partitions(topic, 0..2)));
}

#[test]
fn a_static_member_changes_its_protocol_and_keeps_its_place() {
    let mut world = World::new();
    world.create("t", 1);
    let named = |request: ConsumerHeartbeat| ConsumerHeartbeat {
        instance_id: Some("i".to_owned()),
        ..request
    };
    world.join("other", &["t"]);
    world.send(named(joining("a", &["t"]))).unwrap();
    world.send(named(staying("a", LEAVING_FOR_NOW))).unwrap();
    let request = JoinRequest {
        instance_id: Some("i".to_owned()),
        ..classic("", Vec::new())
    };
    let joined = world.classic_join(request);
    assert_eq!(joined.error, None);
    assert_ne!(joined.member_id, "a");
    let description = world.groups.describe_consumer(GROUP).unwrap();
    assert_eq!(description.members.len(), 2);
    // And back: a classic member cannot say that it leaves for now.
    world.send(named(joining("b", &["t"]))).unwrap();
    assert!(
        world
            .groups
            .describe_consumer(GROUP)
            .unwrap()
            .members
            .iter()
            .all(|m| !m.is_classic)
    );
}

#[test]
fn the_policy_says_which_way_groups_may_go() {
    let with = |name: &str| {
        let mut config = super::world::config();
        config.consumer.migration_policy = MigrationPolicy::named(name);
        let mut world = World::with(config);
        world.create("t", 2);
        world
    };
    for policy in ["disabled", "downgrade"] {
        let mut world = with(policy);
        classic_group(&mut world);
        let refused = world.send(joining("new", &["t"]));
        assert_eq!(refused, Err(GroupError::GroupIdNotFound), "{policy}");
        assert!(world.groups.describe(GROUP).is_some());
    }
    let mut world = with("upgrade");
    let old = classic_group(&mut world);
    world.join("new", &["t"]);
    rejoin(&mut world, &old, Vec::new());
    world.beat("new", LEAVING, None).unwrap();
    assert!(
        world.groups.describe_consumer(GROUP).is_some(),
        "no way back"
    );
    let mut world = with("disabled");
    world.join("new", &["t"]);
    let refused = world.classic_join(classic("", Vec::new()));
    assert_eq!(refused.error, Some(GroupError::InconsistentGroupProtocol));
}

#[test]
fn an_empty_group_may_be_of_either_protocol() {
    let mut world = World::new();
    world.create("t", 1);
    world.join("new", &["t"]);
    world.beat("new", LEAVING, None).unwrap();
    let old = classic_group(&mut world);
    restart(&mut world);
    assert_eq!(world.groups.describe(GROUP).unwrap().state, "Stable");
    let leave = LeaveRequest {
        group_id: GROUP.to_owned(),
        members: vec![Leaving {
            member_id: old,
            instance_id: None,
        }],
    };
    let (_, effects) = world.groups.leave(world.now, &leave);
    world.take(effects);
    world.pass_ms(60_000);
    assert_eq!(world.join("new", &["t"]).epoch, 2);
    restart(&mut world);
    assert_eq!(world.state(), "Stable");
}

#[test]
fn a_group_whose_assignor_keeps_data_of_its_own_is_not_converted() {
    let mut world = World::new();
    world.create("t", 1);
    let id = world.classic_join(classic("", Vec::new())).member_id;
    let reply = world.reply();
    let effects = world
        .groups
        .join(world.now, classic(&id, Vec::new()), reply);
    world.take(effects);
    world.pass_ms(3_000);
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    bytes.put_i32(0);
    bytes.put_i32(1);
    bytes.put_u8(9);
    let request = SyncRequest {
        group_id: GROUP.to_owned(),
        generation: 1,
        member_id: id.clone(),
        assignments: vec![(id, bytes.freeze())],
        ..SyncRequest::default()
    };
    let reply = world.reply();
    let effects = world.groups.sync(world.now, request, reply);
    world.take(effects);
    let refused = world.send(joining("new", &["t"]));
    assert_eq!(refused, Err(GroupError::GroupIdNotFound));
    assert_eq!(world.groups.describe(GROUP).unwrap().state, "Stable");
}

#[test]
fn members_that_are_not_of_the_protocol_are_not_taken_for_it() {
    let mut world = World::new();
    world.create("t", 1);
    world.join("new", &["t"]);
    assert_eq!(
        classic_beat(&mut world, "new", 2),
        Err(GroupError::UnknownMemberId)
    );
    let response = world.classic_sync("new", 2);
    assert_eq!(response.error, Some(GroupError::UnknownMemberId));
    let other = JoinRequest {
        protocol_type: "connect".to_owned(),
        ..classic("x", Vec::new())
    };
    let refused = world.classic_join(other);
    assert_eq!(refused.error, Some(GroupError::InconsistentGroupProtocol));
}
