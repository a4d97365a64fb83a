//! A transactional producer is told that there are no transactions, instead of asking for their
//! coordinator until its own deadline.

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, Producer};

use crate::harness::{Broker, WAIT_MAX, client};

#[test]
fn with_an_error_that_is_final() {
    let broker = Broker::start(&[]);
    let producer: BaseProducer = client(&broker.bootstrap())
        .set("transactional.id", "t")
        .create()
        .unwrap();
    // A client that asks again and again ends with an error of its own at the deadline.
    let refused = producer.init_transactions(WAIT_MAX).unwrap_err();
    assert_eq!(
        refused.rdkafka_error_code(),
        Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed),
        "{refused}"
    );
    let final_error = producer.client().fatal_error();
    assert!(final_error.is_some(), "it would try again");
}
