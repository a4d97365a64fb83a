//! Sequential direct writes on the engine's ring, at several sizes and depths, flushed and not.
//!
//! The space was written before, so no write has to tell the file system anything: what is measured
//! is the device. A log that grows pays more, and has to be clever to come near.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use naru_runtime::{Chunk, Disk as _, File, Handle, Open, RingConfig, Runtime};

use super::super::error::LimitsError;
use super::super::model::DiskWrites;
use super::meter::{Meter, Whose};

/// Writes go round in a file of so many bytes; more than device caches are likely to spare a
/// device.
const FILE_BYTES: u64 = 128 << 20;

/// The file is filled in pieces of so many bytes.
const FILL_BYTES: u64 = 1 << 20;

/// A file to write to, removed with this.
pub(in super::super) struct Disk {
    directory: tempfile::TempDir,
}

impl Disk {
    /// Makes the file in `dir` and fills it.
    pub fn prepare(dir: &Path) -> Result<Self, LimitsError> {
        let directory = tempfile::Builder::new()
            .prefix(".naru-bench-limits-")
            .tempdir_in(dir)
            .map_err(|source| LimitsError::Directory {
                path: dir.into(),
                source,
            })?;
        let disk = Self { directory };
        let path = disk.file();
        let filled = on_a_ring(|runtime| runtime.run(fill(&runtime.handle(), &path)));
        filled.map_err(|source| disk.error("making a file", source))?;
        Ok(disk)
    }

    /// Writes for `seconds` as `writes` says, and fills in how that went.
    pub fn write(&self, writes: &mut DiskWrites, seconds: f64) -> Result<(), LimitsError> {
        let (path, how) = (self.file(), *writes);
        let (latencies, elapsed, cpu_s) = on_a_ring(|runtime| run(runtime, &path, how, seconds))
            .map_err(|source| self.error(&writes.name(), source))?;
        let bytes = latencies.len() * writes.block_bytes;
        writes.writes_per_second = latencies.len() as f64 / elapsed;
        writes.mb_per_second = bytes as f64 / 1e6 / elapsed;
        writes.latency_us_p50 = latencies.value_at_quantile(0.5);
        writes.latency_us_p99 = latencies.value_at_quantile(0.99);
        writes.cpu_s_per_gb = cpu_s / (bytes as f64 / 1e9);
        Ok(())
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("writes")
    }

    fn error(&self, what: &str, source: io::Error) -> LimitsError {
        let within = self.directory.path();
        LimitsError::Disk {
            path: within.parent().unwrap_or(within).into(),
            what: what.into(),
            source,
        }
    }
}

/// A thread has one ring at most, and the caller's may have one already: hence a thread of its own.
fn on_a_ring<T: Send>(work: impl FnOnce(&Runtime) -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let worker = scope.spawn(|| work(&Runtime::new(RingConfig::default())?));
        worker
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

async fn fill(disk: &Handle, path: &Path) -> io::Result<()> {
    let file = disk.open(path, Open::DirectNew).await?;
    let piece = chunk_of(FILL_BYTES);
    for position in (0..FILE_BYTES).step_by(FILL_BYTES as usize) {
        let data = vec![piece.slice(0..piece.filled())];
        file.write_at(position, data).await?;
    }
    file.sync_data().await
}

/// The latencies of all writes in µs, how long it took, and the CPU time, both in seconds.
fn run(
    runtime: &Runtime,
    path: &Path,
    how: DiskWrites,
    seconds: f64,
) -> io::Result<(Histogram<u64>, f64, f64)> {
    let handle = runtime.handle();
    runtime.run(async {
        let file = handle.open(path, Open::Direct).await?;
        let next = Rc::new(Cell::new(0));
        let meter = Meter::start(Whose::Process).map_err(io::Error::other)?;
        let until = Instant::now() + Duration::from_secs_f64(seconds);
        let rows: Vec<_> = (0..how.depth)
            .map(|_| {
                let row = row(file.clone(), how, next.clone(), until);
                handle.spawn_task(row)
            })
            .collect();
        let mut latencies = histogram()?;
        for row in rows {
            latencies.add(row.await?).map_err(io::Error::other)?;
        }
        let cpu_s = meter.cpu_s().map_err(io::Error::other)?;
        Ok((latencies, meter.seconds(), cpu_s))
    })
}

/// One of the writes that are under way at once: takes the next block when it is done.
async fn row(
    file: impl File,
    how: DiskWrites,
    next: Rc<Cell<u64>>,
    until: Instant,
) -> io::Result<Histogram<u64>> {
    let chunk = chunk_of(how.block_bytes);
    let mut latencies = histogram()?;
    while latencies.is_empty() || Instant::now() < until {
        let position = next.get();
        next.set((position + how.block_bytes) % FILE_BYTES);
        let began = Instant::now();
        let data = vec![chunk.slice(0..chunk.filled())];
        file.write_at(position, data).await?;
        if how.is_flushed {
            file.sync_data().await?;
        }
        let us = began.elapsed().as_micros();
        latencies.saturating_record(u64::try_from(us).unwrap_or(u64::MAX).max(1));
    }
    Ok(latencies)
}

fn histogram() -> io::Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, 60_000_000, 3).map_err(io::Error::other)
}

/// Noise, so that no device can save itself the writing of it.
fn chunk_of(bytes: u64) -> Chunk {
    let mut noise = vec![0; bytes as usize];
    fastrand::Rng::with_seed(1).fill(&mut noise);
    let mut chunk = Chunk::new(noise.len());
    chunk.append(&noise);
    chunk
}
