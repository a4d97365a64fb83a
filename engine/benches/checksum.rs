//! CRC-32 (IEEE), the checksum of Naru's own files, and what it costs to write and to believe the
//! index of a segment, which is the largest of them. CRC-32C, that of record batches, is measured
//! in `record-batch`.
//!
//! `cargo bench -p naru-engine --bench checksum`
#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use naru_engine::index::{Index, IndexEntry, SegmentIndex};

/// An entry for every 64 KiB of a segment of 1 GiB.
const ENTRIES: u64 = 16 << 10;
const ENTRY_INTERVAL_BYTES: u64 = 64 << 10;

fn index() -> SegmentIndex {
    let entry = |number: u64| IndexEntry {
        offset: number as i64 * 64,
        position: number * ENTRY_INTERVAL_BYTES,
        max_timestamp_before_ms: number as i64,
    };
    SegmentIndex {
        index: Index::from_entries((0..ENTRIES).map(entry).collect()),
        segment_bytes: ENTRIES * ENTRY_INTERVAL_BYTES,
        max_timestamp_ms: ENTRIES as i64,
        next_offset: ENTRIES as i64 * 64,
        aborted_count: 0,
    }
}

fn checksum(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("crc32");
    for bytes in [1 << 10, 16 << 10, 1 << 20] {
        let data = vec![0xa5; bytes];
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_with_input(
            BenchmarkId::from_parameter(bytes),
            &data,
            |bencher, data| {
                bencher.iter(|| crc32fast::hash(black_box(data)));
            },
        );
    }
}

fn index_file(criterion: &mut Criterion) {
    let index = index();
    let file = index.encode();
    assert_eq!(
        SegmentIndex::decode(&file, index.segment_bytes).as_ref(),
        Some(&index)
    );
    let mut group = criterion.benchmark_group("index_file");
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| black_box(&index).encode());
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| SegmentIndex::decode(black_box(&file), index.segment_bytes));
    });
}

criterion_group!(benches, checksum, index_file);
criterion_main!(benches);
