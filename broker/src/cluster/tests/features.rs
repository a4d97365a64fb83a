//! Features: what may be finalized, from where to where, and what a start makes of old metadata.

use super::super::features::{GROUP_VERSION, METADATA_VERSION, TRANSACTION_VERSION};
use super::*;

fn levels(state: &ClusterState) -> Vec<(String, i16)> {
    let image = state.image();
    let levels = image.features().levels();
    levels
        .map(|(name, level)| (name.to_owned(), level))
        .collect()
}

#[test]
fn a_level_stays_until_it_is_changed_and_0_turns_a_feature_off() {
    let (state, answers) = after(&[
        finalize(-1, "a", 2),
        finalize(1, "b", 1),
        finalize(2, "a", 0),
    ]);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(levels(&state), [("b".to_owned(), 1)]);
    assert_eq!(state.image().features().level("a"), 0);
    assert_eq!(state.image().features().epoch(), 3);
}

#[test]
fn a_change_that_was_checked_against_other_levels_is_refused() {
    let (state, answers) = after(&[
        finalize(-1, "a", 2),
        create("orders", 1, 1),
        finalize(-1, "a", 1),
        finalize(0, "a", 1),
    ]);
    assert_eq!(answers[2], Err(Refusal::FeaturesChanged));
    assert_eq!(answers[3], Err(Refusal::FeaturesChanged));
    assert_eq!(levels(&state), [("a".to_owned(), 2)]);
    // What else happens in the cluster is no change of features.
    let (_, answers) = after(&[
        finalize(-1, "a", 2),
        finalize(1, "a", -1),
        finalize(1, "", 1),
        finalize(1, &"a".repeat(129), 1),
    ]);
    for refused in &answers[1..] {
        assert!(
            matches!(refused, Err(Refusal::InvalidRequest(_))),
            "{refused:?}"
        );
    }
}

#[test]
fn only_a_level_that_is_supported_and_said_to_be_up_or_down_is_taken() {
    let (state, _) = after(&[finalize(-1, TRANSACTION_VERSION, 1)]);
    let image = state.image();
    let check = |name, level, kind| {
        let checked = check_update(image.features(), name, level, kind);
        checked.map_err(|invalid| invalid.to_string())
    };
    use UpgradeType::{SafeDowngrade, UnsafeDowngrade, Upgrade};
    for (name, level, kind) in [
        (TRANSACTION_VERSION, 2, Upgrade),
        (TRANSACTION_VERSION, 1, Upgrade),
        (TRANSACTION_VERSION, 1, SafeDowngrade),
        (TRANSACTION_VERSION, 0, SafeDowngrade),
        (TRANSACTION_VERSION, 0, UnsafeDowngrade),
        (GROUP_VERSION, 1, Upgrade),
        (METADATA_VERSION, 33, Upgrade),
    ] {
        let taken = check(name, level, Some(kind));
        let name = name.to_owned();
        assert_eq!(taken, Ok(FeatureLevel { name, level }));
    }
    for (name, level, kind, reason) in [
        (TRANSACTION_VERSION, 0, Some(Upgrade), "safe or unsafe"),
        (TRANSACTION_VERSION, 2, Some(SafeDowngrade), "newer version"),
        (TRANSACTION_VERSION, 3, Some(Upgrade), "versions 0-2"),
        (TRANSACTION_VERSION, -1, Some(Upgrade), "less than 0"),
        (METADATA_VERSION, 7, Some(SafeDowngrade), "versions 33-33"),
        ("share.version", 1, Some(Upgrade), "this feature"),
        (GROUP_VERSION, 1, None, "upgrade type"),
    ] {
        let refused = check(name, level, kind).unwrap_err();
        assert!(refused.contains(reason), "{refused}");
        let names = format!("Invalid update version {level} for feature {name}.");
        assert!(refused.starts_with(&names), "{refused}");
    }
}

/// Opens as a broker does.
fn start(sim: &Sim) -> SingleNode<SimEnv> {
    let directory = directory();
    let opened = SingleNode::open(sim.env(), &directory, 1, "t9E8VJKgT26MNQ7k0Klh-w");
    sim.run(opened).unwrap().unwrap()
}

#[test]
fn a_cluster_without_features_gets_today_s_and_keeps_what_it_has() {
    let sim = machine(1);
    // An older Naru had none.
    let old = open(&sim);
    propose(&sim, &old, &[create("orders", 1, 1)]).unwrap();
    drop(old);
    let defaults: Vec<(String, i16)> = SUPPORTED_FEATURES
        .iter()
        .filter(|feature| feature.level_default > 0)
        .map(|feature| (feature.name.to_owned(), feature.level_default))
        .collect();
    let node = start(&sim);
    let first = image(&node);
    let found: Vec<_> = first.features().levels().collect();
    assert_eq!(found.len(), defaults.len());
    for (name, level) in defaults {
        assert_eq!(first.features().level(&name), level);
    }
    let epoch = first.features().epoch();
    propose(&sim, &node, &[finalize(epoch, GROUP_VERSION, 1)]).unwrap();
    drop(node);
    // Neither a restart nor a snapshot goes back to the defaults.
    let sim = sim.power_cut(1);
    let node = start(&sim);
    assert_eq!(image(&node).features().level(GROUP_VERSION), 1);
    let after = image(&node).features().epoch();
    propose(&sim, &node, &[finalize(after, GROUP_VERSION, 0)]).unwrap();
    drop(node);
    assert_eq!(image(&start(&sim)).features().level(GROUP_VERSION), 0);
}
