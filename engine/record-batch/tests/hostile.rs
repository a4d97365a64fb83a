//! Bytes made to hurt: nothing panics.

#![allow(clippy::unwrap_used)]

use naru_record_batch::{
    BatchBuilder, CRC_FROM, Codec, Depth, HEADER_BYTES, Rules, compress, crc32c, first_record_at,
    validate,
};
use proptest::prelude::*;

const NOW_MS: i64 = 1_700_000_000_000;

fn rules() -> Rules {
    Rules {
        now_ms: NOW_MS,
        decompressed_bytes_max: 1 << 20,
        needs_keys: true,
        ..Default::default()
    }
}

fn judge(bytes: &[u8]) {
    for depth in [Depth::Full, Depth::HeaderAndCrc] {
        let rules = Rules { depth, ..rules() };
        match validate(bytes, &rules) {
            Ok(accepted) => assert!(accepted.batch_bytes <= bytes.len()),
            Err(rejection) => assert!(!rejection.to_string().is_empty()),
        }
    }
    let _ = first_record_at(bytes, NOW_MS, 0);
}

/// Makes length and checksum right, so that what is after them is looked at.
fn seal(batch: &mut [u8]) {
    let length = i32::try_from(batch.len() - 12).unwrap();
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c(&batch[CRC_FROM..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

fn batch(codec: Codec) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec);
    for n in 0..20i64 {
        builder.push_pair(NOW_MS + n, Some(b"key"), Some(&[n as u8; 90]));
    }
    builder.build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        judge(&bytes);
    }

    #[test]
    fn random_records_never_panic(
        codec in prop::sample::select(&Codec::ALL[..]),
        payload in prop::collection::vec(any::<u8>(), 0..300),
        is_compressed: bool,
    ) {
        let mut bytes = batch(codec);
        bytes.truncate(HEADER_BYTES);
        if is_compressed {
            compress(codec, &payload, &mut bytes).unwrap();
        } else {
            bytes.extend_from_slice(&payload);
        }
        seal(&mut bytes);
        judge(&bytes);
    }

    #[test]
    fn mutated_batches_never_panic(
        codec in prop::sample::select(&Codec::ALL[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        is_cut: bool,
        is_sealed: bool,
    ) {
        let mut bytes = batch(codec);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if is_sealed && bytes.len() >= HEADER_BYTES {
            seal(&mut bytes);
        }
        judge(&bytes);
    }
}
