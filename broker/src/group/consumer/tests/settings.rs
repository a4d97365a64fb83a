//! What groups are told while they have members: by the broker, and by settings of their own.

use std::rc::Rc;

use super::world::{GROUP, World, config, joining};
use crate::group::consumer::messages::ConsumerHeartbeat;
use crate::group::{ConsumerConfig, GroupConfig, GroupError};

/// What counts for `GROUP` alone.
fn with_own(own: ConsumerConfig) -> GroupConfig {
    GroupConfig {
        own: Rc::new([(GROUP.to_owned(), own)].into()),
        ..config()
    }
}

fn is_there(world: &World, group_id: &str) -> bool {
    let group = world.groups.describe_consumer(group_id);
    group.is_some_and(|group| !group.members.is_empty())
}

#[test]
fn a_group_s_own_settings_count_for_its_members_from_their_next_heartbeat_on() {
    let mut world = World::new();
    world.create("t", 1);
    assert_eq!(world.join("a", &["t"]).heartbeat_interval_ms, 5_000);
    let other = ConsumerHeartbeat {
        group_id: "other".to_owned(),
        ..joining("a", &["t"])
    };
    world.send(other.clone()).unwrap();

    world.groups.take_config(with_own(ConsumerConfig {
        session_timeout_ms: 60_000,
        heartbeat_interval_ms: 7_000,
        ..ConsumerConfig::default()
    }));
    let told = world.beat("a", 2, None).unwrap();
    assert_eq!(told.heartbeat_interval_ms, 7_000);
    assert_eq!(world.send(other).unwrap().heartbeat_interval_ms, 5_000);
    world.pass_ms(45_000);
    assert!(is_there(&world, GROUP) && !is_there(&world, "other"));
    world.pass_ms(15_000);
    assert!(!is_there(&world, GROUP));

    // And without them it has the broker's again.
    world.groups.take_config(config());
    assert_eq!(world.join("a", &["t"]).heartbeat_interval_ms, 5_000);
    world.pass_ms(45_000);
    assert!(!is_there(&world, GROUP));
    assert_eq!(world.beat("a", 2, None), Err(GroupError::UnknownMemberId));
}

#[test]
fn the_assignment_interval_changes_while_a_group_goes_on() {
    let mut world = World::new();
    let interval = |ms| ConsumerConfig {
        assignment_interval_ms: ms,
        ..ConsumerConfig::default()
    };
    world.groups.take_config(GroupConfig {
        consumer: interval(10_000),
        ..config()
    });
    world.create("t", 2);
    world.pass_ms(10_000);
    world.join("a", &["t"]);
    world.join("b", &["t"]);
    assert_eq!(world.state(), "Assigning", "it is not time for another one");
    world.groups.take_config(with_own(interval(0)));
    world.beat("a", 2, None).unwrap();
    assert_eq!(world.state(), "Reconciling");
}
