//! What a start finds after a crash at any operation, and after disks that fail: on a simulated
//! machine, whose writes tear and whose names get lost.

use std::cell::Cell;

use naru_runtime::sim::OpKind;

use super::super::{log, snapshot};
use super::*;

/// Small enough that a run takes several snapshots.
const SNAPSHOT_AFTER_BYTES: u64 = 600;

/// Whatever the machine loses, in several ways for each crash.
const LOSSES: u64 = 6;

fn groups() -> Vec<Vec<Command>> {
    let mut groups = vec![vec![register(1, 1)]];
    for id in 1..14 {
        let name = format!("t{id}");
        groups.push(vec![
            create(&name, id, 1),
            alter(id, "flush.ms", Some("7"), false),
        ]);
    }
    groups.push(vec![delete(3), create("t3", 30, 2)]);
    groups.push(vec![
        finalize(-1, "a", 1),
        set_broker(None, "k", Some("1"), false),
    ]);
    groups.push(vec![
        register(2, 2),
        set_broker(Some(2), "k", Some("2"), false),
    ]);
    groups.push(vec![Command::UnregisterBroker { node_id: 2 }]);
    groups
}

/// The state after each number of groups.
fn states(groups: &[Vec<Command>]) -> Vec<ClusterImage> {
    let mut state = ClusterState::default();
    let mut images = vec![state.image()];
    for command in groups {
        for command in command {
            state.apply(state.index() + 1, command).unwrap();
        }
        images.push(state.image());
    }
    images
}

/// Carries the groups out until the machine ends; returns how many were acknowledged, and whether
/// the machine came to the end.
fn run(sim: &Sim, groups: &[Vec<Command>]) -> (usize, bool) {
    let acknowledged = Cell::new(0);
    let directory = directory();
    let finished = sim.run(async {
        let node = SingleNode::open_with(sim.env(), &directory, 1, SNAPSHOT_AFTER_BYTES);
        let node = node.await.unwrap();
        for group in groups {
            node.propose(group.clone()).await.unwrap();
            acknowledged.set(acknowledged.get() + 1);
        }
    });
    (acknowledged.get(), finished.is_some())
}

/// The machine after the crash, in the ways that it may come up again.
fn survivors(sim: &Sim, seed: u64) -> impl Iterator<Item = Sim> + '_ {
    let cuts = (0..LOSSES).map(move |loss| sim.power_cut(seed * 100 + loss));
    cuts.chain([sim.kill(seed)])
}

#[test]
fn what_was_acknowledged_is_there_after_a_crash_at_any_operation() {
    let groups = groups();
    let states = states(&groups);
    let mut crashes = 0;
    for operation in 0.. {
        let sim = machine(operation);
        sim.crash_at(operation);
        let (acknowledged, is_finished) = run(&sim, &groups);
        if is_finished {
            break;
        }
        crashes += 1;
        for later in survivors(&sim, operation) {
            let node = open_with(&later, SNAPSHOT_AFTER_BYTES).unwrap();
            let found = states.iter().position(|state| *state == image(&node));
            let found = found.unwrap_or_else(|| panic!("a state that never was, at {operation}"));
            let possible = acknowledged..=acknowledged + 1;
            assert!(
                possible.contains(&found),
                "{found} groups of {acknowledged}"
            );
            // It goes on from there, and comes up again.
            for group in &groups[found..] {
                propose(&later, &node, group).unwrap();
            }
            let again = later.power_cut(1);
            assert_eq!(image(&open(&again)), states[groups.len()]);
        }
    }
    assert!(
        crashes > 40,
        "{crashes} operations are no run with snapshots"
    );
}

#[test]
fn a_crash_while_starting_again_changes_nothing() {
    let groups = groups();
    let states = states(&groups);
    // The first crash is in the middle of a snapshot, and of an append.
    for operation in [9, 20, 21, 22, 23, 24] {
        let sim = machine(operation);
        sim.crash_at(operation);
        let (acknowledged, _) = run(&sim, &groups);
        for second in 0.. {
            let later = sim.power_cut(second);
            later.crash_at(second);
            let directory = directory();
            let opened = SingleNode::open_with(later.env(), &directory, 1, NO_SNAPSHOT);
            if later.run(opened).is_some() {
                break;
            }
            for last in survivors(&later, second) {
                let found = image(&open(&last));
                let possible = &states[acknowledged..=acknowledged + 1];
                assert!(possible.contains(&found), "{operation}, then {second}");
            }
        }
    }
}

#[test]
fn a_flush_that_lies_is_found_out_by_these_tests() {
    let groups = groups();
    let states = states(&groups);
    let is_lost = (0..20).any(|seed| {
        let sim = machine(seed);
        sim.lie_about(OpKind::WriteDurable);
        let (acknowledged, _) = run(&sim, &groups[..3]);
        let later = sim.power_cut(seed);
        let found = open_with(&later, NO_SNAPSHOT).map(|node| image(&node));
        !found.is_ok_and(|found| states[acknowledged..].contains(&found))
    });
    assert!(is_lost);
}

#[test]
fn a_snapshot_takes_the_place_of_the_log_before_it() {
    let sim = machine(1);
    let node = open_with(&sim, SNAPSHOT_AFTER_BYTES).unwrap();
    propose(&sim, &node, &[register(1, 1)]).unwrap();
    for id in 1..50 {
        let answers = propose(&sim, &node, &[create(&format!("t{id}"), id, 1)]);
        assert!(answers.unwrap().answers[0].is_ok());
    }
    assert_eq!(files_of(&sim, snapshot::PREFIX).len(), 1);
    assert_eq!(files_of(&sim, log::PREFIX).len(), 1);
    assert_eq!(image(&open(&sim)), image(&node));
}

#[test]
fn after_a_failed_flush_the_outcome_is_unknown_and_no_command_is_taken() {
    for seed in 0..10 {
        let sim = machine(seed);
        let node = open(&sim);
        propose(&sim, &node, &[register(1, 1)]).unwrap();
        let before = image(&node);
        sim.fail(OpKind::WriteDurable, 1, nix::libc::EIO);
        let failed = propose(&sim, &node, &[create("a", 1, 1)]);
        assert!(
            matches!(failed, Err(ClusterError::OutcomeUnknown { .. })),
            "{failed:?}"
        );
        let refused = propose(&sim, &node, &[create("b", 2, 1)]);
        assert!(
            matches!(refused, Err(ClusterError::Fenced { .. })),
            "{refused:?}"
        );
        assert_eq!(image(&node), before, "what is not durable is not shown");
        // The next start may find the first and never the second.
        let found = image(&open(&sim.kill(seed)));
        assert!(found.topic(TopicRef::Name("b")).is_none());
        assert!(found.index == 1 || found.topic(TopicRef::Name("a")).is_some());
    }
}

#[test]
fn a_proposal_that_is_given_up_halfway_takes_the_log_with_it() {
    let sim = machine(1);
    let node = open(&sim);
    sim.run(async {
        let mut proposed = Box::pin(node.propose(vec![register(1, 1)]));
        std::future::poll_fn(|context| {
            assert!(proposed.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    })
    .unwrap();
    // What the dropped write leaves behind cannot be known.
    let refused = propose(&sim, &node, &[create("a", 1, 1)]);
    assert!(
        matches!(refused, Err(ClusterError::Fenced { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_snapshot_for_which_there_is_no_room_is_taken_later() {
    let sim = machine(1);
    let node = open_with(&sim, 200).unwrap();
    let first_write = sim.operations_of(OpKind::Write);
    sim.fail_from(OpKind::Write, first_write, nix::libc::ENOSPC);
    propose(&sim, &node, &[register(1, 1)]).unwrap();
    for id in 1..20 {
        propose(&sim, &node, &[create(&format!("t{id}"), id, 1)]).unwrap();
    }
    let is_whole = |(path, _): &(PathBuf, _)| path.extension().is_none();
    assert!(!files_of(&sim, snapshot::PREFIX).iter().any(is_whole));
    assert_eq!(image(&open(&sim.power_cut(1))), image(&node));
    sim.heal();
    for id in 20..40 {
        propose(&sim, &node, &[create(&format!("t{id}"), id, 1)]).unwrap();
    }
    assert!(files_of(&sim, snapshot::PREFIX).iter().any(is_whole));
    assert_eq!(image(&open(&sim.power_cut(2))), image(&node));
}

/// A full disk used to fence the metadata until a restart.
#[test]
fn a_full_disk_refuses_commands_until_there_is_room() {
    for seed in 0..10 {
        let sim = machine(seed);
        let node = open(&sim);
        propose(&sim, &node, &[register(1, 1)]).unwrap();
        let before = image(&node);
        // The log has the rest of its page: a write is done in part.
        sim.set_room(0);
        for id in 1..4 {
            let refused = propose(&sim, &node, &[create("a", id, 400)]);
            assert_eq!(refused, Err(ClusterError::NoRoom), "seed {seed}");
            assert_eq!(image(&node), before);
        }
        // Nothing of it is there after a crash either.
        for later in survivors(&sim, seed) {
            assert_eq!(image(&open(&later)), before);
        }
        sim.set_room(1 << 20);
        propose(&sim, &node, &[create("b", 9, 1)]).unwrap();
        let after = image(&node);
        assert_eq!(after.index, before.index + 1);
        assert!(after.topic(TopicRef::Name("a")).is_none());
        for later in survivors(&sim, seed + 100) {
            assert_eq!(image(&open(&later)), after);
        }
    }
}

/// Whether what was written in part is gone is not known then.
#[test]
fn a_full_disk_whose_log_cannot_be_cut_fences() {
    let sim = machine(1);
    let node = open(&sim);
    propose(&sim, &node, &[register(1, 1)]).unwrap();
    sim.set_room(0);
    let cuts = sim.operations_of(OpKind::SetLength);
    sim.fail(OpKind::SetLength, cuts, nix::libc::EIO);
    let failed = propose(&sim, &node, &[create("a", 1, 400)]);
    assert!(
        matches!(failed, Err(ClusterError::OutcomeUnknown { .. })),
        "{failed:?}"
    );
    sim.set_room(1 << 20);
    let refused = propose(&sim, &node, &[create("b", 2, 1)]);
    assert!(
        matches!(refused, Err(ClusterError::Fenced { .. })),
        "{refused:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn snapshot_and_log_are_the_state(
        groups in prop::collection::vec(prop::collection::vec(any_command(), 0..5), 1..16),
        snapshot_after_bytes in 64u64..4096,
        seed in any::<u64>(),
    ) {
        let sim = machine(seed);
        let node = open_with(&sim, snapshot_after_bytes).unwrap();
        for group in &groups {
            propose(&sim, &node, group).unwrap();
        }
        let later = sim.power_cut(seed);
        prop_assert_eq!(image(&open(&later)), image(&node));
    }
}
