//! What lag is made of in a group with members of the new protocol, or of both.

use std::collections::BTreeMap;

use super::classic::classic;
use super::world::{GROUP, World, partitions};
use crate::group::consumer::messages::LEAVING;
use crate::group::{CommitRequest, OffsetToCommit};

/// Who reads which partition, and what is committed for it.
fn progress(world: &World) -> BTreeMap<(String, i32), (Option<String>, Option<i64>)> {
    let progress = world.groups.progress(GROUP).unwrap();
    let offsets = progress.offsets.into_iter();
    offsets
        .map(|(partition, one)| (partition, (one.member_id, one.committed_offset)))
        .collect()
}

fn t(partition: i32) -> (String, i32) {
    ("t".to_owned(), partition)
}

fn read_by(member_id: &str) -> (Option<String>, Option<i64>) {
    (Some(member_id.to_owned()), None)
}

#[test]
fn members_of_the_new_protocol_are_known_with_what_they_read() {
    let mut world = World::new();
    let topic = world.create("t", 2);
    world.join("a", &["t"]);
    let commit = CommitRequest {
        group_id: GROUP.to_owned(),
        member_id: "a".to_owned(),
        generation: 2,
        knows_group_id_not_found: true,
        offsets: vec![OffsetToCommit {
            topic: "t".to_owned(),
            partition: 1,
            offset: 7,
            ..OffsetToCommit::default()
        }],
        ..CommitRequest::default()
    };
    let reply = world.reply();
    let effects = world.groups.commit(world.now, commit, reply);
    world.take(effects);
    assert_eq!(world.commits.remove(&reply), Some(vec![Ok(())]));

    let wanted = BTreeMap::from([(t(0), read_by("a")), (t(1), (read_by("a").0, Some(7)))]);
    assert_eq!(progress(&world), wanted);
    let told = world.groups.progress(GROUP).unwrap();
    assert_eq!((told.state, told.member_ids), ("Stable", vec!["a".into()]));

    // What is to be given back is read by who has it.
    world.join("b", &["t"]);
    world.beat("a", 2, None).unwrap();
    let told = world.groups.progress(GROUP).unwrap();
    assert_eq!(told.state, "Reconciling");
    assert_eq!(told.member_ids, ["a", "b"]);
    assert_eq!(progress(&world), wanted);
    world.beat("a", 2, Some(&partitions(topic, [0]))).unwrap();
    world.beat("b", 3, None).unwrap();
    let wanted = BTreeMap::from([(t(0), read_by("a")), (t(1), (read_by("b").0, Some(7)))]);
    assert_eq!(progress(&world), wanted);
}

#[test]
fn classic_members_among_them_are_known_as_well() {
    let mut world = World::new();
    world.create("t", 1);
    world.join("a", &["t"]);
    let id = world.classic_join(classic("", vec![])).member_id;
    world.classic_join(classic(&id, vec![]));
    let mut members = vec!["a".to_owned(), id.clone()];
    members.sort();
    assert_eq!(world.groups.progress(GROUP).unwrap().member_ids, members);
    world.beat("a", LEAVING, None).unwrap();
    assert_eq!(world.groups.progress(GROUP).unwrap().member_ids, [id]);
}

#[test]
fn what_nobody_reads_any_more_is_not_told_of() {
    let mut world = World::new();
    world.create("t", 1);
    world.join("a", &["t"]);
    world.cluster.delete("t");
    world.tell_topics(false);
    assert_eq!(progress(&world), BTreeMap::new());
    world.beat("a", LEAVING, None).unwrap();
    let told = world.groups.progress(GROUP).unwrap();
    assert_eq!((told.state, told.member_ids), ("Empty", Vec::new()));
}
