//! The log against a model of it, a plain row of batches: whatever is done in whatever
//! order, both hold the same.
#![allow(clippy::unwrap_used)]

mod world;

use bytes::Bytes;
use naru_engine::log::{Log, LogConfig};
use naru_engine::recovery::recover;
use proptest::prelude::*;
use world::{Known, check_open, dir, machine, shared_of};

#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    Flush,
    Rest,
    Read(u16, usize),
    Checkpoint,
    Truncate(u16),
    /// Closed and opened, or only opened: what is not flushed is written by then.
    Reopen(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => prop_oneof![61..3_000_usize, 3_000..90_000_usize].prop_map(Step::Append),
        4 => Just(Step::Flush),
        1 => Just(Step::Rest),
        4 => (any::<u16>(), 1..400_000_usize).prop_map(|(at, max)| Step::Read(at, max)),
        1 => Just(Step::Checkpoint),
        1 => any::<u16>().prop_map(Step::Truncate),
        1 => any::<bool>().prop_map(Step::Reopen),
    ];
    prop::collection::vec(step, 1..60)
}

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 128 << 10,
        ..LogConfig::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_log_holds_what_it_was_given(seed in any::<u64>(), steps in steps()) {
        // Half of the time nothing stays in memory.
        let tail_bytes = if seed % 2 == 0 { 64 << 20 } else { 16 << 10 };
        let shared = || shared_of(tail_bytes);
        let sim = machine(seed);
        let env = sim.env();
        let known = Known::default();
        sim.run(async {
            let mut log = Log::create(env.clone(), dir(), config(), shared());
            for step in steps {
                let end = known.appended();
                match step {
                    Step::Append(size) => {
                        known.append(&log, size).unwrap();
                    }
                    Step::Flush => known.flush(&log).await.unwrap(),
                    Step::Rest => log.rest(),
                    Step::Checkpoint => log.checkpoint(Bytes::new()).await.unwrap(),
                    Step::Read(at, max) => {
                        let from = i64::from(at) % (end + 1);
                        let found = log.read(from, max, true).await.unwrap().concat();
                        let readable = from < log.flushed_offset();
                        assert!(!found.is_empty() || !readable);
                        let given = known.0.borrow().appended.get(from as usize).cloned();
                        if let (Some(given), false) = (given, found.is_empty()) {
                            assert!(found[16..given.len()] == given[16..], "offset {from}");
                        }
                    }
                    Step::Truncate(at) => {
                        let to = i64::from(at) % (end + 1);
                        assert_eq!(log.truncate_to(to).await.unwrap(), to);
                        known.0.borrow_mut().appended.truncate(to as usize);
                    }
                    Step::Reopen(is_closed) if end > 0 => {
                        log.written(end).await.unwrap();
                        if is_closed {
                            log.close(Bytes::new()).await.unwrap();
                        } else {
                            known.flush(&log).await.unwrap();
                            log.checkpoint(Bytes::new()).await.unwrap();
                            log.abandon();
                        }
                        let found = recover(&env, &dir(), 0, &mut |_| {}).await.unwrap();
                        let opened = Log::open(env.clone(), dir(), found, config(), shared());
                        log = opened.await.unwrap();
                    }
                    Step::Reopen(_) => {}
                }
                assert_eq!(log.end_offset(), known.appended());
            }
            known.flush(&log).await.unwrap();
            check_open(&log, &known, known.appended(), "at the end").await;
        }).unwrap();
    }
}
