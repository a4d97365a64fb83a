//! What a scraper reads is held against docs/METRICS.md, and against what clients did.

use std::collections::{BTreeMap, BTreeSet};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use crate::harness::{
    Broker, Load, batch, client, create_topic, free_port, http, join_group_request, read_all,
};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

/// The names and types that the docs list.
fn listed() -> BTreeMap<String, String> {
    let docs = include_str!("../../docs/METRICS.md");
    let rows = docs.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
    })
    .collect()
}

/// The names and types that a scrape declares; every series stands under its declaration.
fn declared(text: &str) -> BTreeMap<String, String> {
    let mut declared = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(declaration) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declaration.split_once(' ').unwrap();
            let earlier = declared.insert(name.to_owned(), kind.to_owned());
            assert_eq!(earlier, None, "{name} is declared twice");
            name.clone_into(&mut current);
        } else if !line.starts_with('#') {
            assert!(line.starts_with(&current), "{line} stands under {current}");
            let (_, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    declared
}

/// The value of a series, which must be there.
fn value(text: &str, series: &str) -> f64 {
    let found = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found
        .unwrap_or_else(|| panic!("no {series} in {text}"))
        .parse()
        .unwrap()
}

/// A broker whose metrics tell of so many partitions, and to which clients did something.
fn used(partitions_max: &str) -> (Broker, u16) {
    let port = free_port();
    let listener = port.to_string();
    let broker = Broker::start(&[
        ("naru.admin.listener", &listener),
        ("naru.metrics.partitions.max", partitions_max),
    ]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "counted", 2, &[]);
    create_topic(&bootstrap, "other", 2, &[]);
    let load = Load::new(&bootstrap, &[("acks", "all")]);
    (0..30).for_each(|number| load.send_record("counted", 1, number));
    load.finish();
    assert_eq!(read_all(&bootstrap, "counted", 1).len(), 30);
    let mut raw = broker.raw();
    raw.send(&join_group_request("counted", 60_000)).unwrap();
    raw.receive().unwrap();
    for partition in 0..2 {
        commit(&bootstrap, partition, 20);
    }
    let (error, _) = raw.produce("missing", 0, &batch(b"")).unwrap();
    assert_eq!(error, UNKNOWN_TOPIC_OR_PARTITION);
    (broker, port)
}

/// As a consumer that assigns itself its partitions does.
fn commit(bootstrap: &str, partition: i32, offset: i64) {
    let mut settings = client(bootstrap);
    let group = settings.set("group.id", format!("group-{partition}"));
    let consumer: BaseConsumer = group.create().unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets
        .add_partition_offset("counted", partition, Offset::Offset(offset))
        .unwrap();
    consumer.commit(&offsets, CommitMode::Sync).unwrap();
}

#[test]
fn each_metric_is_listed_and_each_that_is_listed_comes() {
    let listed = listed();
    let (_few, few) = used("1000");
    let (_many, many) = used("1");
    let mut seen = BTreeMap::new();
    for port in [few, many] {
        let answer = http::get(port, "/metrics");
        assert_eq!(answer.status, 200);
        assert!(
            answer.head.contains("text/plain; version=0.0.4"),
            "{}",
            answer.head
        );
        seen.extend(declared(&answer.body));
    }
    let never: BTreeSet<_> = listed
        .keys()
        .filter(|name| !seen.contains_key(*name))
        .collect();
    assert_eq!(
        seen.iter()
            .find(|(name, kind)| listed.get(*name) != Some(kind)),
        None
    );
    assert!(never.is_empty(), "{never:?} did not come");
}

#[test]
fn what_clients_did_is_counted() {
    let (_broker, port) = used("1000");
    let text = http::get(port, "/metrics").body;
    assert_eq!(value(&text, "naru_produced_records_total"), 30.0);
    let batches = value(&text, "naru_produced_batch_size_bytes_count");
    let stored = value(&text, "naru_produced_batch_size_bytes_sum");
    assert!((1.0..=30.0).contains(&batches), "{batches}");
    let size = "naru_partition_size_bytes{topic=\"counted\",partition=\"1\"}";
    assert_eq!(value(&text, size), stored);
    // What groups have committed is there as well.
    let sizes = text.lines().filter_map(|line| {
        let (series, size) = line.rsplit_once(' ')?;
        let is_size = series.starts_with("naru_partition_size_bytes{");
        is_size.then(|| size.parse::<f64>().unwrap())
    });
    let size: f64 = sizes.sum();
    assert!(size > stored);
    assert_eq!(value(&text, "naru_log_size_bytes"), size);
    assert!(value(&text, "naru_fetched_bytes_total") >= stored);
    assert!(value(&text, "naru_network_received_bytes_total") > stored);
    assert!(value(&text, "naru_network_sent_bytes_total") > stored);
    let produced = "naru_request_duration_seconds_count{api=\"Produce\"}";
    assert!((1.0..=30.0).contains(&value(&text, produced)));
    assert!(value(&text, "naru_flush_duration_seconds_count") >= 1.0);
    let refused = "naru_request_errors_total{api=\"Produce\",error=\"UNKNOWN_TOPIC_OR_PARTITION\"}";
    assert_eq!(value(&text, refused), 1.0);
    assert_eq!(
        value(&text, "naru_groups{state=\"CompletingRebalance\"}"),
        1.0
    );
    let end = "naru_partition_end_offset{topic=\"counted\",partition=\"1\"}";
    assert_eq!(value(&text, end), 30.0);
    let empty = "naru_partition_end_offset{topic=\"other\",partition=\"0\"}";
    assert_eq!(value(&text, empty), 0.0);
    assert_eq!(
        value(&text, "naru_partitions{role=\"leader\"}"),
        8.0,
        "four of offsets"
    );
    assert_eq!(value(&text, "naru_metrics_topics_left_out"), 0.0);
    let lag =
        |group| format!("naru_group_lag_records{{group=\"group-{group}\",topic=\"counted\"}}");
    assert_eq!(value(&text, &lag(1)), 10.0);
    assert_eq!(value(&text, &lag(0)), 0.0, "it is beyond the end");
    let age = value(&text, "naru_group_lag_seconds{group=\"group-1\"}");
    assert!(age > 1e6, "the records' timestamps are years old: {age}");
    assert_eq!(value(&text, "naru_metrics_groups_left_out"), 0.0);
    assert!(value(&text, "naru_shard_busy_seconds_total{shard=\"0\"}") > 0.0);
}

#[test]
fn above_the_bound_topics_are_told_of_and_the_rest_is_counted() {
    let (_broker, port) = used("1");
    let text = http::get(port, "/metrics").body;
    assert!(!text.contains("naru_partition_end_offset"), "{text}");
    // By name, __consumer_offsets is the first of three.
    assert_eq!(text.matches("naru_topic_size_bytes{").count(), 1);
    assert_eq!(value(&text, "naru_metrics_topics_left_out"), 2.0);
    assert_eq!(text.matches("naru_group_lag_seconds{").count(), 1);
    assert_eq!(value(&text, "naru_metrics_groups_left_out"), 1.0);
}

#[test]
fn a_scraper_that_asks_for_openmetrics_gets_it() {
    let port = free_port();
    let _broker = Broker::start(&[("naru.admin.listener", &port.to_string())]);
    let asked = "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                 Accept: application/openmetrics-text;version=1.0.0\r\n\r\n";
    let answer = http::request(port, asked);
    assert!(
        answer.head.contains("application/openmetrics-text"),
        "{}",
        answer.head
    );
    assert!(answer.body.ends_with("# EOF\n"));
    assert!(answer.body.contains("# TYPE naru_fetched_bytes counter\n"));
}
