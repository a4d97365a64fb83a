//! A check in steps comes to the verdict of a check in one go, whatever the steps, and no
//! step does much more than it was asked to.

#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use naru_record_batch::{
    BatchBuilder, CRC_FROM, Codec, HEADER_BYTES, NewRecord, Rejection, Rules, Step, Validation,
    compress, crc32c, validate,
};
use proptest::prelude::*;

const NOW_MS: i64 = 1_700_000_000_000;

fn rules() -> Rules {
    Rules {
        now_ms: NOW_MS,
        batch_bytes_max: usize::MAX,
        decompressed_bytes_max: 4 << 20,
        ..Default::default()
    }
}

/// The bytes of the accepted batch and its largest timestamp, and the steps that it took.
fn in_steps(
    records: &[u8],
    rules: &Rules,
    budget_bytes: usize,
) -> (Result<(usize, i64), Rejection>, usize) {
    let mut check = match Validation::start(Bytes::copy_from_slice(records), rules) {
        Ok(check) => check,
        Err(rejection) => return (Err(rejection), 0),
    };
    for steps in 1.. {
        if let Step::Done(verdict) = check.step(budget_bytes) {
            let verdict = verdict.map(|batch| (batch.bytes().len(), batch.max_timestamp_ms()));
            return (verdict, steps);
        }
    }
    unreachable!()
}

fn agree(records: &[u8], rules: &Rules, budget_bytes: usize) -> usize {
    let whole = validate(records, rules);
    let whole = whole.map(|accepted| (accepted.batch_bytes, accepted.max_timestamp_ms));
    let (verdict, steps) = in_steps(records, rules, budget_bytes);
    assert_eq!(verdict, whole);
    steps
}

fn seal(batch: &mut [u8]) {
    let length = i32::try_from(batch.len() - 12).unwrap();
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c(&batch[CRC_FROM..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

fn batch(codec: Codec, records: i64, value_bytes: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec);
    for n in 0..records {
        builder.push(&NewRecord {
            timestamp_ms: NOW_MS + n % 7,
            key: (n % 3 > 0).then_some(b"key"),
            value: Some(&vec![n as u8; value_bytes]),
            headers: &[("first", None), ("second", Some(b"value"))],
        });
    }
    builder.build().unwrap()
}

#[test]
fn every_codec_is_divided() {
    for codec in Codec::ALL {
        let large = batch(codec, 300, 4_000);
        let steps = agree(&large, &rules(), 64 << 10);
        // 1.2 MB in steps of 64 KiB; raw snappy is one block.
        let at_least = if codec == Codec::Snappy { 2 } else { 15 };
        assert!(steps >= at_least, "{codec}: {steps} steps");
    }
}

/// One record whose value takes many windows.
#[test]
fn a_record_is_divided_as_well() {
    for codec in [Codec::Gzip, Codec::Lz4, Codec::Zstd] {
        let steps = agree(&batch(codec, 1, 3 << 20), &rules(), 256 << 10);
        assert!(steps >= 12, "{codec}: {steps} steps");
    }
}

#[test]
fn the_checksum_of_a_large_batch_is_divided() {
    let mut damaged = batch(Codec::None, 1, 1_000_000);
    *damaged.last_mut().unwrap() ^= 1;
    assert!(agree(&damaged, &rules(), 64 << 10) >= 15);
}

#[test]
fn a_check_may_be_taken_up_on_another_thread() {
    let large = Bytes::from(batch(Codec::Zstd, 300, 4_000));
    let mut check = Validation::start(large, &rules()).unwrap();
    assert!(matches!(check.step(64 << 10), Step::Pending));
    let done = std::thread::spawn(move || check.step(usize::MAX));
    assert!(matches!(done.join().unwrap(), Step::Done(Ok(_))));
}

/// What is declared of a decompressor's memory is what it may come to hold.
#[test]
fn memory_is_told_before_it_is_taken() {
    let told = |batch: Vec<u8>| {
        let check = Validation::start(Bytes::from(batch), &rules()).unwrap();
        check.memory_bytes()
    };
    assert_eq!(told(batch(Codec::None, 10, 100)), 0);
    assert!(told(batch(Codec::Gzip, 10, 100)) <= 128 << 10);
    // Blocks of 64 KiB, twice.
    assert_eq!(told(batch(Codec::Lz4, 300, 4_000)), 128 << 10);
    // Raw snappy is decompressed as a whole.
    assert!(told(batch(Codec::Snappy, 300, 4_000)) >= 1_200_000);
    // zstd at Kafka's level knows the size of what it compresses here.
    let zstd = told(batch(Codec::Zstd, 300, 4_000));
    assert!((1 << 20..4 << 20).contains(&zstd), "{zstd}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn hostile_batches_are_judged_alike(
        codec in prop::sample::select(&Codec::ALL[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        payload in prop::option::of(prop::collection::vec(any::<u8>(), 0..300)),
        budget_bytes in 1_usize..3_000,
        needs_keys: bool,
    ) {
        let mut bytes = batch(codec, 20, 90);
        if let Some(payload) = payload {
            bytes.truncate(HEADER_BYTES);
            compress(codec, &payload, &mut bytes).unwrap();
        }
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        seal(&mut bytes);
        agree(&bytes, &Rules { needs_keys, ..rules() }, budget_bytes);
    }
}
