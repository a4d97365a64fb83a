//! `naru topic` from creating a topic to its deletion, as people and as programs see it.

use serde_json::json;

use crate::harness::{Broker, Load, Said, command, free_port, naru};

#[test]
fn a_topic_is_made_shown_grown_emptied_and_deleted() {
    let broker = Broker::start(&[]);
    let made = naru(
        &broker,
        "topic create orders -p 2 -c retention.ms=86400000 --json",
    )
    .json();
    let created = json!([{
        "topic": "orders", "outcome": "created", "partitions": 2, "replication_factor": 1
    }]);
    assert_eq!(made, created);
    let load = Load::new(&broker.bootstrap(), &[]);
    (0..10).for_each(|number| load.send_record("orders", number as i32 % 2, number));
    load.finish();

    assert_eq!(
        naru(&broker, "topic list").ok(),
        "TOPIC   PARTITIONS  REPLICAS\norders           2         1\n"
    );
    let described = naru(&broker, "topic describe orders --json").json();
    let topic = &described[0];
    let configs = topic["configs"].as_array().unwrap();
    let is_set = json!({"name": "retention.ms", "value": "86400000", "source": "topic"});
    assert!(configs.contains(&is_set), "{configs:?}");
    let partitions = topic["partitions"].as_array().unwrap();
    let sum = |field: &str| -> i64 { partitions.iter().map(|p| p[field].as_i64().unwrap()).sum() };
    assert_eq!(
        (partitions.len(), sum("start_offset"), sum("end_offset")),
        (2, 0, 10)
    );
    assert!(sum("size_bytes") > 0, "{topic}");
    let text = naru(&broker, "topic describe orders").ok();
    assert!(text.contains("PARTITION  LEADER  EPOCH"), "{text}");
    assert!(text.contains("retention.ms"), "{text}");

    let grown = naru(&broker, "topic add-partitions orders --by 1").ok();
    assert_eq!(grown, "orders has 3 partitions; it had 2\n");
    let shrunk = naru(&broker, "topic add-partitions orders --to 1").refused(1);
    assert!(shrunk.contains("INVALID_PARTITIONS (37)"), "{shrunk}");

    naru(&broker, "topic delete-records orders --all-records --yes").ok();
    let described = naru(&broker, "topic describe orders --json").json();
    for partition in described[0]["partitions"].as_array().unwrap() {
        assert_eq!(
            partition["start_offset"], partition["end_offset"],
            "{partition}"
        );
    }

    let unasked = naru(&broker, "topic delete orders").refused(2);
    assert!(unasked.contains("--yes"), "{unasked}");
    assert_eq!(
        naru(&broker, "topic delete orders --yes").ok(),
        "orders: deleted\n"
    );
    assert_eq!(naru(&broker, "topic list --json").json(), json!([]));
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let broker = Broker::start(&[]);
    naru(&broker, "topic create orders payments").ok();
    let unknown = naru(&broker, "topic describe order").refused(1);
    assert!(unknown.contains("there is no topic order\n"), "{unknown}");
    assert!(unknown.contains("did you mean orders?"), "{unknown}");
    let twice = naru(&broker, "topic create orders").refused(1);
    assert!(twice.contains("TOPIC_ALREADY_EXISTS (36)"), "{twice}");
    assert!(twice.contains("--if-not-exists"), "{twice}");
    let again = naru(&broker, "topic create orders --if-not-exists --json").json();
    assert_eq!(again[0]["outcome"], "exists");
    let misspelt = naru(&broker, "topic create x -c retention.msec=1").refused(1);
    assert!(misspelt.contains("retention.ms"), "{misspelt}");
    // Only checked: the topic is not there afterwards.
    let checked = naru(&broker, "topic create x --validate-only --json").json();
    assert_eq!(checked[0]["outcome"], "valid");
    assert!(
        naru(&broker, "topic describe x")
            .refused(1)
            .contains("no topic x")
    );
    naru(&broker, "topic add-partitions orders").refused(2);
}

#[test]
fn where_nobody_listens_the_message_says_so_and_a_second_address_helps() {
    let broker = Broker::start(&[]);
    let nobody = format!("127.0.0.1:{}", free_port());
    let output = command(&nobody, &["topic", "list"]).output().unwrap();
    let refused = Said::from(output).refused(1);
    assert!(
        refused.contains(&nobody) && refused.contains("connection refused"),
        "{refused}"
    );
    assert!(refused.contains("naru start"), "{refused}");
    let both = format!("{nobody},{}", broker.bootstrap());
    let output = command(&both, &["topic", "list"]).output().unwrap();
    assert_eq!(Said::from(output).ok(), "TOPIC  PARTITIONS  REPLICAS\n");
}
