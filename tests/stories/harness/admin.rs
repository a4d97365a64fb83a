//! What an operator does with topics: librdkafka's AdminClient.

use std::future::Future;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;

use super::consumer::client;

fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    client(bootstrap).create().unwrap()
}

/// Creates a topic with one replica; its creation must succeed.
pub fn create_topic(bootstrap: &str, name: &str, partitions: i32, configs: &[(&str, &str)]) {
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    for (key, value) in configs {
        topic = topic.set(key, value);
    }
    let created = block_on(admin(bootstrap).create_topics([&topic], &AdminOptions::new())).unwrap();
    assert_eq!(created, [Ok(name.to_owned())]);
}

/// Admin calls are futures that librdkafka's own thread completes: any executor will do.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(future)
}

/// Deletes a topic; it must succeed.
pub fn delete_topic(bootstrap: &str, name: &str) {
    let admin = admin(bootstrap);
    let deleted = block_on(admin.delete_topics(&[name], &AdminOptions::new())).unwrap();
    assert_eq!(deleted, [Ok(name.to_owned())]);
}

/// Asks for a deletion of a broker that may be gone; whether the answer came that it was done.
pub fn try_delete_topic(bootstrap: &str, name: &str) -> bool {
    let admin = admin(bootstrap);
    let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(1)));
    let deleted = block_on(admin.delete_topics(&[name], &options));
    deleted.is_ok_and(|deleted| deleted == [Ok(name.to_owned())])
}

/// The effective value of a config of a topic.
pub fn topic_config(bootstrap: &str, name: &str, key: &str) -> Option<String> {
    let admin = admin(bootstrap);
    let topic = [ResourceSpecifier::Topic(name)];
    let described = block_on(admin.describe_configs(&topic, &AdminOptions::new())).unwrap();
    described[0].as_ref().unwrap().get(key)?.value.clone()
}
