//! What readers of images see: what changed, and who has taken it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use super::super::changes::CHANGES_MAX;
use super::super::images::Images;
use super::*;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn names(topics: &[std::sync::Arc<Topic>]) -> Vec<&str> {
    topics.iter().map(|topic| &*topic.name).collect()
}

#[test]
fn an_image_tells_what_changed_since_another() {
    let (mut state, _) = after(&[register(1, 1), create("a", 1, 1), create("b", 2, 1)]);
    let before = state.image();
    let commands = [
        alter(1, "flush.ms", Some("5"), false),
        create("c", 3, 1),
        delete(2),
        create("short-lived", 4, 1),
        delete(4),
        create("b", 5, 1),
    ];
    for (index, command) in (4..).zip(&commands) {
        state.apply(index, command).unwrap();
    }
    let now = state.image();
    let delta = now.since(&before);
    assert_eq!(names(&delta.altered), ["a"]);
    assert_eq!(names(&delta.created), ["c", "b"]);
    assert_eq!(names(&delta.deleted), ["b"]);
    assert_eq!(delta.deleted[0].id, Uuid::from_u128(2));
    assert_eq!(now.since(&now), Delta::default());
    assert!(now.is_deleted(Uuid::from_u128(2)) && now.is_deleted(Uuid::from_u128(4)));
    assert!(!now.is_deleted(Uuid::from_u128(5)) && !now.is_deleted(Uuid::from_u128(9)));
}

#[test]
fn a_reader_that_missed_more_changes_than_are_kept_still_sees_all_of_them() {
    let (mut state, _) = after(&[register(1, 1), create("a", 1, 1), create("b", 2, 1)]);
    let before = state.image();
    state.apply(4, &delete(2)).unwrap();
    state.apply(5, &create("c", 3, 1)).unwrap();
    for index in 6..6 + CHANGES_MAX as u64 {
        let value = index.to_string();
        let altered = state.apply(index, &alter(1, "flush.ms", Some(&value), false));
        altered.unwrap();
    }
    let now = state.image();
    let delta = now.since(&before);
    assert_eq!(names(&delta.altered), ["a"]);
    assert_eq!(names(&delta.created), ["c"]);
    assert_eq!(names(&delta.deleted), ["b"]);
    assert!(!now.is_deleted(Uuid::from_u128(2)), "it is long forgotten");
}

proptest! {
    #[test]
    fn changes_and_comparison_of_all_topics_agree(
        commands in prop::collection::vec(any_command(), 0..60),
        cut in 0usize..60,
    ) {
        let (first, _) = after(&commands[..cut.min(commands.len())]);
        let before = first.image();
        let now = after(&commands).0.image();
        let mut forgetful = now.clone();
        forgetful.changes = std::sync::Arc::new(
            super::super::changes::Changes::from_parts(u64::MAX, Vec::new()),
        );
        let sorted = |mut delta: Delta| {
            for list in [&mut delta.created, &mut delta.altered, &mut delta.deleted] {
                list.sort_by_key(|topic| topic.id);
            }
            delta
        };
        // Topics are told apart by their pointers, and these states were built twice.
        let known = now.since(&before);
        let compared = forgetful.since(&before);
        let ids = |delta: Delta| {
            let delta = sorted(delta);
            [delta.created, delta.deleted].map(|list| {
                list.iter().map(|topic| topic.id).collect::<Vec<_>>()
            })
        };
        prop_assert_eq!(ids(known), ids(compared));
    }
}

#[test]
fn an_image_counts_as_applied_when_every_reader_says_so() {
    let (mut state, _) = after(&[register(1, 1)]);
    let images = Images::new(state.image(), Some(1));
    let (mut one, mut other) = (images.subscribe(), images.subscribe());
    state.apply(2, &create("a", 1, 1)).unwrap();
    images.publish(state.image());
    let mut applied = pin!(images.applied(2));
    assert!(poll(applied.as_mut()).is_pending());
    for reader in [&mut one, &mut other] {
        let Poll::Ready(image) = poll(pin!(reader.next())) else {
            panic!("a new image is there");
        };
        assert_eq!(image.index, 2);
        assert!(
            poll(pin!(reader.next())).is_pending(),
            "there is no newer one"
        );
    }
    one.acknowledge_deletions();
    assert!(poll(pin!(one.deletions_acknowledged())).is_pending());
    other.acknowledge_deletions();
    assert!(poll(pin!(one.deletions_acknowledged())).is_ready());
    one.acknowledge();
    assert!(poll(applied.as_mut()).is_pending());
    // A shard whose thread has ended holds nobody up.
    drop(other);
    assert!(poll(applied.as_mut()).is_ready());
}
