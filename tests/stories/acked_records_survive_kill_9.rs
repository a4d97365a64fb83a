//! An acknowledged record outlives the process, wherever in the load SIGKILL strikes.
//!
//! The producer neither retries nor is idempotent, so that what the log holds is what the
//! broker itself made of each request: nothing twice, nothing out of order.

use crate::harness::{Broker, Load, create_topic, read_all};

/// How many acknowledgements a kill waits for: early, and well into the load.
const KILL_AFTER: [usize; 3] = [1, 700, 3_000];
const PARTITIONS: i32 = 2;

fn survive(acks: &str) {
    let mut broker = Broker::start(&[]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "kept", PARTITIONS, &[]);
    // What earlier rounds had acknowledged has to survive the later kills, too.
    let mut acked = std::collections::BTreeMap::new();
    for (round, kill_after) in (0_u64..).zip(KILL_AFTER) {
        let load = Load::new(
            &bootstrap,
            &[
                ("acks", acks),
                ("message.send.max.retries", "0"),
                ("message.timeout.ms", "3000"),
                ("batch.num.messages", "50"),
            ],
        );
        let first = round * 1_000_000;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in first..first + 20_000 {
                    load.send_record("kept", (number % 2) as i32, number);
                }
            });
            load.wait_for_acks(kill_after);
            broker.kill_9();
        });
        // Whatever was under way now fails; only what was acknowledged counts.
        load.finish();
        let of_this_round = load.acked();
        assert!(of_this_round.len() >= kill_after);
        acked.extend(of_this_round);
        broker.start_again();

        for partition in 0..PARTITIONS {
            let read = read_all(&bootstrap, "kept", partition);
            let numbers: Vec<u64> = read
                .iter()
                .map(|read| (read.record.timestamp_ms - crate::harness::FIRST_MS) as u64)
                .collect();
            assert!(
                numbers.is_sorted_by(|earlier, later| earlier < later),
                "a record is there twice, or out of order"
            );
            for ((_, offset), number) in acked.range((partition, 0)..(partition + 1, 0)) {
                let found = usize::try_from(*offset).ok().and_then(|at| read.get(at));
                let found = found
                    .unwrap_or_else(|| panic!("{number} was acknowledged at {offset} and is gone"));
                assert_eq!(found.offset, *offset);
                assert_eq!(found.record, crate::harness::record(*number));
            }
        }
    }
}

#[test]
fn with_acks_1() {
    survive("1");
}

#[test]
fn with_acks_all() {
    survive("all");
}
