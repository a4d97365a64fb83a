//! What the stories of compaction share: a log of keyed records on a simulated machine, what
//! was appended to it, a cleaning from its choice to its swaps, and the check that of each key
//! the newest record is there and that no record is what it was not.
#![allow(clippy::unwrap_used, dead_code)]

pub mod transactions;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use naru_engine::compaction::{
    CleanError, Lag, LastOfProducer, Limits, Pace, Request, clean, plan,
};
use naru_engine::index::AbortedTransaction;
use naru_engine::log::{Cleaning, Log, LogConfig, LogError, Stamp};
use naru_engine::recovery::{Recovered, Replay, recover};
use naru_record_batch::{BatchBuilder, BatchHeader, Codec, Decoder, HEADER_BYTES, Records};
use naru_runtime::Disk;
use naru_runtime::sim::{Sim, SimEnv};

use crate::world::{dir, machine, shared};

pub const SEGMENT_BYTES: u64 = 4 << 10;
pub const DELETE_RETENTION_MS: i64 = 1_000;

/// A record: its key, and its value; `None` is a tombstone.
pub type Pair = (u32, Option<u64>);

/// A record as it is read: offset, timestamp, key, value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
}

pub fn config() -> LogConfig {
    LogConfig {
        segment_bytes: SEGMENT_BYTES,
        identity: Bytes::from_static(b"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA\n"),
        ..LogConfig::default()
    }
}

pub fn key(number: u32) -> Vec<u8> {
    format!("key-{number}").into_bytes()
}

fn value(number: u64) -> Vec<u8> {
    // Of different lengths, and more than one window of a decompressor now and then.
    let length = 8 * (1 + number as usize % 7);
    number.to_le_bytes().repeat(length / 8)
}

/// What was appended, by offset.
#[derive(Clone, Default)]
pub struct Known(pub Rc<RefCell<BTreeMap<i64, Read>>>);

impl Known {
    pub fn fork(&self) -> Self {
        Self(Rc::new(RefCell::new(self.0.borrow().clone())))
    }

    /// Of each key the newest record below `end`.
    pub fn newest(&self, end: i64) -> HashMap<Vec<u8>, Read> {
        let known = self.0.borrow();
        let records = known.range(..end).map(|(_, record)| record);
        let keyed = records.filter_map(|r| r.key.clone().map(|key| (key, r.clone())));
        keyed.collect()
    }

    /// Appends a batch like `builder`'s of these records; `at_ms` is their timestamp.
    pub fn append_as(
        &self,
        log: &Log<SimEnv>,
        mut builder: BatchBuilder,
        pairs: &[Pair],
        at_ms: i64,
    ) -> Result<i64, LogError> {
        let mut records = Vec::new();
        for &(number, of) in pairs {
            let (key, value) = (key(number), of.map(value));
            builder.push_pair(at_ms, Some(&key), value.as_deref());
            records.push((Some(key), value));
        }
        let batch = Bytes::from(builder.build().unwrap());
        let appended = log.append(&batch, Stamp::default(), at_ms)?;
        if appended.begins_segment && appended.base_offset > 0 {
            log.keep_snapshot(appended.base_offset, Bytes::from_static(b"owner"));
        }
        let mut known = self.0.borrow_mut();
        for (offset, (key, value)) in (appended.base_offset..).zip(records) {
            known.insert(
                offset,
                Read {
                    offset,
                    timestamp_ms: at_ms,
                    key,
                    value,
                },
            );
        }
        Ok(appended.last_offset + 1)
    }

    pub fn append(&self, log: &Log<SimEnv>, pairs: &[Pair], at_ms: i64) -> Result<i64, LogError> {
        self.append_as(log, BatchBuilder::default(), pairs, at_ms)
    }
}

/// Counts what is moved, and ends when the log says so.
pub struct Paced {
    pub bytes: Cell<u64>,
    ends: std::sync::Arc<AtomicBool>,
}

impl Paced {
    pub fn of(cleaning: &Cleaning) -> Self {
        Self {
            bytes: Cell::new(0),
            ends: cleaning.ends(),
        }
    }
}

impl Pace for Paced {
    async fn moved(&self, bytes: u64) -> Result<(), CleanError> {
        self.bytes.set(self.bytes.get() + bytes);
        match self.ends.load(Ordering::Acquire) {
            true => Err(CleanError::Stopped),
            false => Ok(()),
        }
    }
}

/// How a cleaning is done.
#[derive(Clone)]
pub struct How {
    pub now_ms: i64,
    pub stable_offset: i64,
    pub aborted: Vec<AbortedTransaction>,
    pub producers: HashMap<i64, LastOfProducer>,
    pub segment_bytes_max: u64,
    pub memory_bytes: usize,
}

impl How {
    pub fn at(now_ms: i64) -> Self {
        Self {
            now_ms,
            stable_offset: i64::MAX,
            aborted: Vec::new(),
            producers: HashMap::new(),
            segment_bytes_max: SEGMENT_BYTES,
            memory_bytes: 1 << 20,
        }
    }
}

/// What a cleaning has done: the segments that were replaced, by their base offsets, and the
/// bytes of those that replaced them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    pub replaced: Vec<Vec<i64>>,
    pub written_bytes: u64,
    pub cleaned_to: i64,
}

/// Cleans whatever is dirty, as the broker does; `None` where nothing is.
pub async fn clean_all(
    env: &SimEnv,
    log: &Log<SimEnv>,
    how: &How,
) -> Result<Option<Done>, CleanError> {
    let limits = Limits {
        lag: Lag {
            min_ms: 0,
            max_ms: i64::MAX,
        },
        dirty_ratio_min: -1.0,
        stable_offset: how.stable_offset,
        now_ms: how.now_ms,
    };
    let Ok(cleaning) = log.begin_cleaning().await else {
        return Err(CleanError::Stopped);
    };
    let Some(choice) = log.choose(&limits).await else {
        return Ok(None);
    };
    let cleaned_to = choice.segments.last().unwrap().next_offset;
    let request = Request {
        dir: log.dir().to_owned(),
        segments: choice.segments,
        aborted: how.aborted.clone(),
        producers: how.producers.clone(),
        now_ms: how.now_ms,
        delete_retention_ms: DELETE_RETENTION_MS,
        segment_bytes_max: how.segment_bytes_max,
        memory_bytes: how.memory_bytes,
    };
    let pace = Paced::of(&cleaning);
    let mut plan = plan(env, request, &pace).await?;
    let mut done = Done::default();
    while let Some(cleaned) = clean(env, &mut plan, &pace).await? {
        let owner = Bytes::from_static(b"owner");
        let replaced = log.replace(&cleaning, &cleaned, owner).await?;
        let bases = cleaned.segments.iter().map(|s| s.base_offset);
        done.replaced.push(bases.collect());
        done.written_bytes += cleaned.size_bytes();
        for path in replaced.files {
            let _ = env.remove_file(&path).await;
        }
    }
    if plan.is_whole() {
        log.cleaned_to(&cleaning, cleaned_to).await?;
        done.cleaned_to = cleaned_to;
    }
    Ok(Some(done))
}

pub async fn open(env: &SimEnv) -> Result<Log<SimEnv>, Box<dyn std::error::Error>> {
    open_knowing(env, &[]).await
}

/// As [`open`], by an owner who knows which transactions were aborted: recovery asks it where
/// an index of them has to be built again.
pub async fn open_knowing(
    env: &SimEnv,
    aborted: &[AbortedTransaction],
) -> Result<Log<SimEnv>, Box<dyn std::error::Error>> {
    let mut replay = |replay: Replay<'_>| {
        if let Replay::Marker(marker) = replay {
            let offset = marker.header.base_offset;
            if let Some(known) = aborted.iter().find(|a| a.last_offset == offset) {
                marker.aborted(*known);
            }
        }
    };
    let recovered = recover(env, &dir(), 0, &mut replay).await?;
    if recovered == Recovered::default() {
        return Ok(Log::create(env.clone(), dir(), config(), shared()));
    }
    let log = Log::open(env.clone(), dir(), recovered, config(), shared()).await;
    Ok(log?)
}

/// The records of a batch, whatever its codec.
pub fn records_of(batch: &[u8]) -> Vec<Read> {
    use std::io::Read as _;
    let header = BatchHeader::parse(batch).unwrap();
    let codec = Codec::of(header.attributes).unwrap();
    let mut bytes = Vec::new();
    let payload = &batch[HEADER_BYTES..];
    let mut decoder = Decoder::open(codec, payload, usize::MAX).unwrap();
    if !header.is_empty() {
        decoder.read_to_end(&mut bytes).unwrap();
    }
    let records = Records::new(&bytes).map(|record| {
        let record = record.unwrap();
        Read {
            offset: header.base_offset + i64::from(record.offset_delta),
            timestamp_ms: header.base_timestamp_ms + record.timestamp_delta_ms,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
        }
    });
    let records: Vec<Read> = records.collect();
    assert_eq!(records.len() as i32, header.records_count);
    records
}

/// Every batch that may be read, by the offsets that each read ends at.
pub async fn batches_of(log: &Log<SimEnv>) -> Vec<Bytes> {
    let (mut at, mut out) = (log.start_offset(), Vec::new());
    loop {
        let pieces = log.read(at, 300_000, true).await.unwrap();
        let mut rest = Bytes::from(pieces.concat());
        if rest.is_empty() {
            assert_eq!(at, log.flushed_offset(), "the log is not read to its end");
            return out;
        }
        while !rest.is_empty() {
            let header = BatchHeader::parse(&rest).unwrap();
            assert!(header.base_offset >= at, "offsets go back");
            at = header.next_offset();
            out.push(rest.split_to(header.size_bytes()));
        }
    }
}

/// Holds what a log has against what it was given: of each key below `acked` the newest record
/// or a newer one, and no record that was not given. `now_ms` is when it was cleaned last.
pub async fn check(log: &Log<SimEnv>, known: &Known, acked: i64, story: &str) -> Vec<Read> {
    let batches = batches_of(log).await;
    let found: Vec<Read> = batches.iter().flat_map(|batch| records_of(batch)).collect();
    assert!(log.end_offset() >= acked, "{story}: acknowledged is gone");
    {
        let known = known.0.borrow();
        for record in &found {
            let given = known.get(&record.offset);
            assert_eq!(Some(record), given, "{story}: not what was appended");
        }
    }
    assert!(found.is_sorted_by(|a, b| a.offset < b.offset), "{story}");
    let mut latest: HashMap<Vec<u8>, Read> = HashMap::new();
    for record in &found {
        if let Some(key) = &record.key {
            latest.insert(key.clone(), record.clone());
        }
    }
    for (key, newest) in known.newest(log.end_offset()) {
        match latest.get(&key) {
            Some(found) => assert_eq!(*found, newest, "{story}: an old value"),
            // Its tombstone may have gone, but then with all older values.
            None => assert_eq!(newest.value, None, "{story}: a key is lost"),
        }
    }
    found
}

pub fn dir_names(sim: &Sim) -> Vec<String> {
    let contents = sim.contents(&dir()).unwrap_or_default();
    contents
        .into_iter()
        .map(|(name, _)| format!("{name:?}"))
        .collect()
}

pub fn new_log(seed: u64) -> (Sim, Known) {
    (machine(seed), Known::default())
}

pub fn path(name: &str) -> PathBuf {
    dir().join(name)
}
