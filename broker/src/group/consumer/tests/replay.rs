//! A restart is a replay: the same records make the same groups.

use std::rc::Rc;

use super::world::{GROUP, Reply, World, config, joining, partitions, staying};
use crate::group::consumer::messages::{ConsumerHeartbeat, LEAVING, LEAVING_FOR_NOW};
use crate::group::records::Key;
use crate::group::{Coordinator, GroupError};

/// A coordinator that has read the world's log.
pub fn replayed(world: &World) -> Coordinator<Reply> {
    let (asked, mut count) = (world.asked(), 0);
    let new_suffix = move || {
        count += 1;
        format!("id-{asked}-{count}")
    };
    let mut groups = Coordinator::new(config(), Box::new(new_suffix));
    groups.take_topics(Rc::new(world.cluster.clone()), true);
    for (offset, record) in (0..).zip(&world.log) {
        groups
            .replay(offset, None, &record.key, record.value.as_deref())
            .expect("a record of its own");
    }
    groups.loaded(world.now);
    groups
}

/// Restarts the world's coordinator from its log.
pub fn restart(world: &mut World) {
    world.groups = replayed(world);
    world.held.clear();
}

#[test]
fn members_go_on_after_a_restart_as_though_nothing_was() {
    let mut world = World::new();
    let topic = world.create("t", 2);
    world.join("a", &["t"]);
    let request = ConsumerHeartbeat {
        instance_id: Some("i".to_owned()),
        ..joining("b", &["t"])
    };
    world.send(request).unwrap();
    world.beat("a", 2, None).unwrap();
    restart(&mut world);
    assert_eq!(world.state(), "Reconciling");
    world.beat("a", 2, Some(&partitions(topic, [0]))).unwrap();
    let staying_static = |epoch| ConsumerHeartbeat {
        instance_id: Some("i".to_owned()),
        ..staying("b", epoch)
    };
    let told = world.send(staying_static(3)).unwrap();
    assert_eq!(told.assignment, Some(partitions(topic, [1])));
    world.send(staying_static(LEAVING_FOR_NOW)).unwrap();
    restart(&mut world);
    let back = ConsumerHeartbeat {
        instance_id: Some("i".to_owned()),
        ..joining("c", &["t"])
    };
    let back = world.send(back).unwrap();
    assert_eq!(back.assignment, Some(partitions(topic, [1])));
}

#[test]
fn sessions_begin_again_after_a_restart_and_so_does_the_time_to_give_back() {
    let mut world = World::new();
    let topic = world.create("t", 2);
    let request = ConsumerHeartbeat {
        rebalance_timeout_ms: Some(40_000),
        ..joining("a", &["t"])
    };
    world.send(request).unwrap();
    world.join("b", &["t"]);
    let all = partitions(topic, 0..2);
    world.beat("a", 2, Some(&all)).unwrap();
    world.pass_ms(30_000);
    restart(&mut world);
    world.pass_ms(39_999);
    world.beat("a", 2, Some(&all)).unwrap();
    world.pass_ms(1);
    assert_eq!(
        world.beat("a", 2, Some(&all)),
        Err(GroupError::UnknownMemberId)
    );
    world.pass_ms(5_000);
    assert_eq!(world.beat("b", 3, None), Err(GroupError::UnknownMemberId));
}

#[test]
fn a_deleted_group_stays_deleted() {
    let mut world = World::new();
    world.create("t", 1);
    world.join("a", &["t"]);
    world.beat("a", LEAVING, None).unwrap();
    let reply = world.reply();
    let effects = world.groups.delete(GROUP, reply);
    world.take(effects);
    restart(&mut world);
    assert!(!world.groups.contains(GROUP));
    let keys: Vec<_> = world.log.iter().map(|r| Key::decode(&r.key)).collect();
    assert!(keys.iter().all(Result::is_ok));
}

#[test]
fn a_group_that_nobody_uses_expires() {
    let mut world = World::new();
    world.create("t", 1);
    world.join("a", &["t"]);
    world.beat("a", LEAVING, None).unwrap();
    world.pass_ms(600_001);
    assert!(!world.groups.contains(GROUP));
    restart(&mut world);
    assert!(!world.groups.contains(GROUP));
}
