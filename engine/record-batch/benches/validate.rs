//! What it costs to believe a batch.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use naru_record_batch::{BatchBuilder, Codec, Depth, Rules, crc32c, validate};

const NOW_MS: i64 = 1_700_000_000_000;
const BATCH_BYTES: usize = 16 << 10;

/// Half of each value is noise, as in data that compresses about two to one.
fn batch(codec: Codec, record_bytes: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec);
    let mut noise = 0x9e37_79b9_7f4a_7c15u64;
    while builder.size_bytes() + record_bytes <= BATCH_BYTES {
        let mut value = vec![b'v'; record_bytes - 16];
        for chunk in value.chunks_mut(16) {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            for (byte, random) in chunk.iter_mut().zip(noise.to_le_bytes()) {
                *byte = random;
            }
        }
        builder.push_pair(NOW_MS, Some(b"key-0001"), Some(&value));
    }
    builder.build().expect("the batch is small")
}

fn checksum(c: &mut Criterion) {
    let mut group = c.benchmark_group("crc32c");
    for bytes in [1 << 10, 16 << 10, 1 << 20] {
        let data = vec![0xa5; bytes];
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_with_input(BenchmarkId::from_parameter(bytes), &data, |b, data| {
            b.iter(|| crc32c(black_box(data)));
        });
    }
}

fn verdict(c: &mut Criterion) {
    let mut group = c.benchmark_group("validate_16_kib");
    let full = Rules {
        now_ms: NOW_MS,
        ..Default::default()
    };
    let shallow = Rules {
        depth: Depth::HeaderAndCrc,
        ..full
    };
    group.throughput(Throughput::Bytes(BATCH_BYTES as u64));
    for record_bytes in [1024, 100] {
        let plain = batch(Codec::None, record_bytes);
        group.bench_function(BenchmarkId::new("header_and_crc", record_bytes), |b| {
            b.iter(|| validate(black_box(&plain), &shallow));
        });
        for codec in Codec::ALL {
            let batch = batch(codec, record_bytes);
            let name = BenchmarkId::new(codec.to_string(), record_bytes);
            group.bench_with_input(name, &batch, |b, batch| {
                b.iter(|| validate(black_box(batch), &full));
            });
        }
    }
}

criterion_group!(benches, checksum, verdict);
criterion_main!(benches);
