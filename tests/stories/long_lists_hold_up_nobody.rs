//! A request that lists a hundred thousand things, or one thing over and over, costs the broker
//! what answering it takes and the other clients of the shard their turn at most.

use crate::harness::{Broker, create_topic, metadata_request, request};

const CREATE_TOPICS: i16 = 19;
const DESCRIBE_CONFIGS: i16 = 32;

/// `ConfigResource.Type`
const TOPIC: u8 = 2;

/// Requests of another connection that are answered while a list is gone through.
const SERVED_MIN: u32 = 20;

fn string(text: &str) -> Vec<u8> {
    let mut out = i16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    out.extend(text.as_bytes());
    out
}

/// CreateTopics v2 of so many names that no topic may have.
fn impossible_topics(count: u32) -> Vec<u8> {
    let mut body = count.to_be_bytes().to_vec();
    for number in 0..count {
        body.extend(string(&format!("!{number:06}")));
        // One partition, one replica, no assignments, no configs.
        body.extend([0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
    body.extend([0, 0, 0x75, 0x30, 0]);
    request(CREATE_TOPICS, 2, &body)
}

/// Every name was once compared with every other one, in one go: hours of it.
#[test]
fn of_topics_to_be_made() {
    let broker = Broker::start(&[("naru.shards", "1")]);
    let mut asker = broker.raw();
    let mut other = broker.raw();
    other.api_versions().unwrap();
    asker.send(&impossible_topics(90_000)).unwrap();
    let mut served = 0;
    while !asker.has_answer().unwrap() {
        other.api_versions().unwrap();
        served += 1;
    }
    println!("{served} requests served");
    assert!(served >= SERVED_MIN, "{served} requests");
    asker.receive().unwrap();
}

/// The answer was once a thousand times as long: gigabytes for a megabyte.
#[test]
fn of_one_topic_over_and_over() {
    let broker = Broker::start(&[]);
    create_topic(&broker.bootstrap(), "wide", 1000, &[]);
    let mut asker = broker.raw();
    let mut answer_bytes = |request: &[u8]| {
        asker.send(request).unwrap();
        asker.receive().unwrap().len()
    };
    let described = |count: i32| metadata_request(count, &string("wide").repeat(count as usize));
    assert_eq!(answer_bytes(&described(1000)), answer_bytes(&described(1)));

    let configs = |count: i32| {
        let mut body = count.to_be_bytes().to_vec();
        let resource = [&[TOPIC], string("wide").as_slice(), &[0xff; 4]].concat();
        body.extend(resource.repeat(count as usize));
        body.push(0);
        request(DESCRIBE_CONFIGS, 1, &body)
    };
    assert_eq!(answer_bytes(&configs(1000)), answer_bytes(&configs(1)));
}
