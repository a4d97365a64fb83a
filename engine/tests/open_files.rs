//! How many files a log keeps open, on the ring: as few as are read, and fewer when the
//! process has no descriptor left. One story at a time: descriptors are the process's.
#![allow(clippy::unwrap_used)]

mod world;

use std::fs::File;
use std::path::Path;
use std::rc::Rc;
use std::sync::Mutex;

use bytes::Bytes;
use naru_engine::log::{Fence, Log, LogConfig, Shared, Stamp, TailBudget};
use naru_engine::recovery::recover;
use naru_runtime::{Handle, RingConfig, Runtime};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use world::batch;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const SEGMENTS: i64 = 200;
/// Files of sealed segments that a shard may keep open for readers.
const FILES_MAX: usize = 64;

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// A log with a record in each of its many segments; nothing of them is in memory.
async fn many_segments(io: &Handle, dir: &Path) -> Log<Handle> {
    let config = LogConfig {
        segment_bytes: 5_000,
        ..LogConfig::default()
    };
    let shared = Shared {
        fence: Fence::new(dir.to_owned()),
        tails: Rc::new(TailBudget::new(0)),
    };
    let log = Log::create(io.clone(), dir.join("topic-0"), config, shared);
    for number in 0..SEGMENTS {
        let batch = batch(4_000, number as u64);
        log.append(&batch, Stamp::default(), 0).unwrap();
        log.flushed(number + 1).await.unwrap();
    }
    log
}

/// Reads a record of every segment; `after` is called after each.
async fn read_each(log: &Log<Handle>, mut after: impl FnMut()) {
    for offset in 0..SEGMENTS {
        let read = log.read(offset, 1, true).await.unwrap();
        assert_eq!(read.concat().len(), 4_000, "offset {offset}");
        after();
    }
}

/// Issue 8, A10: 200 segments of a busy log held 201 descriptors.
#[test]
fn a_log_of_many_segments_keeps_few_files_open() {
    let _only = ONE_AT_A_TIME.lock().unwrap();
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    let io = runtime.handle();
    runtime.run(async {
        let before = open_files();
        let log = many_segments(&io, dir.path()).await;
        let appended = open_files();
        assert!(appended <= before + 3, "{before} files, then {appended}");
        let mut read = 0;
        read_each(&log, || read = read.max(open_files())).await;
        assert!(read > before + 10, "the story needs files that are read");
        // Closing one takes its time on the ring.
        assert!(
            read <= before + FILES_MAX + 8,
            "{before} files, then {read}"
        );
    });
}

#[test]
fn without_a_free_descriptor_readers_take_turns() {
    let _only = ONE_AT_A_TIME.lock().unwrap();
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    let io = runtime.handle();
    runtime.run(async {
        let log = many_segments(&io, dir.path()).await;
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        let few = open_files() as u64 + 8;
        setrlimit(Resource::RLIMIT_NOFILE, few, hard).unwrap();
        let mut refused = 0;
        read_each(&log, || {
            refused += usize::from(File::open("/dev/null").is_err())
        })
        .await;
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
        assert!(
            refused > 0,
            "the story needs a process without a free descriptor"
        );
    });
}

/// The writer needs files as well: where readers have the last ones, they give them back.
#[test]
fn without_a_free_descriptor_the_writer_takes_those_of_readers() {
    let _only = ONE_AT_A_TIME.lock().unwrap();
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    let io = runtime.handle();
    runtime.run(async {
        let log = many_segments(&io, dir.path()).await;
        read_each(&log, || {}).await;
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, open_files() as u64 + 8, hard).unwrap();
        let taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        let mut appended = Ok(());
        for number in SEGMENTS..SEGMENTS + 3 {
            let batch = batch(4_000, number as u64);
            if appended.is_ok() {
                log.append(&batch, Stamp::default(), 0).unwrap();
                appended = log.flushed(number + 1).await;
            }
        }
        drop(taken);
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
        appended.unwrap();
    });
}

/// Issue 9: 10,000 partitions held 10,000 descriptors, and as many connections found none.
#[test]
fn logs_that_rest_keep_no_file_open_and_go_on_where_they_were() {
    let _only = ONE_AT_A_TIME.lock().unwrap();
    const LOGS: usize = 40;
    /// One tells that nothing is appended any more, one has all flushed, one closes; and a flush
    /// may be told of before it has come to its end.
    const RESTS_MAX: usize = 10;
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    let io = runtime.handle();
    runtime.run(async {
        let tails = Rc::new(TailBudget::new(1 << 20));
        let shared = Shared {
            fence: Fence::new(dir.path().to_owned()),
            tails: Rc::clone(&tails),
        };
        let path = |number: usize| dir.path().join(format!("topic-{number}"));
        let create = |number| {
            Log::create(
                io.clone(),
                path(number),
                LogConfig::default(),
                shared.clone(),
            )
        };
        let logs: Vec<Log<Handle>> = (0..LOGS).map(create).collect();
        let mut ends = vec![0; LOGS];
        for round in 0..3_u64 {
            for (log, end) in logs.iter().zip(&mut ends) {
                // No whole number of blocks: the last one is written again.
                log.append(&batch(1_500, round), Stamp::default(), 0)
                    .unwrap();
                *end += 1;
                log.written(*end).await.unwrap();
            }
            assert_eq!(tails.open_files_count(), LOGS, "round {round}");
            // What nobody waited for is flushed before the file is closed.
            for _ in 0..RESTS_MAX {
                logs.iter().for_each(Log::rest);
                for (log, end) in logs.iter().zip(&ends) {
                    log.flushed(*end).await.unwrap();
                }
            }
            assert_eq!(tails.open_files_count(), 0, "round {round}");
            for log in &logs {
                let read = log.read(0, usize::MAX, true).await.unwrap();
                assert_eq!(read.concat().len(), 1_500 * (round as usize + 1));
            }
        }
        for (number, log) in logs.into_iter().enumerate() {
            log.close(Bytes::new()).await.unwrap();
            drop(log);
            let reopened = recover(&io, &path(number), 0, &mut |_| {}).await.unwrap();
            assert_eq!((reopened.next_offset, reopened.cut_bytes), (3, 0));
            let log = Log::open(
                io.clone(),
                path(number),
                reopened,
                LogConfig::default(),
                shared.clone(),
            );
            let log = log.await.unwrap();
            assert_eq!(tails.open_files_count(), 0, "nothing is written yet");
            log.append(&batch(1_500, 3), Stamp::default(), 0).unwrap();
            log.flushed(4).await.unwrap();
            let read = log.read(0, usize::MAX, true).await.unwrap();
            assert_eq!(read.concat().len(), 6_000);
            log.close(Bytes::new()).await.unwrap();
            drop(log);
        }
    });
}
