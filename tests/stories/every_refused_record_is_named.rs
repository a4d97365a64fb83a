//! A batch is refused for some of its records: the client hears which (KIP-467), and fails the
//! others with an error of its own, so that its user may send those again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rdkafka::ClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};

use crate::harness::{Broker, WAIT_MAX, client, create_topic};

const RECORDS: usize = 100;

/// How each record failed, by its number; `None` for those that did not.
#[derive(Clone, Default)]
struct Failures(Arc<Mutex<BTreeMap<usize, Option<RDKafkaErrorCode>>>>);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<usize>) {
        let code = match result {
            Ok(_) => None,
            Err((error, _)) => error.rdkafka_error_code(),
        };
        self.0.lock().unwrap().insert(*number, code);
    }
}

#[test]
fn and_the_others_of_its_batch_fail_with_another_error() {
    let broker = Broker::start(&[]);
    let compact = [("cleanup.policy", "compact")];
    create_topic(&broker.bootstrap(), "t", 1, &compact);
    let failures = Failures::default();
    // All of them in one batch.
    let producer: ThreadedProducer<Failures> = client(&broker.bootstrap())
        .set("linger.ms", "10000")
        .set("batch.num.messages", RECORDS.to_string())
        .create_with_context(failures.clone())
        .unwrap();
    let has_key = |number: usize| !number.is_multiple_of(10);
    for number in 0..RECORDS {
        let record = BaseRecord::with_opaque_to("t", Box::new(number)).payload("value");
        let record = if has_key(number) {
            record.key("key")
        } else {
            record
        };
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(WAIT_MAX).unwrap();
    let failures = failures.0.lock().unwrap();
    let expected = (0..RECORDS).map(|number| {
        let code = if has_key(number) {
            RDKafkaErrorCode::InvalidDifferentRecord
        } else {
            RDKafkaErrorCode::InvalidRecord
        };
        (number, Some(code))
    });
    assert_eq!(*failures, expected.collect());
}
