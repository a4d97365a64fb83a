//! A batch's header as the log reads it back: never a panic, and what is read is written the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naru_record_batch::{BatchHeader, HEADER_BYTES, crc_is_valid, first_record_at};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = BatchHeader::parse(bytes) {
        let mut written = [0; HEADER_BYTES];
        header.write_to(&mut written);
        assert_eq!(written, bytes[..HEADER_BYTES]);
        let _ = (
            header.size_bytes(),
            header.next_offset(),
            header.last_sequence(),
        );
    }
    let _ = crc_is_valid(bytes);
    let _ = first_record_at(bytes, 0, 0);
});
