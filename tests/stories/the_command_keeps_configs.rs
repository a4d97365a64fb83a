//! `naru config`: set, seen with its source, taken back; and a slip in a name is caught.

use serde_json::json;

use crate::harness::{Broker, naru};

#[test]
fn a_config_is_set_shown_with_its_source_and_taken_back() {
    let broker = Broker::start(&[]);
    naru(&broker, "topic create t -p 1").ok();
    let seen = |words: &str| naru(&broker, words).json()["configs"].clone();
    let checked = naru(&broker, "config set topic t retention.ms=1000 --dry-run").ok();
    assert!(checked.contains("nothing was changed"), "{checked}");
    assert_eq!(
        seen("config get topic t retention.ms --json")[0]["value"],
        "-1"
    );
    let said = naru(&broker, "config set topic t retention.ms=1000").ok();
    assert_eq!(said, "retention.ms: -1 -> 1000\n");
    let config = &seen("config get topic t retention.ms --docs --json")[0];
    assert_eq!(
        (&config["value"], &config["source"]),
        (&json!("1000"), &json!("topic"))
    );
    assert_eq!(
        (&config["type"], &config["is_read_only"]),
        (&json!("long"), &json!(false))
    );
    assert!(
        !config["documentation"].as_str().unwrap().is_empty(),
        "{config}"
    );
    naru(&broker, "config unset topic t retention.ms").ok();
    assert_eq!(
        seen("config get topic t retention.ms --json")[0]["value"],
        "-1"
    );

    naru(&broker, "config set broker all message.max.bytes=2000000").ok();
    let config = &seen("config get broker 1 message.max.bytes --json")[0];
    assert_eq!(
        (&config["value"], &config["source"]),
        (&json!("2000000"), &json!("dynamic_default"))
    );
}

#[test]
fn a_name_that_nothing_has_is_refused_with_the_nearest_and_a_wrong_value_with_the_brokers_words() {
    let broker = Broker::start(&[]);
    naru(&broker, "topic create t -p 1").ok();
    for words in [
        "config set topic t retention.mss=1",
        "config get topic t retention.mss",
        "config set broker all message.max.byte=1",
        "config unset broker 1 message.max.byte",
    ] {
        let refused = naru(&broker, words).refused(1);
        assert!(
            refused.contains("has no config") && refused.contains("did you mean"),
            "{refused}"
        );
    }
    let refused = naru(&broker, "config set topic t retention.ms=soon").refused(1);
    assert!(refused.contains("INVALID_CONFIG (40)"), "{refused}");
    naru(&broker, "config set topic t retention.ms").refused(2);
}
