//! Index and checkpoint of a partition, with the envelope around them as it is and made right.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naru_engine::index::{SegmentIndex, decode_aborted};
use naru_engine::recovery::Checkpoint;

const SEGMENT_BYTES: u64 = 1 << 20;

/// The envelope of Naru's small files (`docs/FORMAT.md`).
fn sealed(magic: &[u8; 4], version: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = magic.to_vec();
    out.extend_from_slice(&version.to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(payload);
    out
}

fn read(bytes: &[u8]) {
    if let Some(SegmentIndex { index, .. }) = SegmentIndex::decode(bytes, SEGMENT_BYTES) {
        for wanted in [i64::MIN, -1, 0, 1, i64::MAX] {
            assert!(index.position_for_offset(wanted) < SEGMENT_BYTES);
            assert!(index.position_for_timestamp(wanted) < SEGMENT_BYTES);
        }
    }
    let _ = Checkpoint::decode(bytes);
}

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    let _ = decode_aborted(bytes);
    for version in [1, 2] {
        read(&sealed(b"NIDX", version, bytes));
        read(&sealed(b"NCKP", version, bytes));
    }
});
