//! The log on the real ring and a real directory: appended, flushed, read, opened again.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::rc::Rc;

use bytes::Bytes;
use naru_engine::log::{Fence, Log, LogConfig, Shared, Stamp, TailBudget};
use naru_engine::recovery::{Recovered, recover};
use naru_record_batch::{Attributes, BatchHeader, HEADER_BYTES, MAGIC, stamp_max_timestamp};
use naru_runtime::{Handle, RingConfig, Runtime};

/// A batch of one record's worth of payload, with a valid checksum.
fn batch(payload: usize, fill: u8) -> Bytes {
    let mut bytes = vec![fill; HEADER_BYTES + payload];
    let header = BatchHeader {
        base_offset: 0,
        batch_length: (HEADER_BYTES - 12 + payload) as i32,
        partition_leader_epoch: -1,
        magic: MAGIC,
        crc: 0,
        attributes: Attributes(0),
        last_offset_delta: 0,
        base_timestamp_ms: i64::from(fill),
        max_timestamp_ms: i64::from(fill),
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        records_count: 1,
    };
    header.write_to(&mut bytes);
    stamp_max_timestamp(&mut bytes, i64::from(fill));
    Bytes::from(bytes)
}

fn shared(dir: &Path) -> Shared {
    Shared {
        fence: Fence::new(dir.to_owned()),
        tails: Rc::new(TailBudget::new(64 << 20)),
    }
}

async fn read_everything(log: &Log<Handle>) -> Vec<u8> {
    let mut at = log.start_offset();
    let mut out = Vec::new();
    loop {
        let pieces = log.read(at, 100_000, true).await.unwrap();
        if pieces.is_empty() {
            return out;
        }
        let bytes = pieces.concat();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let header = BatchHeader::parse(rest).unwrap();
            assert_eq!(header.base_offset, at);
            at = header.next_offset();
            rest = &rest[header.size_bytes()..];
        }
        out.extend_from_slice(&bytes);
    }
}

#[test]
fn what_was_flushed_is_read_back_from_memory_and_after_reopening() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let dir = dir.path().join("topic-0");
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    let io = runtime.handle();
    let config = LogConfig {
        segment_bytes: 1 << 20,
        ..LogConfig::default()
    };
    runtime.run(async {
        let log = Log::create(io.clone(), dir.clone(), config.clone(), shared(&dir));
        let mut expected = 0;
        for i in 0..200 {
            let size = [10, 5_000, 60_000][i % 3];
            expected += size + HEADER_BYTES;
            log.append(&batch(size, i as u8), Stamp::default(), 0)
                .unwrap();
            if i % 7 == 0 {
                log.flushed(log.end_offset()).await.unwrap();
            }
        }
        log.flushed(log.end_offset()).await.unwrap();
        let first = read_everything(&log).await;
        assert_eq!(first.len(), expected);

        let mut batches = 0;
        let recovered = recover(&io, &dir, 0, &mut |_| batches += 1).await.unwrap();
        assert_eq!(batches, 200);
        assert_eq!(recovered.next_offset, 200);
        let again = Log::open(
            io.clone(),
            dir.clone(),
            recovered,
            config.clone(),
            shared(&dir),
        )
        .await
        .unwrap();
        assert_eq!(read_everything(&again).await, first);
        again.append(&batch(100, 1), Stamp::default(), 0).unwrap();
        again.close(Bytes::from_static(b"owner")).await.unwrap();

        let mut owner = Vec::new();
        let recovered = recover(&io, &dir, 0, &mut |replay| match replay {
            naru_engine::recovery::Replay::UserState(bytes) => owner = bytes.to_vec(),
            _ => panic!("a clean log is not read"),
        })
        .await
        .unwrap();
        assert_eq!(owner, b"owner");
        assert_eq!(recovered.next_offset, 201);
        assert_ne!(recovered, Recovered::default());
    });
}
