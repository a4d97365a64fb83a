//! What every codec must do: give back what was compressed, refuse what is cut or goes on, and stop
//! at the limit.

use std::io::{Read, Write};

use super::*;

const CODECS: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

fn decompress(
    codec: Codec,
    payload: &[u8],
    limit_bytes: usize,
) -> Result<Vec<u8>, CompressionError> {
    let mut decoder = Decoder::open(codec, payload, limit_bytes)?;
    let mut out = Vec::new();
    match decoder.read_to_end(&mut out) {
        Ok(_) => Ok(out),
        Err(error) => Err(decoder.explain(error)),
    }
}

fn compressed(codec: Codec, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    compress(codec, bytes, &mut out).unwrap();
    out
}

fn is_corrupt(result: &Result<Vec<u8>, CompressionError>) -> bool {
    matches!(result, Err(CompressionError::Corrupt { .. }))
}

/// Text that compresses, longer than an lz4 block.
fn text() -> Vec<u8> {
    (0u32..40_000).flat_map(|n| (n / 7).to_be_bytes()).collect()
}

#[test]
fn what_was_compressed_is_given_back() {
    for codec in Codec::ALL {
        for bytes in [&b""[..], b"a", &text()] {
            let payload = compressed(codec, bytes);
            assert_eq!(
                decompress(codec, &payload, 1 << 20).as_deref(),
                Ok(bytes),
                "{codec}"
            );
        }
    }
}

#[test]
fn a_cut_payload_is_never_taken_for_a_whole_one() {
    let bytes = text();
    for codec in CODECS {
        let payload = compressed(codec, &bytes);
        let step = (payload.len() / 97).max(1);
        let cuts = (1..payload.len())
            .step_by(step)
            .chain(payload.len() - 9..payload.len());
        for cut in cuts {
            let result = decompress(codec, &payload[..cut], 1 << 20);
            assert!(
                is_corrupt(&result),
                "{codec} cut at {cut} of {}",
                payload.len()
            );
        }
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    for codec in CODECS {
        let mut payload = compressed(codec, b"records");
        payload.extend_from_slice(b"hidden");
        assert!(is_corrupt(&decompress(codec, &payload, 1 << 20)), "{codec}");
    }
}

#[test]
fn the_limit_is_exact() {
    let bytes = text();
    let len = bytes.len();
    for codec in Codec::ALL {
        let payload = compressed(codec, &bytes);
        assert!(decompress(codec, &payload, len).is_ok(), "{codec}");
        let limit_bytes = len - 1;
        let refused = Err(CompressionError::TooLarge { limit_bytes });
        assert_eq!(decompress(codec, &payload, limit_bytes), refused, "{codec}");
    }
}

/// The framing of snappy-java.
fn java_snappy(blocks: &[&[u8]]) -> Vec<u8> {
    let mut out = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
    for block in blocks {
        let block = compressed(Codec::Snappy, block);
        out.extend_from_slice(&u32::try_from(block.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&block);
    }
    out
}

#[test]
fn snappy_is_read_raw_and_as_java_frames_it() {
    let bytes = text();
    let (left, right) = bytes.split_at(32 << 10);
    let payload = java_snappy(&[left, b"", right]);
    assert_eq!(decompress(Codec::Snappy, &payload, 1 << 20), Ok(bytes));
    assert_eq!(
        decompress(Codec::Snappy, &java_snappy(&[]), 0),
        Ok(Vec::new())
    );
    for cut in [10, 18, payload.len() - 1] {
        assert!(is_corrupt(&decompress(
            Codec::Snappy,
            &payload[..cut],
            1 << 20
        )));
    }
}

#[test]
fn a_snappy_block_that_declares_the_impossible_costs_nothing() {
    // 2^31 bytes declared by a block of seven.
    let payload = [0x80, 0x80, 0x80, 0x80, 0x08, 0, 0];
    assert!(is_corrupt(&decompress(Codec::Snappy, &payload, usize::MAX)));
}

#[test]
fn lz4_frames_that_java_cannot_read_are_refused() {
    use lz4_flex::frame::{BlockMode, FrameEncoder, FrameInfo};
    let linked = FrameInfo::new().block_mode(BlockMode::Linked);
    let mut encoder = FrameEncoder::with_frame_info(linked, Vec::new());
    encoder.write_all(&text()).unwrap();
    let linked = encoder.finish().unwrap();
    let legacy = [0x02, 0x21, 0x4c, 0x18, 2, 0, 0, 0, 0x10, b'a'].to_vec();
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, b'a'].to_vec();
    for payload in [linked, legacy, skippable] {
        assert!(is_corrupt(&decompress(Codec::Lz4, &payload, 1 << 20)));
    }
}

#[test]
fn a_zstd_window_beyond_what_consumers_take_is_refused() {
    let mut encoder = ::zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(28).unwrap();
    encoder.write_all(&text()).unwrap();
    let payload = encoder.finish().unwrap();
    assert!(is_corrupt(&decompress(Codec::Zstd, &payload, 1 << 20)));
}

#[test]
fn several_zstd_frames_are_one_payload() {
    let mut payload = compressed(Codec::Zstd, b"one ");
    payload.extend(compressed(Codec::Zstd, b"two"));
    assert_eq!(
        decompress(Codec::Zstd, &payload, 100).as_deref(),
        Ok(&b"one two"[..])
    );
}
