//! `naru group`, `naru lag` and `naru consume --group`: what a group has read, how far it is
//! behind, and where it can be moved.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::BorrowedMessage;
use serde_json::{Value, json};

use crate::harness::{Broker, Said, WAIT_MAX, client, command, naru};

fn lag(broker: &Broker) -> Value {
    naru(broker, "lag --json").json()
}

#[test]
fn a_group_reads_on_lags_is_moved_and_deleted() {
    let broker = Broker::start(&[]);
    naru(&broker, "topic create t -p 1").ok();
    naru(&broker, "produce t a b c d").ok();
    assert_eq!(naru(&broker, "consume t --group g -n 1").ok(), "a\n");
    assert_eq!(naru(&broker, "consume t --group g -n 1").ok(), "b\n");
    let behind = &lag(&broker)[0];
    assert_eq!(
        (&behind["group"], &behind["lag_records"]),
        (&json!("g"), &json!(2))
    );
    assert!(behind["lag_ms"].as_i64().unwrap() > 0, "{behind}");
    let partition = &behind["partitions"][0];
    assert_eq!(
        (&partition["committed_offset"], &partition["end_offset"]),
        (&json!(2), &json!(4))
    );

    let described = naru(&broker, "group describe g --json").json();
    let group = &described[0];
    assert_eq!(
        (&group["state"], &group["type"]),
        (&json!("Empty"), &json!("classic"))
    );
    assert_eq!(group["partitions"][0]["lag_records"], 2);
    let listed = naru(&broker, "group list").ok();
    assert!(
        listed.starts_with("GROUP  STATE  TYPE     PROTOCOL  COORDINATOR\ng "),
        "{listed}"
    );

    // Shown first, done when it is said.
    let shown = naru(&broker, "group reset-offsets g --shift -5").ok();
    assert!(
        shown.contains("t              0       2      0\n"),
        "{shown}"
    );
    assert!(shown.contains("--execute"), "{shown}");
    assert_eq!(lag(&broker)[0]["lag_records"], 2);
    naru(&broker, "group reset-offsets g --to-offset 1 --execute").ok();
    assert_eq!(
        naru(&broker, "consume t -g g --until-end").ok(),
        "b\nc\nd\n"
    );
    assert_eq!(
        (&lag(&broker)[0]["lag_records"], &lag(&broker)[0]["lag_ms"]),
        (&json!(0), &json!(0))
    );

    naru(&broker, "group delete-offsets g --topic t:0").ok();
    assert_eq!(lag(&broker), json!([]));
    assert_eq!(naru(&broker, "group delete g --yes").ok(), "g: deleted\n");
    assert_eq!(naru(&broker, "group list --json").json(), json!([]));
    let gone = naru(&broker, "group describe g").refused(1);
    assert!(gone.contains("there is no group g"), "{gone}");
}

#[test]
fn lag_in_time_is_the_age_of_the_next_record_and_the_worst_stands_first() {
    let broker = Broker::start(&[]);
    naru(&broker, "topic create old new -p 1").ok();
    let hour_ago = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis()
        - 3_600_000;
    naru(&broker, &format!("produce old x --timestamp {hour_ago}")).ok();
    naru(&broker, "produce new x y z").ok();
    for (group, topic) in [("a", "new"), ("b", "old")] {
        naru(
            &broker,
            &format!("group reset-offsets {group} --to-earliest -t {topic} --execute"),
        )
        .ok();
    }
    let lags = lag(&broker);
    let names: Vec<&Value> = lags
        .as_array()
        .unwrap()
        .iter()
        .map(|lag| &lag["group"])
        .collect();
    assert_eq!(names, ["b", "a"]);
    let late_ms = lags[0]["lag_ms"].as_i64().unwrap();
    assert!((3_600_000..3_700_000).contains(&late_ms), "{late_ms}");
    let table = naru(&broker, "lag b").ok();
    assert!(table.contains("1h 0m"), "{table}");
    naru(&broker, "topic delete-records old --all-records -y").ok();
    assert_eq!(naru(&broker, "lag b --json").json()[0]["lost_records"], 1);
}

/// A poll may end with nothing when the group has changed.
fn first_record(member: &BaseConsumer) -> BorrowedMessage<'_> {
    let begun = Instant::now();
    loop {
        if let Some(message) = member.poll(WAIT_MAX) {
            return message.unwrap();
        }
        assert!(begun.elapsed() < WAIT_MAX, "no record has come");
    }
}

/// A group of librdkafka's, by either protocol.
#[test]
fn members_are_shown_with_what_they_read_and_keep_the_group_where_it_is() {
    for protocol in ["classic", "consumer"] {
        let broker = Broker::start(&[]);
        naru(&broker, "topic create t -p 2").ok();
        naru(&broker, "produce t -p 1 a b").ok();
        let member: BaseConsumer = client(&broker.bootstrap())
            .set("group.id", "g")
            .set("client.id", "reader")
            .set("group.protocol", protocol)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .create()
            .unwrap();
        member.subscribe(&["t"]).unwrap();
        let read = first_record(&member);
        member.commit_message(&read, CommitMode::Sync).unwrap();

        let group = naru(&broker, "group describe g --json").json()[0].clone();
        assert_eq!(
            (&group["state"], &group["type"]),
            (&json!("Stable"), &json!(protocol))
        );
        let shown = &group["members"][0];
        assert_eq!(shown["client_id"], "reader");
        assert_eq!(
            shown["assignment"],
            json!([{"topic": "t", "partitions": [0, 1]}])
        );
        let partitions = group["partitions"].as_array().unwrap();
        let second = partitions.iter().find(|of| of["partition"] == 1).unwrap();
        assert_eq!(second["lag_records"], 1, "{protocol}");
        assert_eq!(second["member_id"], shown["member_id"]);
        let text = naru(&broker, "group describe g").ok();
        assert!(
            text.contains(&format!("({protocol} protocol")) && text.contains("t:0,1"),
            "{text}"
        );
        let listed = naru(&broker, "group list --state stable --json").json();
        assert_eq!(listed[0]["type"], protocol);

        let refused = naru(&broker, "group reset-offsets g --to-earliest --execute").refused(1);
        assert!(refused.contains("group g has 1 members"), "{refused}");
        let refused = naru(&broker, "group delete g -y").refused(1);
        assert!(refused.contains("NON_EMPTY_GROUP (68)"), "{refused}");
    }
}

#[test]
fn lag_is_watched_until_ctrl_c() {
    let broker = Broker::start(&[]);
    naru(&broker, "topic create t -p 1").ok();
    naru(&broker, "produce t a").ok();
    naru(
        &broker,
        "group reset-offsets g --to-earliest -t t --execute",
    )
    .ok();
    let mut child = command(&broker.bootstrap(), &["lag", "--watch", "50ms"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    for _ in 0..2 {
        assert!(next().starts_with("GROUP  RECORDS  TIME"));
        assert!(next().starts_with("g            1"));
    }
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    lines.for_each(drop);
    Said::from(child.wait_with_output().unwrap()).ok();
}
