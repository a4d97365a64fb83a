//! Configs of groups and of clients' metrics.

use super::super::resource::{CONFIG_RESOURCE_BYTES_MAX, CONFIG_RESOURCES_MAX};
use super::*;

fn pairs<'a>(image: &'a ClusterImage, resource: &ConfigResource) -> Vec<(&'a str, &'a str)> {
    let configs = image.resource_configs(resource).iter();
    configs.map(|(key, value)| (&**key, &**value)).collect()
}

#[test]
fn each_has_its_own_and_is_gone_without_any() {
    let metrics = ConfigResource::ClientMetrics("g".into());
    let (mut state, answers) = after(&[
        set_resource(group("g"), "a", Some("1"), false),
        set_resource(metrics.clone(), "a", Some("2"), false),
        set_resource(group("g"), "b", Some("3"), false),
        set_resource(group("other"), "a", None, false),
    ]);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let before = state.image();
    assert_eq!(pairs(&before, &group("g")), [("a", "1"), ("b", "3")]);
    assert_eq!(pairs(&before, &metrics), [("a", "2")]);
    let named: Vec<_> = before.config_resources().map(|(one, _)| one).collect();
    assert_eq!(named, [&group("g"), &metrics]);

    state.apply(5, &register(1, 1)).unwrap();
    assert!(!state.image().has_other_resource_configs(&before));
    let replaced = set_resource(group("g"), "b", None, true);
    let outcome = state.apply(6, &replaced);
    assert_eq!(outcome, Ok(Outcome::ResourceConfigsAltered));
    let image = state.image();
    assert_eq!(pairs(&image, &group("g")), []);
    assert_eq!(image.config_resources().len(), 1);
    assert!(image.has_other_resource_configs(&before));
    // A reader's image does not change under it.
    assert_eq!(pairs(&before, &group("g")), [("a", "1"), ("b", "3")]);
}

#[test]
fn neither_one_nor_all_of_them_are_without_bound() {
    let too_long = "x".repeat(CONFIG_RESOURCE_BYTES_MAX - 1);
    let (mut state, answers) = after(&[
        set_resource(group("g"), "a", Some(&too_long), false),
        set_resource(group("g"), "a", Some(&too_long[1..]), false),
    ]);
    assert!(matches!(answers[0], Err(Refusal::InvalidConfig(_))));
    assert_eq!(answers[1], Ok(Outcome::ResourceConfigsAltered));
    let mut index = 2;
    let mut apply = |command: &Command| {
        index += 1;
        state.apply(index, command)
    };
    for number in 1..CONFIG_RESOURCES_MAX {
        let name = number.to_string();
        apply(&set_resource(group(&name), "a", Some("1"), false)).unwrap();
    }
    let one_more = set_resource(group("more"), "a", Some("1"), false);
    assert!(matches!(apply(&one_more), Err(Refusal::InvalidConfig(_))));
    apply(&set_resource(group("1"), "a", Some("2"), false)).unwrap();
    apply(&set_resource(group("1"), "a", None, false)).unwrap();
    apply(&one_more).unwrap();
}
