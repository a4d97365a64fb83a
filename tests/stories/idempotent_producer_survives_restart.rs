//! One idempotent producer lives through restarts of the broker: all it sent is there, once
//! and in order, although it had to send much of it again.

use std::os::unix::process::ExitStatusExt;

use crate::harness::{Broker, Load, create_topic, read_all, record};

const RECORDS: u64 = 20_000;

fn survive(stop: impl Fn(&mut Broker)) {
    let mut broker = Broker::start(&[]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "once", 1, &[]);
    let load = Load::new(
        &bootstrap,
        &[
            ("enable.idempotence", "true"),
            ("batch.num.messages", "100"),
            ("message.timeout.ms", "60000"),
        ],
    );
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..RECORDS {
                load.send_record("once", 0, number);
            }
        });
        for acks in [200, 5_000] {
            load.wait_for_acks(acks);
            stop(&mut broker);
            broker.start_again();
        }
    });
    load.finish();
    assert_eq!(load.failed(), []);
    let read = read_all(&bootstrap, "once", 0);
    for (read, number) in read.iter().zip(0..) {
        assert_eq!(read.offset, number as i64);
        assert_eq!(read.record, record(number));
    }
    assert_eq!(read.len() as u64, RECORDS);
}

#[test]
fn after_kill_9() {
    survive(Broker::kill_9);
}

#[test]
fn after_sigterm() {
    survive(|broker| {
        let status = broker.terminate();
        // A JVM that ends cleanly on SIGTERM reports the signal.
        assert!(
            status.success() || status.code() == Some(143),
            "{status} {:?}",
            status.signal()
        );
    });
}
