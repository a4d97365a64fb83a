//! `naru-bench` as the load: whichever way it is run, every record comes back once, in order
//! and whole, and a broker that dies is an error, not a result.

use std::thread;

use naru_bench::kafka::Admin;
use naru_bench::load::{LoadError, Options, Progress, run, run_with};
use naru_bench::outcome::Outcome;
use naru_bench::workload::WorkloadOptions;

use super::harness::{Broker, create_topic};

fn bench(broker: &Broker, workload: &str) -> Result<Outcome, LoadError> {
    let options: WorkloadOptions = toml::from_str(workload).unwrap();
    let workload = options.resolve().unwrap();
    run(&broker.bootstrap(), &workload, &Progress::hidden())
}

#[track_caller]
fn assert_proven(broker: &Broker, workload: &str, records: u64) {
    let outcome = bench(broker, workload).unwrap();
    assert!(outcome.is_clean(), "{workload}\n{outcome:?}");
    assert_eq!(outcome.verification.checked, records, "{workload}");
}

#[test]
fn consumers_of_the_tail_see_every_record_once() {
    let broker = Broker::start(&[]);
    let few = "warm-up = '0s'\nconsumers = 2\npartitions = 3\nrecords = 3000\n";
    assert_proven(&broker, few, 3000);
    for more in [
        "acks = 0",
        "acks = 1\nidempotent = false\nsize = '30..5KiB'\nkey-size = 8",
        "idempotent = true\nproducers = 3\ntopics = 2",
        "compression = 'zstd'\ncompressibility = 0.5\nbatch-size = '100KB'",
        "rate = 20000.0\npartitioner = 'round-robin'\nlinger = '0s'",
        "size = '2MB'\nrecords = 20",
    ] {
        let workload = if more.contains("records") {
            few.replace("records = 3000\n", "")
        } else {
            few.to_owned()
        };
        let records = if more.contains("records") { 20 } else { 3000 };
        assert_proven(&broker, &format!("{workload}{more}"), records);
    }
}

#[test]
fn consumers_that_come_later_read_everything_from_the_beginning() {
    let broker = Broker::start(&[]);
    let cold =
        "warm-up = '0s'\nconsumers = 1\nreads = 'cold'\nrecords = 5000\nbatch-size = '200KB'";
    assert_proven(&broker, cold, 5000);
}

#[test]
fn members_of_each_group_share_the_partitions() {
    let broker = Broker::start(&[("offsets.topic.num.partitions", "2")]);
    let groups =
        "warm-up = '0s'\nconsumers = 3\ngroups = 2\npartitions = 5\nrecords = 4000\nrate = 4000.0";
    assert_proven(&broker, groups, 8000);
}

#[test]
fn a_broker_that_dies_is_an_error() {
    let mut broker = Broker::start(&[]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "load", 1, &[]);
    let load = thread::spawn({
        let bootstrap = bootstrap.clone();
        move || {
            let endless = "warm-up = '0s'\nrecords = 1000000000";
            let endless: WorkloadOptions = toml::from_str(endless).unwrap();
            let options = Options {
                topics: Some(vec!["load".into()]),
                ..Default::default()
            };
            run_with(
                &bootstrap,
                &endless.resolve().unwrap(),
                &options,
                &Progress::hidden(),
            )
        }
    });
    let admin = Admin::connect(&bootstrap).unwrap();
    while admin.end_offsets(&["load".into()]).unwrap() == [0] {}
    broker.kill_9();
    // The load ends, but where the partitions end cannot be asked any more.
    let ended = load.join().unwrap();
    assert!(matches!(ended, Err(LoadError::Kafka(_))), "{ended:?}");
}
