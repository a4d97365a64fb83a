//! Mistakes that Kafka made and mended, each by the name of its issue.

use super::world::{GROUP, World, joining, partitions, staying};
use crate::group::consumer::messages::{ConsumerHeartbeat, LEAVING};
use crate::group::records::consumer::{ConsumerRecord, Partitions};
use crate::group::records::{Key, OffsetsRecord};

fn consumer_record(record: &OffsetsRecord) -> ConsumerRecord {
    match Key::decode(&record.key).unwrap() {
        Key::Consumer { key, .. } => ConsumerRecord::decode(key, record.value.as_deref()).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Epoch 1 is that of a group without members: the first who joins gets epoch 2, so that it cannot
/// take the answer for one of before.
#[test]
fn kafka_20268_the_first_member_has_epoch_2() {
    let mut world = World::new();
    world.create("t", 1);
    assert_eq!(world.join("a", &["t"]).epoch, 2);
    assert_eq!(world.log.len(), 5);
    let order: Vec<_> = world.log.iter().map(|r| consumer_record(r).key()).collect();
    use crate::group::records::consumer::ConsumerKey as K;
    let id = || "a".to_owned();
    let expected = [
        K::Member(id()),
        K::Group,
        K::Target(id()),
        K::TargetEpoch,
        K::Current(id()),
    ];
    assert_eq!(order, expected, "as Kafka 4.4 writes them");
}

/// A member that was fenced, or lost its answers, joins again with epoch 0, whatever its epoch was.
#[test]
fn kafka_19233_a_member_joins_again_with_epoch_0() {
    let mut world = World::new();
    let topic = world.create("t", 2);
    world.join("a", &["t"]);
    world.join("b", &["t"]);
    let again = world.join("a", &["t"]);
    assert_eq!(again.epoch, 3, "it has let go of everything");
    assert_eq!(again.assignment, Some(partitions(topic, [0])));
    let instance = |id: &str| ConsumerHeartbeat {
        instance_id: Some("i".to_owned()),
        ..joining(id, &["t"])
    };
    world.send(instance("c")).unwrap();
    world.send(instance("c")).unwrap();
}

/// When the last member goes there is nothing to be assigned: the group is empty, not assigning.
#[test]
fn kafka_20442_the_assignment_of_an_empty_group_is_up_to_date() {
    let mut world = World::new();
    world.create("t", 1);
    world.join("a", &["t"]);
    world.beat("a", LEAVING, None).unwrap();
    let description = world.groups.describe_consumer(GROUP).unwrap();
    assert_eq!(description.state, "Empty");
    assert_eq!((description.epoch, description.assignment_epoch), (3, 3));
    // And the next member counts on from there.
    assert_eq!(world.join("b", &["t"]).epoch, 4);
}

/// A member that goes must not free a partition that is another's by now, or a third would get it.
#[test]
fn kafka_16147_whoever_goes_frees_only_what_is_its_own() {
    let mut world = World::new();
    let topic = world.create("t", 2);
    world.join("a", &["t"]);
    world.join("b", &["t"]);
    world.beat("a", 2, None).unwrap();
    world.beat("a", 2, Some(&partitions(topic, [0]))).unwrap();
    let told = world.beat("b", 3, None).unwrap();
    assert_eq!(told.assignment, Some(partitions(topic, [1])));
    world.beat("a", LEAVING, None).unwrap();
    let third = world.join("c", &["t"]);
    let held = third.assignment.unwrap();
    assert_eq!(held, partitions(topic, [0]), "1 is b's all the time");
}

/// A topic that a member is no longer subscribed to goes with the heartbeat that says so, not with
/// the next assignment.
#[test]
fn kafka_19431_an_unsubscribed_topic_goes_at_once() {
    let mut config = super::world::config();
    config.consumer.assignment_interval_ms = 3_600_000;
    let mut world = World::with(config);
    let topic = world.create("t", 1);
    let other = world.create("u", 1);
    world.join("a", &["t", "u"]);
    let mut both = partitions(topic, [0]);
    both.insert(other, [0].into());
    let request = ConsumerHeartbeat {
        topic_names: Some(vec!["u".to_owned()]),
        owned: Some(both),
        ..staying("a", 2)
    };
    let told = world.send(request).unwrap();
    assert_eq!(told.assignment, Some(partitions(other, [0])));
}

/// A member that has more to give back when it has given back is in the same epoch still: the next
/// one would be too early for what it has.
#[test]
fn kafka_19974_to_revoke_again_keeps_the_epoch() {
    let mut world = World::new();
    let topic = world.create("t", 4);
    world.join("a", &["t"]);
    world.join("b", &["t"]);
    let told = world.beat("a", 2, None).unwrap();
    assert_eq!(told.assignment, Some(partitions(topic, 0..2)));
    world.join("c", &["t"]);
    world.join("d", &["t"]);
    // It has let go of 2 and 3, and is to let go of one more.
    let told = world.beat("a", 2, Some(&partitions(topic, 0..2))).unwrap();
    assert_eq!(told.epoch, 2);
    assert_eq!(told.assignment.map(|a| a[&topic].len()), Some(1));
}

/// While the log is read, compaction may take records from between others. A partition that has
/// gone from one member to another in between is not an error, and has the right owner in the end.
#[test]
fn kafka_19862_replay_goes_on_where_compaction_took_records() {
    let mut world = World::new();
    let topic = world.create("t", 2);
    world.join("a", &["t"]);
    world.join("b", &["t"]);
    world.beat("a", 2, None).unwrap();
    world.beat("a", 2, Some(&partitions(topic, [0]))).unwrap();
    world.beat("b", 3, None).unwrap();
    // The record by which a let go of 1 is gone where b's that has it is met, and comes later.
    let is_last_of_a = |record: &ConsumerRecord| matches!(record, ConsumerRecord::Current(id, Some(value)) if id == "a" && value.epoch == 3);
    let mut log = world.log.clone();
    let at = log
        .iter()
        .position(|record| is_last_of_a(&consumer_record(record)))
        .unwrap();
    let moved = log.remove(at);
    log.push(moved);
    let mut replayed = World::new();
    replayed.create("t", 2);
    for (offset, record) in (0..).zip(&log) {
        replayed
            .groups
            .replay(offset, None, &record.key, record.value.as_deref())
            .unwrap();
    }
    replayed.groups.loaded(replayed.now);
    assert_eq!(
        replayed.groups.describe_consumer(GROUP),
        world.groups.describe_consumer(GROUP)
    );
    let told = replayed.join("c", &["t"]);
    assert_eq!(told.assignment, Some(Partitions::new()), "both have owners");
}

/// What a member is to give back is still its own, and shown.
#[test]
fn kafka_20431_what_is_being_revoked_is_described() {
    let mut world = World::new();
    let topic = world.create("t", 2);
    world.join("a", &["t"]);
    world.join("b", &["t"]);
    world.beat("a", 2, None).unwrap();
    let description = world.groups.describe_consumer(GROUP).unwrap();
    assert_eq!(description.members[0].assigned, partitions(topic, 0..2));
    assert_eq!(description.members[0].target, partitions(topic, [0]));
}
