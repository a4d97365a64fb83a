//! Every path of the OpenAPI document is asked, with topics, a group and connections there, and
//! what comes back is held against the document's own schema.

use std::time::Instant;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{BaseProducer, Producer};

use crate::harness::{Broker, Load, WAIT_MAX, client, create_topic, free_port, http, schema};

/// The value of a name in a path.
fn value_of(name: &str) -> &'static str {
    match name {
        "node_id" => "1",
        "topic" => "told",
        "partition" => "0",
        "group" => "a%20group",
        "transactional_id" => "transfers",
        other => panic!("no value for {other} is known here"),
    }
}

fn filled(path: &str) -> String {
    let word = |word: &str| match word
        .strip_prefix('{')
        .and_then(|word| word.strip_suffix('}'))
    {
        Some(name) => value_of(name).to_owned(),
        None => word.to_owned(),
    };
    path.split('/').map(word).collect::<Vec<_>>().join("/")
}

/// A member of the group that has a partition, and has committed.
fn member(bootstrap: &str) -> BaseConsumer {
    let member: BaseConsumer = client(bootstrap)
        .set("group.id", "a group")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    member.subscribe(&["told"]).unwrap();
    let begun = Instant::now();
    loop {
        let left = WAIT_MAX.saturating_sub(begun.elapsed());
        assert!(!left.is_zero(), "the group has not read anything");
        if let Some(message) = member.poll(left) {
            member
                .commit_message(&message.unwrap(), CommitMode::Sync)
                .unwrap();
            return member;
        }
    }
}

#[test]
fn every_path_answers_as_the_document_says() {
    let port = free_port();
    let broker = Broker::start(&[("naru.admin.listener", &port.to_string())]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "told", 3, &[("retention.ms", "-1")]);
    let load = Load::new(&bootstrap, &[]);
    (0..20).for_each(|number| load.send_record("told", 0, number));
    load.finish();
    let _member = member(&bootstrap);
    let transactional: BaseProducer = client(&bootstrap)
        .set("transactional.id", "transfers")
        .create()
        .unwrap();
    transactional.init_transactions(WAIT_MAX).unwrap();

    let document = http::get(port, "/api/v1/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 12, "{paths:?}");
    for (path, described) in paths {
        let answer = http::get(port, &filled(path));
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let content = &described["get"]["responses"]["200"]["content"];
        if let Some(json) = content.get("application/json") {
            assert!(answer.head.contains("application/json"), "{}", answer.head);
            schema::check(&document, &json["schema"], &answer.json(), path);
        }
    }
}

#[test]
fn what_it_says_is_what_clients_did() {
    let port = free_port();
    let broker = Broker::start(&[("naru.admin.listener", &port.to_string())]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "told", 3, &[("retention.ms", "-1")]);
    let load = Load::new(&bootstrap, &[]);
    (0..20).for_each(|number| load.send_record("told", 0, number));
    load.finish();
    let _member = member(&bootstrap);

    let partition = http::get(port, "/api/v1/topics/told/partitions/0").json();
    assert_eq!(partition["role"], "leader");
    assert_eq!(partition["log"]["end_offset"], 20);
    assert_eq!(partition["log"]["high_watermark"], 20);
    let group = http::get(port, "/api/v1/groups/a%20group").json();
    assert_eq!(
        (&group["state"], &group["members"][0]["client_id"]),
        (&"Stable".into(), &"rdkafka".into())
    );
    let configs = http::get(port, "/api/v1/topics/told/configs").json();
    let configs = configs["items"].as_array().unwrap();
    let retention = configs
        .iter()
        .find(|config| config["name"] == "retention.ms")
        .unwrap();
    assert_eq!(
        (&retention["value"], &retention["source"]),
        (&"-1".into(), &"DYNAMIC_TOPIC_CONFIG".into())
    );
    for missing in [
        "/api/v1/topics/no",
        "/api/v1/topics/told/partitions/3",
        "/api/v1/groups/no",
        "/no",
    ] {
        let answer = http::get(port, missing);
        assert_eq!(answer.status, 404, "{missing}");
        assert!(answer.head.contains("application/problem+json"));
        assert_eq!(answer.json()["status"], 404);
    }
}

/// All items of a list, from pages of two.
fn all_pages(port: u16, path: &str, key: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut after = String::new();
    loop {
        let page = http::get(port, &format!("{path}?limit=2{after}")).json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        keys.extend(items.iter().map(|item| item[key].to_string()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={}", next.replace('/', "%2F")),
            None => return keys,
        }
    }
}

#[test]
fn pages_hold_every_item_once() {
    let port = free_port();
    let broker = Broker::start(&[("naru.admin.listener", &port.to_string())]);
    let bootstrap = broker.bootstrap();
    for topic in ["a", "b", "c"] {
        create_topic(&bootstrap, topic, 3, &[]);
    }
    assert_eq!(
        all_pages(port, "/api/v1/topics", "name"),
        ["\"a\"", "\"b\"", "\"c\""]
    );
    assert_eq!(
        all_pages(port, "/api/v1/topics/b/partitions", "partition"),
        ["0", "1", "2"]
    );
    assert_eq!(
        all_pages(port, "/api/v1/logs", "partition"),
        ["0", "1", "2"].repeat(3)
    );
    let configs = all_pages(port, "/api/v1/brokers/1/configs", "name");
    assert!(
        configs.is_sorted() && configs.contains(&"\"naru.shards\"".to_owned()),
        "{configs:?}"
    );
    for wrong in [
        "/api/v1/topics?limit=0",
        "/api/v1/logs?after=x",
        "/api/v1/brokers?after=x",
    ] {
        assert_eq!(http::get(port, wrong).status, 400, "{wrong}");
    }
}
