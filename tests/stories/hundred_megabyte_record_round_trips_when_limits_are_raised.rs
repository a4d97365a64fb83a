//! A record of 100 MB goes in and comes out whole once every limit on its way is raised:
//! the broker's for messages and requests, the producer's, and the consumer's.

use crate::harness::{Broker, Load, create_topic, noise, read_until_end, reader};

const SIZE: usize = 100_000_000;
const LIMIT: &str = "110000000";

#[test]
fn in_and_out() {
    let broker = Broker::start(&[
        ("message.max.bytes", LIMIT),
        ("socket.request.max.bytes", "120000000"),
    ]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "huge", 1, &[]);
    let value: Vec<u8> = noise(1).take(SIZE).collect();
    let load = Load::new(
        &bootstrap,
        &[
            ("message.max.bytes", LIMIT),
            ("queue.buffering.max.kbytes", "1000000"),
            ("acks", "all"),
        ],
    );
    load.send_value("huge", 0, 0, b"before");
    load.send_value("huge", 0, 1, &value);
    load.send_value("huge", 0, 2, b"after");
    load.finish();
    assert_eq!(load.failed(), []);

    // Also a consumer that asks for less at a time gets it: a batch is never cut so that
    // its reader cannot go on (KIP-74).
    for fetch_bytes in ["1000000", LIMIT] {
        let consumer = reader(
            &bootstrap,
            &[
                ("fetch.message.max.bytes", fetch_bytes),
                ("fetch.max.bytes", LIMIT),
                ("receive.message.max.bytes", "120000000"),
                ("message.max.bytes", LIMIT),
            ],
        );
        let read = read_until_end(&consumer, "huge", 0, 0);
        let lengths: Vec<_> = read.iter().map(|read| read.record.value.len()).collect();
        assert_eq!(lengths, [6, SIZE, 5]);
        // Not assert_eq!: nobody wants to read 100 MB twice.
        assert!(read[1].record.value == value, "the bytes differ");
    }
}
