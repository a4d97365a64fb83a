//! `__consumer_offsets` is a topic like any other: when it is deleted, members that wait for their
//! group are told to look for another coordinator, and find one.

use crate::harness::{
    Broker, delete_topic, find_coordinator_request, join_group_request, metadata_request,
};

const NOT_COORDINATOR: [u8; 2] = 16_i16.to_be_bytes();

#[test]
fn when_its_coordinator_is_deleted() {
    // The first member of a group waits for others to come.
    let broker = Broker::start(&[
        ("group.initial.rebalance.delay.ms", "600000"),
        ("naru.shards", "2"),
    ]);
    let mut members: Vec<_> = (0..8).map(|_| broker.raw()).collect();
    for (number, member) in members.iter_mut().enumerate() {
        let group = format!("group-{number}");
        member.send(&find_coordinator_request(&group)).unwrap();
        assert_eq!(member.receive().unwrap()[..2], [0, 0]);
        member.send(&join_group_request(&group, 600_000)).unwrap();
    }
    let mut other = broker.raw();
    other.send(&metadata_request(0, &[])).unwrap();
    other.receive().unwrap();
    assert!(members.iter().all(|member| !member.has_answer().unwrap()));

    delete_topic(&broker.bootstrap(), "__consumer_offsets");
    for member in &mut members {
        assert_eq!(member.receive().unwrap()[..2], NOT_COORDINATOR);
        member.send(&find_coordinator_request("group")).unwrap();
        assert_eq!(member.receive().unwrap()[..2], [0, 0]);
    }
}
