//! `naru produce` and `naru consume`: every record arrives as it was given, and each way to end a
//! consumer ends it.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::harness::{Broker, Said, command, naru, naru_reading};

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn what_is_produced_is_consumed_in_every_compression() {
    let broker = Broker::start(&[]);
    naru(&broker, "topic create t -p 1").ok();
    let mut expected = Vec::new();
    for (index, codec) in (0..).zip(["none", "gzip", "snappy", "lz4", "zstd"]) {
        let words = format!("produce t -K : -H source=story -z {codec} --json");
        let said = naru_reading(&broker, &words, &format!("k{index}:v:{codec}\nno key\n"));
        let written = json!([{
            "topic": "t", "partition": 0, "records": 2,
            "first_offset": 2 * index, "last_offset": 2 * index + 1
        }]);
        assert_eq!(said.json(), written, "{codec}");
        let headers = json!([{"key": "source", "value": "story"}]);
        for (offset, key, value) in [
            (2 * index, json!(format!("k{index}")), format!("v:{codec}")),
            (2 * index + 1, Value::Null, "no key".to_owned()),
        ] {
            expected.push(json!({
                "topic": "t", "partition": 0, "offset": offset,
                "key": key, "value": value, "headers": headers
            }));
        }
    }
    let mut consumed = lines(&naru(&broker, "consume t --until-end --json").ok());
    for record in &mut consumed {
        let fields = record.as_object_mut().unwrap();
        assert!(fields.remove("timestamp_ms").unwrap().as_i64().unwrap() > 0);
    }
    assert_eq!(consumed, expected);
    let said = naru(&broker, r"consume t -n 2 -f %p/%o:%k=%v\n").ok();
    assert_eq!(said, "0/0:k0=v:none\n0/1:=no key\n");
}

#[test]
fn a_reader_begins_where_it_is_told() {
    let broker = Broker::start(&[]);
    naru(&broker, "topic create t -p 1").ok();
    for (second, value) in [(10, "a"), (20, "b"), (30, "c")] {
        naru(
            &broker,
            &format!("produce t {value} --timestamp {second}000"),
        )
        .ok();
    }
    let from = |from: &str| naru(&broker, &format!("consume t --until-end --from {from}")).ok();
    assert_eq!(from("beginning"), "a\nb\nc\n");
    assert_eq!(from("1"), "b\nc\n");
    assert_eq!(from("-1"), "c\n");
    assert_eq!(from("1970-01-01T00:00:20Z"), "b\nc\n");
    assert_eq!(from("end"), "");
    assert!(
        naru(&broker, "consume t --from nowhere")
            .refused(2)
            .contains("beginning")
    );
}

#[test]
fn a_key_goes_where_kafkas_java_client_puts_it_and_an_empty_value_may_be_null() {
    let broker = Broker::start(&[]);
    naru(&broker, "topic create t -p 10").ok();
    // murmur2("foobar") is -790332482, and 1357151166 without its sign.
    let said = naru_reading(&broker, "produce t -K : -Z --json", "foobar:\n").json();
    assert_eq!(said[0]["partition"], 1_357_151_166 % 10);
    let consumed = lines(&naru(&broker, "consume t -e --json").ok());
    assert_eq!(
        (&consumed[0]["key"], &consumed[0]["value"]),
        (&json!("foobar"), &Value::Null)
    );
    let elsewhere = naru(&broker, "produce t x -p 10").refused(1);
    assert!(
        elsewhere.contains("topic t has no partition 10"),
        "{elsewhere}"
    );
}

#[test]
fn a_record_that_is_too_large_is_told_with_its_limit_and_the_others_arrive() {
    let broker = Broker::start(&[]);
    naru(&broker, "topic create t -p 1 -c max.message.bytes=1000").ok();
    // Together they are too large, each by itself is not.
    let small = vec!["x".repeat(400); 20].join("\n");
    let said = naru_reading(&broker, "produce t --json", &small).json();
    assert_eq!(said[0]["records"], 20);
    let refused = naru(&broker, &format!("produce t {}", "x".repeat(2000))).refused(1);
    assert!(refused.contains("MESSAGE_TOO_LARGE (10)"), "{refused}");
    assert!(refused.contains("max.message.bytes=1000"), "{refused}");
    naru(&broker, "config set topic t max.message.bytes=3000").ok();
    naru(&broker, &format!("produce t {}", "x".repeat(2000))).ok();
    assert_eq!(naru(&broker, "consume t -e").ok().lines().count(), 21);
}

#[test]
fn a_consumer_ends_by_ctrl_c_and_when_nobody_reads_any_more() {
    let broker = Broker::start(&[]);
    naru(&broker, "topic create t -p 1").ok();
    naru(&broker, "produce t a b").ok();
    let start = || {
        let mut child = command(&broker.bootstrap(), &["consume", "t"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, "a\n");
        (child, out)
    };
    let (child, mut out) = start();
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "b\n");
    assert_eq!(Said::from(child.wait_with_output().unwrap()).ok(), "");
    // There is nothing more to write: only the pipe tells that its reader has gone.
    let (child, out) = start();
    drop(out);
    let said = Said::from(child.wait_with_output().unwrap());
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}

#[test]
fn what_is_typed_is_sent_before_the_next_line() {
    let broker = Broker::start(&[]);
    naru(&broker, "topic create t -p 1").ok();
    let mut child = command(&broker.bootstrap(), &["produce", "t"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for (offset, line) in [(0, "a"), (1, "b")] {
        writeln!(stdin, "{line}").unwrap();
        let seen = naru(&broker, &format!("consume t -n 1 --from {offset}")).ok();
        assert_eq!(seen, format!("{line}\n"));
    }
    drop(stdin);
    let said = Said::from(child.wait_with_output().unwrap());
    assert!(
        said.ok().contains("t              0        2"),
        "all lines are counted"
    );
    assert_eq!(naru(&broker, "consume t -e").ok(), "a\nb\n");
}
