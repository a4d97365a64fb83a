//! Brokers: what they are told while they run, and how they are forgotten.

use super::super::state::CONFIG_BYTES_MAX;
use super::*;

fn pairs(image: &ClusterImage, node_id: Option<i32>) -> Vec<(&str, &str)> {
    let configs = image.broker_configs(node_id).iter();
    configs.map(|(key, value)| (&**key, &**value)).collect()
}

#[test]
fn the_default_of_all_brokers_and_a_broker_s_own_are_kept_apart() {
    let (state, answers) = after(&[
        register(1, 1),
        set_broker(None, "a", Some("1"), false),
        set_broker(Some(1), "a", Some("2"), false),
        set_broker(Some(1), "b", Some("3"), false),
    ]);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let before = state.image();
    assert_eq!(pairs(&before, None), [("a", "1")]);
    assert_eq!(pairs(&before, Some(1)), [("a", "2"), ("b", "3")]);
    assert_eq!(pairs(&before, Some(2)), []);

    let mut state = state;
    let replaced = set_broker(Some(1), "c", Some("4"), true);
    assert_eq!(state.apply(5, &replaced), Ok(Outcome::BrokerConfigsAltered));
    state.apply(6, &set_broker(None, "a", None, false)).unwrap();
    let image = state.image();
    assert_eq!(pairs(&image, Some(1)), [("c", "4")]);
    assert_eq!(pairs(&image, None), []);
    assert!(image.has_other_broker_configs(&before));
    // A reader's image does not change under it.
    assert_eq!(pairs(&before, None), [("a", "1")]);
    state.apply(7, &create("orders", 1, 1)).unwrap();
    assert!(!state.image().has_other_broker_configs(&image));
}

#[test]
fn configs_of_a_stranger_or_without_bound_are_refused() {
    let too_long = "x".repeat(CONFIG_BYTES_MAX);
    let (state, answers) = after(&[
        register(1, 1),
        set_broker(Some(2), "a", Some("1"), false),
        set_broker(Some(1), "a", Some(&too_long), false),
        set_broker(Some(1), "a", Some(&too_long[1..]), false),
        set_broker(Some(1), "b", Some("1"), false),
        set_broker(Some(1), "b", Some("1"), true),
    ]);
    assert_eq!(answers[1], Err(Refusal::BrokerNotRegistered(2)));
    assert!(matches!(answers[2], Err(Refusal::InvalidConfig(_))));
    assert_eq!(answers[3], Ok(Outcome::BrokerConfigsAltered));
    assert!(matches!(answers[4], Err(Refusal::InvalidConfig(_))));
    assert_eq!(answers[5], Ok(Outcome::BrokerConfigsAltered));
    assert_eq!(pairs(&state.image(), Some(1)), [("b", "1")]);
}

#[test]
fn a_broker_that_is_forgotten_is_no_broker() {
    let (state, answers) = after(&[
        register(1, 1),
        register(2, 2),
        Command::UnregisterBroker { node_id: 2 },
        Command::UnregisterBroker { node_id: 2 },
    ]);
    assert_eq!(answers[2], Ok(Outcome::BrokerUnregistered));
    assert_eq!(answers[3], Err(Refusal::BrokerNotRegistered(2)));
    let image = state.image();
    assert!(image.broker(2).is_none() && image.broker(1).is_some());
    let on_it = image.check_placement(&[Partition::new(vec![2])]);
    assert!(matches!(on_it, Err(Refusal::InvalidReplicaAssignment(_))));
}
