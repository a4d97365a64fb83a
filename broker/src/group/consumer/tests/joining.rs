//! Members join, share, go on and leave.

use super::world::{GROUP, World, joining, partitions, staying};
use crate::group::GroupError;
use crate::group::consumer::messages::{ConsumerHeartbeat, LEAVING, LEAVING_FOR_NOW};
use crate::group::records::consumer::Partitions;

#[test]
fn two_members_share_a_topic_and_no_partition_is_anybodys_twice() {
    let mut world = World::new();
    let topic = world.create("t", 3);
    let first = world.join("a", &["t"]);
    assert_eq!(first.epoch, 2);
    assert_eq!(first.assignment, Some(partitions(topic, 0..3)));
    assert_eq!(world.state(), "Stable");

    // The second has to wait for what the first has.
    let second = world.join("b", &["t"]);
    assert_eq!(second.epoch, 3);
    assert_eq!(second.assignment, Some(Partitions::new()));
    assert_eq!(world.state(), "Reconciling");

    let told = world.beat("a", 2, None).unwrap();
    assert_eq!(told.epoch, 2, "it stays in its epoch until it has let go");
    assert_eq!(told.assignment, Some(partitions(topic, 0..2)));
    // Still in its hands.
    let all = partitions(topic, 0..3);
    assert_eq!(world.beat("a", 2, Some(&all)).unwrap().assignment, None);
    assert_eq!(world.beat("b", 3, None).unwrap().assignment, None);

    let kept = partitions(topic, 0..2);
    let told = world.beat("a", 2, Some(&kept)).unwrap();
    assert_eq!((told.epoch, told.assignment), (3, None));
    let told = world.beat("b", 3, None).unwrap();
    assert_eq!(told.assignment, Some(partitions(topic, [2])));
    assert_eq!(world.state(), "Stable");
}

#[test]
fn what_a_member_leaves_goes_to_the_others() {
    let mut world = World::new();
    let topic = world.create("t", 2);
    world.join("a", &["t"]);
    world.join("b", &["t"]);
    world.beat("a", 2, None).unwrap();
    world.beat("a", 2, Some(&partitions(topic, [0]))).unwrap();
    world.beat("b", 3, None).unwrap();
    let left = world.beat("b", LEAVING, None).unwrap();
    assert_eq!(left.epoch, LEAVING);
    let told = world.beat("a", 3, None).unwrap();
    assert_eq!(told.epoch, 4);
    assert_eq!(told.assignment, Some(partitions(topic, 0..2)));
    world.beat("a", LEAVING, None).unwrap();
    assert_eq!(world.state(), "Empty");
}

#[test]
fn requests_that_say_too_little_or_too_much_are_refused() {
    let mut world = World::new();
    world.create("t", 1);
    let invalid = |request: ConsumerHeartbeat| {
        let mut world = World::new();
        assert_eq!(world.send(request), Err(GroupError::InvalidRequest));
        assert!(!world.groups.contains(GROUP), "nothing is left of it");
    };
    let valid = || joining("a", &["t"]);
    let some = || Some(String::new());
    invalid(ConsumerHeartbeat {
        group_id: String::new(),
        ..valid()
    });
    invalid(ConsumerHeartbeat {
        member_id: String::new(),
        ..valid()
    });
    invalid(ConsumerHeartbeat {
        instance_id: some(),
        ..valid()
    });
    invalid(ConsumerHeartbeat {
        rack_id: some(),
        ..valid()
    });
    invalid(ConsumerHeartbeat {
        rebalance_timeout_ms: None,
        ..valid()
    });
    invalid(ConsumerHeartbeat {
        owned: None,
        ..valid()
    });
    let owned = Some(partitions(uuid::Uuid::nil(), [0]));
    invalid(ConsumerHeartbeat { owned, ..valid() });
    invalid(ConsumerHeartbeat {
        topic_names: None,
        ..valid()
    });
    invalid(staying("a", -3));
    invalid(staying("a", LEAVING_FOR_NOW));
    invalid(staying("", LEAVING));
    let unknown = Some("sticky".to_owned());
    let refused = world.send(ConsumerHeartbeat {
        server_assignor: unknown,
        ..valid()
    });
    assert_eq!(refused, Err(GroupError::UnsupportedAssignor));
    assert_eq!(world.beat("a", 1, None), Err(GroupError::GroupIdNotFound));
    assert_eq!(
        world.beat("a", LEAVING, None),
        Err(GroupError::GroupIdNotFound)
    );
}

#[test]
fn a_member_of_version_0_is_given_an_id() {
    let mut world = World::new();
    world.create("t", 1);
    let request = ConsumerHeartbeat {
        requires_member_id: false,
        ..joining("", &["t"])
    };
    let joined = world.send(request).unwrap();
    assert!(!joined.member_id.is_empty());
    assert_eq!(world.beat(&joined.member_id, 2, None).unwrap().epoch, 2);
}

#[test]
fn a_full_group_takes_nobody_else() {
    let mut config = super::world::config();
    config.consumer.members_max = 1;
    let mut world = World::with(config);
    world.create("t", 1);
    world.join("a", &["t"]);
    let refused = world.send(joining("b", &["t"]));
    assert_eq!(refused, Err(GroupError::GroupMaxSizeReached));
    world.beat("a", 2, None).unwrap();
}

#[test]
fn topics_that_grow_come_or_go_change_the_assignment() {
    let mut world = World::new();
    let topic = world.create("t", 1);
    world.join("a", &["t", "u"]);
    world.grow("t", 2);
    let told = world.beat("a", 2, None).unwrap();
    assert_eq!(told.epoch, 3);
    assert_eq!(told.assignment, Some(partitions(topic, 0..2)));
    let other = world.create("u", 1);
    let told = world.beat("a", 3, None).unwrap();
    let mut both = partitions(topic, 0..2);
    both.insert(other, [0].into());
    assert_eq!((told.epoch, told.assignment), (4, Some(both)));
    // One that nobody is subscribed to changes nothing.
    world.create("v", 1);
    assert_eq!(world.beat("a", 4, None).unwrap().epoch, 4);
    world.cluster.delete("t");
    world.tell_topics(false);
    let told = world.beat("a", 4, None).unwrap();
    assert_eq!(told.assignment, Some(partitions(other, [0])));
}

#[test]
fn the_assignor_that_most_ask_for_is_used() {
    let mut world = World::new();
    let topic = world.create("t", 4);
    let other = world.create("u", 1);
    let asking = |id: &str, name: &str| ConsumerHeartbeat {
        server_assignor: Some(name.to_owned()),
        ..joining(id, &["t", "u"])
    };
    world.send(asking("a", "range")).unwrap();
    let description = world.groups.describe_consumer(GROUP).unwrap();
    assert_eq!(description.assignor, "range");
    world.send(asking("b", "range")).unwrap();
    world.send(asking("c", "uniform")).unwrap();
    let description = world.groups.describe_consumer(GROUP).unwrap();
    assert_eq!(description.assignor, "range");
    // For each topic, the first get one more.
    let target = |at: usize| description.members[at].target.clone();
    let mut first = partitions(topic, 0..2);
    first.insert(other, [0].into());
    assert_eq!(target(0), first);
    assert_eq!(target(2), partitions(topic, [3]));
    // A vote alone begins a new epoch.
    let epoch = description.epoch;
    let vote = ConsumerHeartbeat {
        server_assignor: Some("uniform".to_owned()),
        ..staying("b", description.members[1].epoch)
    };
    world.send(vote).unwrap();
    let description = world.groups.describe_consumer(GROUP).unwrap();
    assert_eq!(description.assignor, "uniform");
    assert_eq!(description.epoch, epoch + 1);
}

#[test]
fn a_crowd_that_joins_is_assigned_once_an_interval() {
    let mut config = super::world::config();
    config.consumer.assignment_interval_ms = 1_000;
    let mut world = World::with(config);
    let topic = world.create("t", 2);
    world.join("a", &["t"]);
    let second = world.join("b", &["t"]);
    assert_eq!(
        second.epoch, 2,
        "the target is that of the first epoch still"
    );
    assert_eq!(world.state(), "Assigning");
    world.pass_ms(1_000);
    let told = world.beat("b", 2, None).unwrap();
    assert_eq!(told.epoch, 3);
    let told = world.beat("a", 2, None).unwrap();
    assert_eq!(told.assignment, Some(partitions(topic, [0])));
}

#[test]
fn topics_are_found_by_expression_also_those_that_come_later() {
    let mut world = World::new();
    let topic = world.create("orders-1", 1);
    world.create("bills", 1);
    let request = ConsumerHeartbeat {
        topic_names: Some(Vec::new()),
        topic_regex: Some("orders-.*".to_owned()),
        ..joining("a", &[])
    };
    let joined = world.send(request).unwrap();
    assert_eq!(joined.epoch, 1, "nothing is known yet");
    assert_eq!(joined.assignment, Some(Partitions::new()));
    world.search();
    let told = world.beat("a", 1, None).unwrap();
    assert_eq!(
        (told.epoch, told.assignment),
        (2, Some(partitions(topic, [0])))
    );

    let other = world.create("orders-2", 1);
    world.beat("a", 2, None).unwrap();
    assert!(world.searches.is_empty(), "not so soon after the last");
    world.pass_ms(10_001);
    world.beat("a", 2, None).unwrap();
    world.search();
    let told = world.beat("a", 2, None).unwrap();
    let mut both = partitions(topic, [0]);
    both.insert(other, [0].into());
    assert_eq!((told.epoch, told.assignment), (3, Some(both)));

    // Without any change it is looked at again after ten minutes.
    for _ in 0..20 {
        world.pass_ms(30_000);
        world.beat("a", 3, None).unwrap();
    }
    assert!(world.searches.is_empty());
    world.pass_ms(1_000);
    world.beat("a", 3, None).unwrap();
    assert_eq!(world.searches.len(), 1);
    world.search();
    assert_eq!(world.beat("a", 3, None).unwrap().epoch, 3);

    // Taken back, nothing is left.
    let request = ConsumerHeartbeat {
        topic_regex: Some(String::new()),
        ..staying("a", 3)
    };
    let told = world.send(request).unwrap();
    assert_eq!(told.assignment, Some(Partitions::new()));
}

#[test]
fn an_expression_that_is_none_is_refused_and_leaves_nothing() {
    let mut world = World::new();
    let request = ConsumerHeartbeat {
        topic_regex: Some("(".to_owned()),
        ..joining("a", &[])
    };
    let refused = world.send(request);
    assert_eq!(refused, Err(GroupError::InvalidRegularExpression));
    assert!(!world.groups.contains(GROUP));
}

#[test]
fn a_static_member_that_comes_back_has_what_it_had() {
    let mut world = World::new();
    let topic = world.create("t", 2);
    let instance = |request: ConsumerHeartbeat| ConsumerHeartbeat {
        instance_id: Some("i".to_owned()),
        ..request
    };
    world.send(instance(joining("a", &["t"]))).unwrap();
    let refused = world.send(instance(joining("b", &["t"])));
    assert_eq!(refused, Err(GroupError::UnreleasedInstanceId));
    let left = world.send(instance(staying("a", LEAVING_FOR_NOW))).unwrap();
    assert_eq!(left.epoch, LEAVING_FOR_NOW);
    let back = world.send(instance(joining("b", &["t"]))).unwrap();
    assert_eq!(back.epoch, 2, "no new epoch for it");
    assert_eq!(back.assignment, Some(partitions(topic, 0..2)));
    let stale = world.send(instance(staying("a", 2)));
    assert_eq!(stale, Err(GroupError::FencedInstanceId));
    let unknown = ConsumerHeartbeat {
        instance_id: Some("j".to_owned()),
        ..staying("c", 2)
    };
    assert_eq!(world.send(unknown), Err(GroupError::UnknownMemberId));
}

#[test]
fn a_static_member_that_does_not_come_back_is_fenced_at_the_end_of_its_session() {
    let mut world = World::new();
    world.create("t", 1);
    let request = ConsumerHeartbeat {
        instance_id: Some("i".to_owned()),
        ..joining("a", &["t"])
    };
    world.send(request).unwrap();
    let leaving = ConsumerHeartbeat {
        instance_id: Some("i".to_owned()),
        ..staying("a", LEAVING_FOR_NOW)
    };
    world.send(leaving).unwrap();
    world.pass_ms(44_999);
    assert_eq!(world.state(), "Reconciling");
    world.pass_ms(1);
    assert_eq!(world.state(), "Empty");
}

#[test]
fn an_empty_group_can_be_deleted_and_one_with_members_cannot() {
    let mut world = World::new();
    world.create("t", 1);
    world.join("a", &["t"]);
    let reply = world.reply();
    let effects = world.groups.delete(GROUP, reply);
    world.take(effects);
    assert_eq!(world.deletions[&reply], Err(GroupError::NonEmptyGroup));
    world.beat("a", LEAVING, None).unwrap();
    let effects = world.groups.delete(GROUP, reply);
    world.take(effects);
    assert_eq!(world.deletions[&reply], Ok(()));
    assert!(!world.groups.contains(GROUP));
}
