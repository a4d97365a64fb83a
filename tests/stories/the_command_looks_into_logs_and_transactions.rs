//! `naru log` and `naru transaction`: what lies where, and what is open.

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value, json};

use crate::harness::{Broker, Said, WAIT_MAX, client, command, naru, naru_reading};

#[test]
fn sizes_and_offsets_by_time_are_shown() {
    let broker = Broker::start(&[]);
    naru(&broker, "topic create t -p 1").ok();
    for (second, value) in [(10, "a"), (30, "b"), (20, "c")] {
        naru(
            &broker,
            &format!("produce t {value} --timestamp {second}000"),
        )
        .ok();
    }
    let at = |at: &str| {
        let found = naru(&broker, &format!("log offsets t --at {at} --json")).json();
        (found[0]["offset"].clone(), found[0]["timestamp_ms"].clone())
    };
    assert_eq!(at("latest"), (json!(3), Value::Null));
    assert_eq!(at("earliest"), (json!(0), Value::Null));
    assert_eq!(at("max-timestamp"), (json!(1), json!(30_000)));
    assert_eq!(at("15000"), (json!(1), json!(30_000)));
    assert_eq!(at("1970-01-01T00:01:00Z"), (Value::Null, Value::Null));
    let sizes = naru(&broker, "log sizes t --json").json();
    let dirs = naru(&broker, "log dirs --json").json();
    assert_eq!(sizes[0]["dir"], dirs[0]["dir"]);
    assert_eq!(dirs[0]["dir"].as_str(), broker.dir().to_str());
    assert!(sizes[0]["size_bytes"].as_i64().unwrap() > 0, "{sizes}");
    assert!(
        dirs[0]["usable_bytes"].as_i64() > sizes[0]["size_bytes"].as_i64(),
        "{dirs}"
    );
}

#[test]
fn the_segments_of_a_stopped_broker_are_printed_and_damage_is_told() {
    let mut broker = Broker::start(&[]);
    naru(&broker, "topic create t -p 1").ok();
    naru_reading(&broker, "produce t -z zstd", "a\nb\n").ok();
    naru(&broker, "produce t c").ok();
    broker.terminate();
    let partition = broker.dir().join("t-0");
    let dump = |more: &[&str]| {
        let words = [&["log", "dump", partition.to_str().unwrap()], more].concat();
        Said::from(command("nobody:1", &words).output().unwrap())
    };
    let said = dump(&["--json", "--records"]).ok();
    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let batches = lines
        .iter()
        .filter(|line| line.get("base_offset").is_some());
    let spans: Vec<_> = batches
        .map(|batch| {
            (
                &batch["base_offset"],
                &batch["last_offset"],
                &batch["compression"],
            )
        })
        .collect();
    let (zero, one, two) = (json!(0), json!(1), json!(2));
    let (zstd, none) = (json!("zstd"), json!("none"));
    assert_eq!(spans, [(&zero, &one, &zstd), (&two, &two, &none)]);
    let values = lines.iter().filter_map(|line| line["value"].as_str());
    assert_eq!(values.collect::<Vec<_>>(), ["a", "b", "c"]);

    let segment = partition.join("00000000000000000000.log");
    let mut bytes = std::fs::read(&segment).unwrap();
    // A byte of the first batch's records.
    bytes[70] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let damaged = dump(&[]);
    assert!(damaged.out.contains("DAMAGED"), "{damaged:?}");
    assert!(damaged.refused(1).contains("1 batches are damaged"));
}

#[test]
fn an_open_transaction_is_listed_described_and_can_be_aborted_in_a_partition() {
    let broker = Broker::start(&[]);
    naru(&broker, "topic create t -p 1").ok();
    let producer: BaseProducer = client(&broker.bootstrap())
        .set("transactional.id", "tx")
        .create()
        .unwrap();
    producer.init_transactions(WAIT_MAX).unwrap();
    producer.begin_transaction().unwrap();
    producer
        .send(BaseRecord::<[u8], str>::to("t").payload("open"))
        .unwrap();
    producer.flush(WAIT_MAX).unwrap();
    naru(&broker, "produce t committed").ok();

    let listed = naru(&broker, "transaction list --state Ongoing --json").json();
    assert_eq!(listed[0]["transactional_id"], "tx");
    assert_eq!(
        naru(&broker, "transaction list --open-for 1h --json").json(),
        json!([])
    );
    let described = naru(&broker, "transaction describe tx --json").json();
    assert_eq!(
        described[0]["topics"],
        json!([{"topic": "t", "partitions": [0]}])
    );
    assert_eq!(described[0]["producer_id"], listed[0]["producer_id"]);
    // Its coordinator knows it.
    let hanging = naru(&broker, "transaction find-hanging t --idle-for 0 --json").json();
    assert_eq!(hanging, json!([]));
    // It holds up who reads committed records, until its partition is told that it is over.
    assert_eq!(naru(&broker, "consume t -e --read-committed").ok(), "");
    let elsewhere = naru(&broker, "transaction abort t -p 0 --start-offset 1 -y").refused(1);
    assert!(
        elsewhere.contains("no transaction is open in t-0"),
        "{elsewhere}"
    );
    naru(&broker, "transaction abort t -p 0 --start-offset 0 -y").ok();
    assert_eq!(
        naru(&broker, "consume t -e --read-committed").ok(),
        "committed\n"
    );
    assert_eq!(naru(&broker, "consume t -e").ok(), "open\ncommitted\n");
    let unknown = naru(&broker, "transaction describe ty").refused(1);
    assert!(
        unknown.contains("TRANSACTIONAL_ID_NOT_FOUND (105)"),
        "{unknown}"
    );
}
