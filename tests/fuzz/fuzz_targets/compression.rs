//! Payloads of every codec: the first byte says which.
#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use naru_record_batch::{Codec, Decoder, compress};

const LIMIT_BYTES: usize = 1 << 20;

fn decompress(codec: Codec, payload: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut decoder = Decoder::open(codec, payload, LIMIT_BYTES).ok()?;
    decoder.read_to_end(&mut out).ok()?;
    Some(out)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, payload)) = bytes.split_first() else {
        return;
    };
    let codec = Codec::ALL[usize::from(*first) % Codec::ALL.len()];
    if let Some(out) = decompress(codec, payload) {
        assert!(out.len() <= LIMIT_BYTES);
    }
    let mut again = Vec::new();
    compress(codec, payload, &mut again).expect("the input is small");
    assert_eq!(decompress(codec, &again).as_deref(), Some(payload));
});
