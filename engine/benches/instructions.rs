//! The hot functions, for counting their instructions: a count repeats where a time does not.
//!
//! `instructions --list` names them; `instructions NAME COUNT` runs one COUNT times, on fixed
//! input, without threads, clock, ring or disk: the log is on [`Nowhere`], which completes
//! everything at once. Under `valgrind --tool=callgrind`, the difference between 2N and N calls,
//! over N, is what one costs.
//!
//! `cargo bench -p naru-engine --bench instructions -- --list`
#![allow(clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::hint::black_box;
use std::io;
use std::path::Path;
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use naru_engine::index::{Index, IndexEntry};
use naru_engine::log::{Fence, Log, LogConfig, Shared, Stamp, TailBudget};
use naru_record_batch::{BatchBuilder, Codec, Rules, crc32c, first_record_at, validate};
use naru_runtime::{DirEntry, Disk, File, Histogram, Open, Spawn};

/// When all records were made, in ms since 1970.
const NOW_MS: i64 = 1_700_000_000_000;

/// A name, and what calls the function so many times.
type Function = (&'static str, fn(u64));

const FUNCTIONS: [Function; 11] = [
    ("append_1k", |count| append(1 << 10, count)),
    ("append_16k", |count| append(16 << 10, count)),
    ("append_1m", |count| append(1_000_000, count)),
    ("tail_read_1m", tail_read),
    ("index_lookup", index_lookup),
    ("validate_16k", |count| validated(16 << 10, count)),
    ("validate_1m", |count| validated(1_000_000, count)),
    ("crc32c_16k", checksum),
    ("build_16k", build),
    ("first_record_at_16k", search),
    ("histogram_record", record),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench" && argument != "--list")
        .collect();
    let [name, count] = arguments.as_slice() else {
        FUNCTIONS.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    };
    let function = FUNCTIONS.iter().find(|(known, _)| known == name);
    let (Some((_, run)), Ok(count)) = (function, count.parse()) else {
        eprintln!("no function {name} to be run {count} times: --list names them");
        return ExitCode::FAILURE;
    };
    run(count);
    ExitCode::SUCCESS
}

/// A batch of about `bytes` bytes, of records of 1 KiB or one that is smaller.
fn batch(bytes: usize) -> Vec<u8> {
    let value: Vec<u8> = (0..bytes.min(1024) - 100)
        .map(|at| (at * 7) as u8)
        .collect();
    let mut builder = BatchBuilder::new(Codec::None);
    while builder.size_bytes() + value.len() + 20 <= bytes {
        builder.push_pair(NOW_MS, None, Some(&value));
    }
    builder.build().unwrap()
}

/// From the batch in hand to the flushed log: what the engine does of a produce with acks=all.
fn append(bytes: usize, count: u64) {
    let (env, batch) = (Nowhere::default(), Bytes::from(batch(bytes)));
    let log = log(&env, 8 << 20);
    for _ in 0..count {
        log.append(&batch, Stamp::default(), 0).unwrap();
        env.run(log.flushed(log.end_offset())).unwrap();
    }
}

fn tail_read(count: u64) {
    let (env, batch) = (Nowhere::default(), Bytes::from(batch(16 << 10)));
    let log = log(&env, 64 << 20);
    for _ in 0..128 {
        log.append(&batch, Stamp::default(), 0).unwrap();
    }
    env.run(log.flushed(log.end_offset())).unwrap();
    for _ in 0..count {
        black_box(env.run(log.read(0, 1 << 20, true)).unwrap());
    }
}

/// Among the entries of a full segment of 1 GiB, at offsets that lie far apart.
fn index_lookup(count: u64) {
    const ENTRIES: i64 = 16 << 10;
    let entry = |number: i64| IndexEntry {
        offset: number * 64,
        position: (number as u64) << 16,
        max_timestamp_before_ms: NOW_MS + number,
    };
    let index = Index::from_entries((0..ENTRIES).map(entry).collect());
    let mut offset = 0;
    for _ in 0..count {
        // An odd step comes by every offset, far from the one before.
        offset = (offset + 611_953) % (ENTRIES * 64);
        black_box(index.position_for_offset(black_box(offset)));
    }
}

fn validated(bytes: usize, count: u64) {
    let batch = batch(bytes);
    let rules = Rules {
        now_ms: NOW_MS,
        ..Rules::default()
    };
    for _ in 0..count {
        black_box(validate(black_box(&batch), &rules).unwrap());
    }
}

fn checksum(count: u64) {
    let bytes = vec![7; 16 << 10];
    for _ in 0..count {
        black_box(crc32c(black_box(&bytes)));
    }
}

fn build(count: u64) {
    for _ in 0..count {
        black_box(batch(black_box(16 << 10)));
    }
}

fn search(count: u64) {
    let batch = batch(16 << 10);
    for _ in 0..count {
        black_box(first_record_at(black_box(&batch), NOW_MS, 0));
    }
}

/// What a shard counts of one request's duration, the clock apart.
fn record(count: u64) {
    let histogram = Histogram::of_durations();
    for micros in 0..count {
        black_box(&histogram).record_duration(Duration::from_micros(black_box(micros)));
    }
}

fn log(env: &Nowhere, tail_bytes: usize) -> Log<Nowhere> {
    let config = LogConfig {
        segment_bytes: 1 << 40,
        ..LogConfig::default()
    };
    let shared = Shared {
        fence: Fence::new("/".into()),
        tails: Rc::new(TailBudget::new(tail_bytes)),
    };
    Log::create(env.clone(), "/log".into(), config, shared)
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// A disk that takes everything at once and keeps only lengths, and the simplest executor that
/// there can be.
#[derive(Clone, Default)]
struct Nowhere {
    tasks: Rc<RefCell<Vec<Task>>>,
}

impl Nowhere {
    /// Polls `future` and the spawned tasks in turn until it resolves.
    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            let mut tasks = self.tasks.take();
            tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
            self.tasks.borrow_mut().append(&mut tasks);
        }
    }
}

impl Spawn for Nowhere {
    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.tasks.borrow_mut().push(Box::pin(task));
    }
}

#[derive(Clone, Default)]
struct NoFile {
    length: Rc<Cell<u64>>,
}

impl Disk for Nowhere {
    type File = NoFile;

    async fn open(&self, _: &Path, _: Open) -> io::Result<NoFile> {
        Ok(NoFile::default())
    }

    async fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    async fn list(&self, _: &Path) -> io::Result<Vec<DirEntry>> {
        Ok(Vec::new())
    }

    async fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }

    async fn remove_file(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    async fn remove_dir_all(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    async fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    async fn sync_file_system(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

impl File for NoFile {
    async fn write_at(&self, position: u64, data: Vec<Bytes>) -> io::Result<()> {
        let end = position + data.iter().map(|piece| piece.len() as u64).sum::<u64>();
        self.length.set(self.length.get().max(end));
        Ok(())
    }

    async fn read_at(&self, _: u64, length: usize) -> io::Result<Bytes> {
        Ok(Bytes::from(vec![0; length]))
    }

    async fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    async fn allocate(&self, position: u64, length: u64) -> io::Result<()> {
        self.length.set(self.length.get().max(position + length));
        Ok(())
    }

    async fn set_length(&self, length: u64) -> io::Result<()> {
        self.length.set(length);
        Ok(())
    }

    async fn length(&self) -> io::Result<u64> {
        Ok(self.length.get())
    }
}
