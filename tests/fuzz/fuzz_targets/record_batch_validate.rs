//! The records of a produce, as they came and with length and checksum made right, so that the
//! fuzzer gets past both.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naru_record_batch::{CRC_FROM, Depth, HEADER_BYTES, Records, Rules, crc32c, validate};

fn judge(bytes: &[u8]) {
    for depth in [Depth::HeaderAndCrc, Depth::Full] {
        let rules = Rules {
            depth,
            decompressed_bytes_max: 1 << 20,
            now_ms: 1_700_000_000_000,
            ..Default::default()
        };
        let Ok(accepted) = validate(bytes, &rules) else {
            continue;
        };
        assert!(accepted.batch_bytes <= bytes.len());
        let is_plain = accepted.header.attributes.compression() == 0;
        if depth == Depth::Full && is_plain {
            // What was accepted can be read by everyone, down to the last header.
            let records = Records::new(&bytes[HEADER_BYTES..accepted.batch_bytes]);
            let mut count = 0;
            for record in records {
                let record = record.expect("an accepted record is readable");
                let declared = record.headers.len();
                assert_eq!(record.headers.count(), declared);
                count += 1;
            }
            assert_eq!(count, accepted.header.records_count);
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    judge(bytes);
    if bytes.len() < HEADER_BYTES {
        return;
    }
    let mut sealed = bytes.to_vec();
    let length = (sealed.len() - 12) as i32;
    sealed[..8].fill(0);
    sealed[8..12].copy_from_slice(&length.to_be_bytes());
    sealed[16] = 2;
    let crc = crc32c(&sealed[CRC_FROM..]);
    sealed[17..21].copy_from_slice(&crc.to_be_bytes());
    judge(&sealed);
});
