//! What the crash stories share: batches that can be told apart, a log on a simulated
//! machine, what it promised so far, and the check that it kept its promises.
#![allow(clippy::unwrap_used, dead_code)]

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use bytes::Bytes;
use naru_engine::log::{Fence, Log, LogConfig, LogError, Shared, Stamp, TailBudget};
use naru_engine::recovery::{Recovered, RecoveryError, recover};
use naru_record_batch::{Attributes, BatchHeader, HEADER_BYTES, MAGIC, stamp_max_timestamp};
use naru_runtime::sim::{Sim, SimEnv};
use naru_runtime::{Disk, Spawn};

pub const SEGMENT_BYTES: u64 = 256 << 10;

/// Where the bytes of a batch begin that the log does not stamp.
const UNSTAMPED: usize = 16;

pub fn dir() -> PathBuf {
    PathBuf::from("/logs/topic-0")
}

/// A machine with the directory that holds the logs.
pub fn machine(seed: u64) -> Sim {
    let sim = Sim::new(seed);
    sim.make_dir(&PathBuf::from("/logs")).unwrap();
    sim
}

pub fn config() -> LogConfig {
    LogConfig {
        segment_bytes: SEGMENT_BYTES,
        retention_bytes: Some(400 << 10),
        identity: Bytes::from_static(b"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA\n"),
        ..LogConfig::default()
    }
}

pub fn shared() -> Shared {
    shared_of(64 << 20)
}

/// With so much memory for tails, in bytes.
pub fn shared_of(tail_bytes: usize) -> Shared {
    Shared {
        fence: Fence::new(PathBuf::from("/logs")),
        tails: Rc::new(TailBudget::new(tail_bytes)),
    }
}

/// A batch of one record, different for every `number`.
pub fn batch(size: usize, number: u64) -> Bytes {
    let mut bytes = vec![0; size.max(HEADER_BYTES + 8)];
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for chunk in bytes.chunks_mut(8) {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        chunk.copy_from_slice(&state.to_le_bytes()[..chunk.len()]);
    }
    let timestamp_ms = 1_000 + number as i64;
    let header = BatchHeader {
        base_offset: 0,
        batch_length: (bytes.len() - 12) as i32,
        partition_leader_epoch: -1,
        magic: MAGIC,
        crc: 0,
        attributes: Attributes(0),
        last_offset_delta: 0,
        base_timestamp_ms: timestamp_ms,
        max_timestamp_ms: timestamp_ms,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        records_count: 1,
    };
    header.write_to(&mut bytes);
    stamp_max_timestamp(&mut bytes, timestamp_ms);
    Bytes::from(bytes)
}

thread_local! {
    /// Batches are expensive to make; the same are wanted again and again.
    static BATCHES: RefCell<std::collections::HashMap<(usize, u64), Bytes>> = RefCell::default();
}

fn batch_again(size: usize, number: u64) -> Bytes {
    BATCHES.with_borrow_mut(|known| {
        known
            .entry((size, number))
            .or_insert_with(|| batch(size, number))
            .clone()
    })
}

/// What a log was given, and what it promised.
#[derive(Clone, Default)]
pub struct Known(pub Rc<RefCell<Promises>>);

#[derive(Clone, Default, Debug)]
pub struct Promises {
    /// By offset: every batch has one record.
    pub appended: Vec<Bytes>,
    /// Acknowledged as written, and as flushed.
    pub written: i64,
    pub flushed: i64,
    /// The log begins here at the earliest, and here at the latest.
    pub start_min: i64,
    pub start_max: i64,
}

impl Known {
    /// A copy that goes its own way.
    pub fn fork(&self) -> Known {
        Known(Rc::new(RefCell::new(self.0.borrow().clone())))
    }

    pub fn appended(&self) -> i64 {
        self.0.borrow().appended.len() as i64
    }

    pub fn flushed(&self) -> i64 {
        self.0.borrow().flushed
    }

    pub fn append(&self, log: &Log<SimEnv>, size: usize) -> Result<i64, LogError> {
        let number = self.appended() as u64;
        let batch = batch_again(size, number);
        let appended = log.append(&batch, Stamp::default(), number as i64)?;
        assert_eq!(appended.base_offset, number as i64);
        self.0.borrow_mut().appended.push(batch);
        Ok(appended.last_offset + 1)
    }

    /// Appends, and notes when it is written.
    pub fn append_watched(&self, env: &SimEnv, log: &Log<SimEnv>, size: usize) {
        let Ok(end) = self.append(log, size) else {
            return;
        };
        let (known, log) = (self.clone(), log.clone());
        env.spawn(async move {
            if log.written(end).await.is_ok() {
                let mut promises = known.0.borrow_mut();
                promises.written = promises.written.max(end);
            }
        });
    }

    pub async fn flush(&self, log: &Log<SimEnv>) -> Result<(), LogError> {
        let end = self.appended();
        log.flushed(end).await?;
        let mut promises = self.0.borrow_mut();
        promises.flushed = promises.flushed.max(end);
        promises.written = promises.written.max(end);
        Ok(())
    }

    pub async fn drop_expired(&self, log: &Log<SimEnv>) -> Result<(), LogError> {
        self.0.borrow_mut().start_max = self.appended();
        log.drop_expired(0).await?;
        let start = log.start_offset();
        let mut promises = self.0.borrow_mut();
        promises.start_max = start;
        promises.start_min = promises.start_min.max(start);
        Ok(())
    }
}

/// Recovers and opens.
pub async fn open(env: &SimEnv, config: LogConfig) -> Result<Log<SimEnv>, RecoveryError> {
    let recovered = recover(env, &dir(), 0, &mut |_| {}).await?;
    let log = match recovered == Recovered::default() {
        // As the broker does: without a segment there may be no directory.
        true => Log::create(env.clone(), dir(), config, shared()),
        false => Log::open(env.clone(), dir(), recovered, config, shared())
            .await
            .unwrap(),
    };
    Ok(log)
}

/// The machine after its end: opens the log and checks every promise; what was not kept
/// and need not be is forgotten. Appends more, flushes, and checks that too.
pub async fn check(env: &SimEnv, known: &Known, acked: i64, story: &str) -> Log<SimEnv> {
    let log = open(env, config())
        .await
        .unwrap_or_else(|error| panic!("{story}: {error}"));
    check_open(&log, known, acked, story).await;
    let end = log.end_offset();
    {
        let mut promises = known.0.borrow_mut();
        promises.appended.truncate(end as usize);
        promises.written = end;
        promises.flushed = end;
        promises.start_min = log.start_offset();
        promises.start_max = log.start_offset();
    }
    log
}

/// Checks an open log against what it was given.
pub async fn check_open(log: &Log<SimEnv>, known: &Known, acked: i64, story: &str) {
    let promises = known.0.borrow().clone();
    let (start, end) = (log.start_offset(), log.end_offset());
    assert!(
        end >= acked,
        "{story}: ends at {end}, {acked} was acknowledged"
    );
    assert!(
        end <= promises.appended.len() as i64,
        "{story}: grew to {end}"
    );
    assert!(
        promises.start_min <= start && start <= promises.start_max.max(promises.start_min),
        "{story}: begins at {start}, not {}..={}",
        promises.start_min,
        promises.start_max,
    );
    let read = read_all(log)
        .await
        .unwrap_or_else(|e| panic!("{story}: {e}"));
    assert_eq!(read.len() as i64, log.flushed_offset() - start, "{story}");
    for (offset, found) in (start..).zip(&read) {
        let given = &promises.appended[offset as usize];
        assert!(
            found[UNSTAMPED..] == given[UNSTAMPED..],
            "{story}: offset {offset} is not what was appended"
        );
    }
}

/// Every batch that may be read, in order; checks that no offset is missing.
pub async fn read_all(log: &Log<SimEnv>) -> Result<Vec<Bytes>, naru_engine::log::ReadError> {
    let mut at = log.start_offset();
    let mut out = Vec::new();
    loop {
        let pieces = log.read(at, 300_000, true).await?;
        if pieces.is_empty() {
            return Ok(out);
        }
        let mut rest = Bytes::from(pieces.concat());
        while !rest.is_empty() {
            let header = BatchHeader::parse(&rest).unwrap();
            assert_eq!(header.base_offset, at, "an offset is missing");
            at = header.next_offset();
            out.push(rest.split_to(header.size_bytes()));
        }
    }
}

/// Appends of all sizes, waits, rolls, checkpoints and retention.
pub async fn workload(env: SimEnv, known: Known) {
    let log = match open(&env, config()).await {
        Ok(log) => log,
        Err(error) => panic!("{error}"),
    };
    work_on(&env, &log, &known).await;
}

pub async fn work_on(env: &SimEnv, log: &Log<SimEnv>, known: &Known) {
    let _ = try_work_on(env, log, known).await;
}

/// As [`work_on`]; ends with the first error.
pub async fn try_work_on(env: &SimEnv, log: &Log<SimEnv>, known: &Known) -> Result<(), LogError> {
    known.append_watched(env, log, 100);
    known.flush(log).await?;
    for size in [5_000, 70, 4_096] {
        known.append_watched(env, log, size);
    }
    known.flush(log).await?;
    log.checkpoint(Bytes::from_static(b"first")).await?;
    known.append_watched(env, log, 140_000);
    known.append_watched(env, log, 90_000);
    known.flush(log).await?;
    // The next one does not fit: a roll, and a checkpoint while it is pending.
    known.append_watched(env, log, 60_000);
    log.checkpoint(Bytes::from_static(b"second")).await?;
    for size in [3 << 20, 200, 8_000] {
        known.append_watched(env, log, size);
    }
    known.flush(log).await?;
    known.drop_expired(log).await?;
    for size in [12_000, 100_000, 100_000, 50_000, 300] {
        known.append_watched(env, log, size);
    }
    known.flush(log).await?;
    for size in [130_000, 130_000, 80_000, 61] {
        known.append_watched(env, log, size);
    }
    known.flush(log).await?;
    known.drop_expired(log).await?;
    known.append_watched(env, log, 700);
    log.checkpoint(Bytes::from_static(b"third")).await?;
    known.append_watched(env, log, 900);
    known.append_watched(env, log, 9_000);
    known.flush(log).await?;
    known.append_watched(env, log, 500);
    Ok(())
}

/// How many operations a story takes.
pub fn operations_of(seed: u64, story: impl AsyncFnOnce(SimEnv)) -> u64 {
    let sim = machine(seed);
    sim.run(story(sim.env())).unwrap();
    sim.operations()
}

/// Appends, flushing after each.
pub async fn append_all(env: SimEnv, known: Known, sizes: &[usize]) {
    let log = open(&env, config()).await.unwrap_or_else(|e| panic!("{e}"));
    for &size in sizes {
        known.append_watched(&env, &log, size);
        known.flush(&log).await.unwrap();
    }
    // The mark follows the acknowledgement.
    for _ in 0..20 {
        env.list(&dir()).await.unwrap();
    }
}
