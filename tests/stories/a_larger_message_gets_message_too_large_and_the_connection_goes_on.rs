//! A batch past `max.message.bytes` is answered with MESSAGE_TOO_LARGE, on a connection that
//! goes on; a frame past `socket.request.max.bytes` ends its connection, and no other.

use rdkafka::types::RDKafkaErrorCode;

use crate::harness::{Broker, Load, batch, create_topic, read_all};

const MESSAGE_TOO_LARGE: i16 = 10;

#[test]
fn on_one_connection() {
    let broker = Broker::start(&[]);
    create_topic(
        &broker.bootstrap(),
        "limited",
        1,
        &[("max.message.bytes", "100000")],
    );
    let mut raw = broker.raw();
    for round in 0..3 {
        let small = raw.produce("limited", 0, &batch(&[b'a'; 90_000])).unwrap();
        assert_eq!(small, (0, round));
        let large = raw.produce("limited", 0, &batch(&[b'b'; 110_000])).unwrap();
        assert_eq!(large.0, MESSAGE_TOO_LARGE);
    }
    let read = read_all(&broker.bootstrap(), "limited", 0);
    assert_eq!(read.len(), 3);
    assert!(read.iter().all(|read| read.record.value == [b'a'; 90_000]));
}

/// The limit is on the batch as it is sent, with its header: one byte decides.
#[test]
fn at_exactly_the_limit() {
    let broker = Broker::start(&[]);
    let exact = batch(&[b'x'; 50_000]);
    let limit = exact.len().to_string();
    create_topic(
        &broker.bootstrap(),
        "exact",
        1,
        &[("max.message.bytes", &limit)],
    );
    let mut raw = broker.raw();
    assert_eq!(raw.produce("exact", 0, &exact).unwrap(), (0, 0));
    let longer = batch(&[b'x'; 50_001]);
    assert_eq!(
        raw.produce("exact", 0, &longer).unwrap().0,
        MESSAGE_TOO_LARGE
    );
}

#[test]
fn and_a_real_client_tells_its_user() {
    let broker = Broker::start(&[]);
    create_topic(
        &broker.bootstrap(),
        "told",
        1,
        &[("max.message.bytes", "100000")],
    );
    let load = Load::new(
        &broker.bootstrap(),
        &[("message.max.bytes", "1000000"), ("acks", "all")],
    );
    for (number, size) in (0..).zip([90_000, 200_000, 90_000]) {
        load.send_value("told", 0, number, &vec![7; size]);
        load.finish();
    }
    let failed = load.failed();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0].0, 1);
    let code = failed[0].1.rdkafka_error_code();
    assert_eq!(code, Some(RDKafkaErrorCode::MessageSizeTooLarge));
    let acked: Vec<_> = load.acked().into_iter().collect();
    assert_eq!(acked, [((0, 0), 0), ((0, 1), 2)]);
}

#[test]
fn but_a_frame_past_the_limit_of_requests_ends_its_own_connection_only() {
    let broker = Broker::start(&[("socket.request.max.bytes", "200000")]);
    create_topic(&broker.bootstrap(), "framed", 1, &[]);
    let mut good = broker.raw();
    assert_eq!(
        good.produce("framed", 0, &batch(b"before")).unwrap(),
        (0, 0)
    );
    let mut bad = broker.raw();
    bad.send(&200_001_i32.to_be_bytes()).unwrap();
    bad.wait_for_close().unwrap();
    assert_eq!(good.produce("framed", 0, &batch(b"after")).unwrap(), (0, 1));
}
