//! A request frame of any API, before anyone is authenticated.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use naru_wire::{RequestHeader, decode_any_request};

fuzz_target!(|bytes: &[u8]| {
    let frame = Bytes::copy_from_slice(bytes);
    let peeked = RequestHeader::peek(&frame);
    if let Ok((header, request)) = decode_any_request(frame) {
        assert_eq!(request.key().code(), header.api_key);
        assert!(peeked.is_ok_and(|peeked| peeked.correlation_id == header.correlation_id));
    }
});
