//! A producer that remembers what was acknowledged.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use rdkafka::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, NoCustomPartitioner, Producer, ProducerContext, ThreadedProducer,
};
use rdkafka::types::RDKafkaErrorCode;

use super::WAIT_MAX;
use super::consumer::client;
use super::records::record;

/// Where the broker said that a record is.
pub type Place = (i32, i64);

#[derive(Default)]
struct Reports {
    acked: BTreeMap<Place, u64>,
    failed: Vec<(u64, KafkaError)>,
}

#[derive(Default)]
struct Ledger {
    reports: Mutex<Reports>,
    changed: Condvar,
}

struct Context(Arc<Ledger>);

impl ClientContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Self::DeliveryOpaque) {
        let mut reports = self.0.reports.lock().unwrap();
        match result {
            Ok(message) => {
                let place = (message.partition(), message.offset());
                let earlier = reports.acked.insert(place, *number);
                // An offset that is handed out twice is lost data, whatever comes later.
                assert_eq!(earlier, None, "{place:?} was acknowledged twice");
            }
            Err((error, _)) => reports.failed.push((*number, error.clone())),
        }
        self.0.changed.notify_all();
    }
}

/// A producer and the ledger of its acknowledgements.
pub struct Load {
    producer: ThreadedProducer<Context>,
    ledger: Arc<Ledger>,
}

impl Load {
    pub fn new(bootstrap: &str, settings: &[(&str, &str)]) -> Self {
        let ledger = Arc::new(Ledger::default());
        let mut config = client(bootstrap);
        config.set("linger.ms", "1");
        for (key, value) in settings {
            config.set(*key, *value);
        }
        let producer = config
            .create_with_context::<_, ThreadedProducer<Context, NoCustomPartitioner>>(Context(
                Arc::clone(&ledger),
            ))
            .unwrap();
        Self { producer, ledger }
    }

    /// Sends the known record of this number.
    pub fn send_record(&self, topic: &str, partition: i32, number: u64) {
        let record = record(number);
        let mut headers = OwnedHeaders::new();
        for (key, value) in &record.headers {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
        self.send(number, || {
            let mut out = BaseRecord::with_opaque_to(topic, Box::new(number))
                .partition(partition)
                .timestamp(record.timestamp_ms)
                .payload(&record.value);
            if let Some(key) = &record.key {
                out = out.key(key);
            }
            if !record.headers.is_empty() {
                out = out.headers(headers.clone());
            }
            out
        });
    }

    /// Sends a value under a number, which is all that is remembered of it.
    pub fn send_value(&self, topic: &str, partition: i32, number: u64, value: &[u8]) {
        self.send(number, || {
            BaseRecord::<[u8], [u8], _>::with_opaque_to(topic, Box::new(number))
                .partition(partition)
                .payload(value)
        });
    }

    fn send<'a, K, P>(&self, number: u64, make: impl Fn() -> BaseRecord<'a, K, P, Box<u64>>)
    where
        K: rdkafka::message::ToBytes + ?Sized + 'a,
        P: rdkafka::message::ToBytes + ?Sized + 'a,
    {
        while let Err((error, _)) = self.producer.send(make()) {
            if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) {
                self.wait_for_report();
                continue;
            }
            let mut reports = self.ledger.reports.lock().unwrap();
            reports.failed.push((number, error));
            return;
        }
    }

    fn wait_for_report(&self) {
        let reports = self.ledger.reports.lock().unwrap();
        let waited = self.ledger.changed.wait_timeout(reports, WAIT_MAX).unwrap();
        assert!(!waited.1.timed_out(), "the producer makes no progress");
    }

    /// Waits until this many records are acknowledged.
    pub fn wait_for_acks(&self, count: usize) {
        self.wait_until(&format!("{count} acknowledgements"), |reports| {
            reports.acked.len() >= count
        });
    }

    /// Waits until every record sent has an acknowledgement or an error.
    pub fn finish(&self) {
        self.producer.flush(WAIT_MAX).unwrap();
        self.wait_until("the last report", |_| self.producer.in_flight_count() == 0);
    }

    fn wait_until(&self, what: &str, done: impl Fn(&Reports) -> bool) {
        let begun = Instant::now();
        let mut reports = self.ledger.reports.lock().unwrap();
        while !done(&reports) {
            let left = WAIT_MAX.saturating_sub(begun.elapsed());
            assert!(
                !left.is_zero(),
                "waited for {what}; {} acknowledged, {} failed, first: {:?}",
                reports.acked.len(),
                reports.failed.len(),
                reports.failed.first()
            );
            reports = self.ledger.changed.wait_timeout(reports, left).unwrap().0;
        }
    }

    /// What is acknowledged so far: where it is, and its number.
    pub fn acked(&self) -> BTreeMap<Place, u64> {
        self.ledger.reports.lock().unwrap().acked.clone()
    }

    pub fn failed(&self) -> Vec<(u64, KafkaError)> {
        self.ledger.reports.lock().unwrap().failed.clone()
    }
}
