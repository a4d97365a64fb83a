//! A gigabyte of zeros in a megabyte: refused at the limit, in memory that does not grow with it.

#![allow(clippy::unwrap_used)]

use std::io::{self, Read, Write};

use naru_record_batch::{
    Attributes, BatchBuilder, BatchHeader, CRC_FROM, Codec, HEADER_BYTES, LENGTH_OVERHEAD_BYTES,
    Rejection, RejectionKind, Rules, crc32c, validate,
};

const BOMB_BYTES: u64 = 1 << 30;

/// Where the verdict must fall.
const LIMIT_BYTES: usize = 64 << 20;

/// What the process may grow by while a bomb is judged: less than the limit.
const GROWTH_BYTES_MAX: u64 = 16 << 20;

/// One record of a gigabyte of zeros, or what looks like its beginning.
fn zeros() -> impl Read {
    // Size and fields of a record whose value is the rest; varints of 5 bytes.
    let mut front = Vec::new();
    for value in [BOMB_BYTES as i64 - 32, 0, 0, 0, -1, BOMB_BYTES as i64 - 64] {
        let mut raw = ((value << 1) ^ (value >> 63)) as u64;
        while raw >= 0x80 {
            front.push(raw as u8 | 0x80);
            raw >>= 7;
        }
        front.push(raw as u8);
    }
    io::Cursor::new(front).chain(io::repeat(0)).take(BOMB_BYTES)
}

fn bomb(codec: Codec) -> Vec<u8> {
    let mut payload = Vec::new();
    match codec {
        Codec::Gzip => {
            let level = flate2::Compression::fast();
            let mut encoder = flate2::write::GzEncoder::new(&mut payload, level);
            io::copy(&mut zeros(), &mut encoder).unwrap();
            encoder.finish().unwrap();
        }
        Codec::Lz4 => {
            let info = lz4_flex::frame::FrameInfo::new()
                .block_size(lz4_flex::frame::BlockSize::Max4MB)
                .block_mode(lz4_flex::frame::BlockMode::Independent);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, &mut payload);
            io::copy(&mut zeros(), &mut encoder).unwrap();
            encoder.finish().unwrap();
        }
        Codec::Zstd => {
            let mut encoder = zstd::Encoder::new(&mut payload, 3).unwrap();
            io::copy(&mut zeros(), &mut encoder).unwrap();
            encoder.finish().unwrap();
        }
        Codec::Snappy => {
            // As Java frames it: blocks of 1 MiB, and all the same but for the first.
            payload.extend_from_slice(b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
            let mut zeros = zeros();
            let mut block = vec![0; 1 << 20];
            for _ in 0..BOMB_BYTES >> 20 {
                zeros.read_exact(&mut block).unwrap();
                let packed = snap::raw::Encoder::new().compress_vec(&block).unwrap();
                let len = u32::try_from(packed.len()).unwrap();
                payload.write_all(&len.to_be_bytes()).unwrap();
                payload.extend_from_slice(&packed);
            }
        }
        Codec::None => unreachable!("no bomb without compression"),
    }
    sealed(codec, payload)
}

/// A batch of one record around a payload.
fn sealed(codec: Codec, payload: Vec<u8>) -> Vec<u8> {
    let mut builder = BatchBuilder::default();
    builder.push_pair(0, None, None);
    let mut batch = builder.build().unwrap();
    let mut header = BatchHeader::parse(&batch).unwrap();
    batch.truncate(HEADER_BYTES);
    batch.extend_from_slice(&payload);
    header.attributes = Attributes(codec.bits());
    header.batch_length = i32::try_from(batch.len() - LENGTH_OVERHEAD_BYTES).unwrap();
    header.write_to(&mut batch);
    header.crc = crc32c(&batch[CRC_FROM..]);
    header.write_to(&mut batch);
    batch
}

/// Forgets the most memory that the process held before; `man 5 proc_pid_clear_refs`.
fn reset_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// The most memory this process ever held, in bytes.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

fn rules() -> Rules {
    Rules {
        batch_bytes_max: usize::MAX,
        decompressed_bytes_max: LIMIT_BYTES,
        ..Default::default()
    }
}

/// The verdict, and how much memory it took.
fn judge(batch: &[u8]) -> (Rejection, u64) {
    reset_peak();
    let before_bytes = peak_bytes();
    let rejection = validate(batch, &rules()).unwrap_err();
    (rejection, peak_bytes() - before_bytes)
}

/// One test, as memory is measured of the whole process.
#[test]
fn a_bomb_of_every_codec_is_refused_in_little_memory() {
    reset_peak();
    let before_bytes = peak_bytes();
    let zeros = std::hint::black_box(vec![1; 2 * LIMIT_BYTES]);
    let seen_bytes = peak_bytes() - before_bytes;
    assert!(seen_bytes >= zeros.len() as u64, "memory is not measured");
    let declared = snap::raw::Encoder::new().compress_vec(&zeros).unwrap();
    drop(zeros);

    let raw_snappy = sealed(Codec::Snappy, declared);
    let codecs = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
    let bombs = codecs.into_iter().map(|codec| (codec, bomb(codec)));
    for (codec, batch) in [(Codec::Snappy, raw_snappy)].into_iter().chain(bombs) {
        let (rejection, grown_bytes) = judge(&batch);
        assert_eq!(
            rejection.kind(),
            RejectionKind::MessageTooLarge,
            "{codec}: {rejection}"
        );
        assert!(
            grown_bytes < GROWTH_BYTES_MAX,
            "{codec} took {grown_bytes} bytes"
        );
    }
}
