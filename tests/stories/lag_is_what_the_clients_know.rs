//! The lag that the admin listener tells is what a consumer finds for itself: its place, the ends,
//! the age of its next record; and what was deleted before it was read.

use std::time::{SystemTime, UNIX_EPOCH};

use naru_wire::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic,
};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use crate::harness::{Broker, FIRST_MS, Load, WAIT_MAX, ask, client, create_topic};
use crate::harness::{free_port, http};

const RECORDS: [u64; 3] = [100, 40, 0];

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis() as i64
}

/// A member that has read the first record of something.
fn member(bootstrap: &str, protocol: &str) -> BaseConsumer {
    let member: BaseConsumer = client(bootstrap)
        .set("group.id", "behind")
        .set("group.protocol", protocol)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    member.subscribe(&["read"]).unwrap();
    loop {
        if let Some(message) = member.poll(WAIT_MAX) {
            message.unwrap();
            return member;
        }
    }
}

fn commit(member: &BaseConsumer, partition: i32, offset: i64) {
    let mut offsets = TopicPartitionList::new();
    let offset = Offset::Offset(offset);
    offsets
        .add_partition_offset("read", partition, offset)
        .unwrap();
    member.commit(&offsets, CommitMode::Sync).unwrap();
}

fn lag(port: u16) -> Value {
    let answer = http::get(port, "/api/v1/groups/behind/lag");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn with_records(port: u16, configs: &[(&str, &str)]) -> Broker {
    let settings = [
        ("naru.admin.listener", &*port.to_string()),
        ("naru.shards", "2"),
    ];
    let broker = Broker::start(&settings);
    create_topic(&broker.bootstrap(), "read", 3, configs);
    let load = Load::new(&broker.bootstrap(), &[]);
    let mut number = 0;
    for (partition, records) in RECORDS.into_iter().enumerate() {
        for _ in 0..records {
            load.send_record("read", partition as i32, number);
            number += 1;
        }
    }
    load.finish();
    broker
}

#[test]
fn in_records_and_in_time() {
    is_told_in_records_and_in_time("classic");
}

#[test]
fn of_members_of_the_consumer_protocol_as_well() {
    is_told_in_records_and_in_time("consumer");
}

fn is_told_in_records_and_in_time(protocol: &str) {
    let port = free_port();
    let broker = with_records(port, &[("retention.ms", "-1")]);
    let member = member(&broker.bootstrap(), protocol);
    commit(&member, 0, 30);
    commit(&member, 1, 40);

    let before_ms = now_ms();
    let told = lag(port);
    let after_ms = now_ms();
    assert_eq!(told["state"], "Stable");
    assert_eq!(told["lag_records"], 70);
    assert_eq!(told["lost_records"], 0);
    assert_eq!(told["consumers"]["members"], 1);
    let partitions = told["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), 3, "also the one without a commit");
    for (index, told) in partitions.iter().enumerate() {
        let (low, high) = member
            .fetch_watermarks("read", index as i32, WAIT_MAX)
            .unwrap();
        assert_eq!(told["log_start_offset"], low);
        assert_eq!(told["end_offset"], high);
        assert_eq!(told["last_stable_offset"], high);
        assert!(told["member_id"].is_string());
    }
    // A record's number is its offset here, and its timestamp that many ms after the first. The
    // batch that holds it may begin before it, and is not opened.
    let next_ms = FIRST_MS + 30;
    let age_ms = partitions[0]["lag_ms"].as_i64().unwrap();
    assert!(
        (before_ms - next_ms..=after_ms - FIRST_MS).contains(&age_ms),
        "{age_ms}"
    );
    assert_eq!(partitions[1]["lag_records"], 0);
    assert_eq!(partitions[1]["lag_ms"], 0);
    assert_eq!(partitions[1]["outlook"]["one_minute"]["state"], "caught_up");
    assert_eq!(partitions[2]["committed_offset"], Value::Null);
    assert_eq!(partitions[2]["lag_records"], Value::Null);
    assert_eq!(partitions[0]["retention"], Value::Null);

    let metrics = http::get(port, "/metrics").body;
    let series = "naru_group_lag_records{group=\"behind\",topic=\"read\"} 70\n";
    assert!(metrics.contains(series), "{metrics}");
    let group = http::get(port, "/api/v1/groups/behind").json();
    assert_eq!(group["state"], "Stable");
    assert_eq!(group["protocol_type"], "consumer");
    let member_ids = &group["members"][0]["member_id"];
    assert_eq!(told["members"][0]["member_id"], *member_ids);

    let nobody = http::get(port, "/api/v1/groups/nobody/lag");
    assert_eq!(nobody.status, 404);
}

#[test]
fn and_what_is_lost_or_will_be() {
    let port = free_port();
    // The records' timestamps are years old: all of them is due.
    let broker = with_records(port, &[("retention.ms", "1000")]);
    let member = member(&broker.bootstrap(), "classic");
    commit(&member, 0, 30);
    commit(&member, 1, 999);

    let told = lag(port);
    assert_eq!(told["loses_records"], true);
    assert_eq!(told["first_loss_ms"], 0);
    let first = &told["partitions"][0];
    assert_eq!(first["retention"]["unread_records"], 70);
    assert_eq!(first["lost_records"], 0);
    let second = &told["partitions"][1];
    assert_eq!(second["is_beyond_end"], true);
    assert_eq!(second["lag_records"], 0);

    let deletion = DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: "read".into(),
            partitions: vec![DeleteRecordsPartition {
                partition_index: 0,
                offset: 45,
            }],
        }],
        timeout_ms: 30_000,
    };
    let deleted: DeleteRecordsResponse = ask(&mut broker.raw(), 2, &deletion);
    assert_eq!(deleted.topics[0].partitions[0].low_watermark, 45);
    let first = &lag(port)["partitions"][0];
    assert_eq!(first["lost_records"], 15);
    assert_eq!(first["lag_records"], 55);
}
