//! The handle on an open log, and how a recovered log is opened.

use std::cell::{RefCell, RefMut};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::budget::LogId;
use super::lease::Leases;
use super::place::Place;
use super::state::{ActiveSegment, Directory, SealedSegment, Segments, State};
use super::waiters::Waiters;
use super::{LogConfig, LogError, Shared};
use crate::recovery::Recovered;
use crate::segment::segment_path;
use naru_runtime::sync::{Notify, Semaphore};
use naru_runtime::{BLOCK_BYTES, Env, File, Open};

/// An open log. Clones share it; it belongs to one shard.
pub struct Log<E: Env>(pub(super) Rc<Inner<E>>);

pub(super) struct Inner<E: Env> {
    pub env: E,
    pub dir: PathBuf,
    pub shared: Shared,
    /// What the shard keeps for the readers of this log is kept under this.
    pub id: LogId,
    pub state: RefCell<State<E::File>>,
    /// Those who wait until all below an offset is written, or flushed.
    pub write_waiters: Rc<Waiters>,
    pub flush_waiters: Rc<Waiters>,
    /// Something was flushed, or the log failed.
    pub progress: Notify,
    /// A segment's file was made, or cannot be.
    pub file_made: Notify,
    /// The writer or the flusher ended.
    pub idle: Notify,
    /// One flush is under way at a time,
    pub syncing: Rc<Semaphore>,
    /// one checkpoint is written,
    pub checkpointing: Rc<Semaphore>,
    /// segments are removed, or replaced, by one,
    pub removing: Rc<Semaphore>,
    /// and the log is cleaned by one.
    pub cleaning: Rc<Semaphore>,
    /// Tells a cleaning, which may be on another thread, that it is to end.
    pub ends_cleaning: Arc<AtomicBool>,
    /// Segments have given their places to another, or the log failed.
    pub swapped: Notify,
    pub leases: Rc<Leases>,
}

impl<E: Env> Drop for Inner<E> {
    fn drop(&mut self) {
        self.shared.tails.forget_log(self.id);
    }
}

impl<E: Env> Clone for Log<E> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<E: Env> Log<E> {
    /// A log whose directory does not exist; it is made with the first append.
    pub fn create(env: E, dir: PathBuf, config: LogConfig, shared: Shared) -> Self {
        Self::from_parts(
            env,
            dir,
            Recovered::default(),
            config,
            shared,
            Directory::Missing,
        )
    }

    /// A log as recovery left it.
    ///
    /// # Errors
    /// When the last segment cannot be opened or read.
    pub async fn open(
        env: E,
        dir: PathBuf,
        recovered: Recovered,
        config: LogConfig,
        shared: Shared,
    ) -> Result<Self, LogError> {
        let active = recovered.active.clone();
        let has_identity = recovered.has_identity;
        let log = Self::from_parts(env, dir, recovered, config, shared, Directory::Whole);
        if !has_identity {
            let identity = log.state().config().identity.clone();
            let written = log.write_identity(identity).await;
            written.map_err(|e| LogError::io(log.0.dir.clone(), &e))?;
        }
        if let Some(active) = active {
            let path = segment_path(&log.0.dir, active.base_offset);
            let opened = async {
                let file = log.0.env.open(&path, Open::Direct).await?;
                let partial = (active.position % BLOCK_BYTES as u64) as usize;
                let block = match partial {
                    0 => None,
                    _ => Some(
                        file.read_at(active.position - partial as u64, BLOCK_BYTES)
                            .await?,
                    ),
                };
                std::io::Result::Ok((file, block.map(|block| block.slice(..partial))))
            };
            let (file, block) = opened.await.map_err(|e| LogError::io(path, &e))?;
            let mut state = log.state();
            state.file_opened(file, active.position);
            // Most of thousands of logs are not written soon.
            state.file_closed();
            if let Some(block) = block {
                let place = Place {
                    segment: active.base_offset,
                    position: active.position,
                };
                state.tail.resume(place, &block);
            }
        }
        Ok(log)
    }

    fn from_parts(
        env: E,
        dir: PathBuf,
        recovered: Recovered,
        config: LogConfig,
        shared: Shared,
        directory: Directory,
    ) -> Self {
        let sealed = recovered.sealed.iter().cloned();
        let sealed = sealed.map(SealedSegment::recovered);
        let active = recovered.active.clone();
        let segments = Segments::new(
            recovered.start_offset,
            sealed.collect(),
            active.map(|found| ActiveSegment::recovered(found, recovered.next_offset)),
            recovered.epochs.clone(),
            directory,
        );
        let tails = Rc::clone(&shared.tails);
        let id = tails.next_log();
        let state = State::new(segments, &recovered, config, tails);
        Self(Rc::new(Inner {
            env,
            dir,
            shared,
            id,
            state: RefCell::new(state),
            write_waiters: Rc::default(),
            flush_waiters: Rc::default(),
            progress: Notify::new(),
            file_made: Notify::new(),
            idle: Notify::new(),
            syncing: Semaphore::new(1),
            checkpointing: Semaphore::new(1),
            removing: Semaphore::new(1),
            cleaning: Semaphore::new(1),
            ends_cleaning: Arc::default(),
            swapped: Notify::new(),
            leases: Rc::default(),
        }))
    }

    pub(super) fn state(&self) -> RefMut<'_, State<E::File>> {
        self.0.state.borrow_mut()
    }

    /// The error of every operation, if the log or its directory has failed.
    pub fn check(&self) -> Result<(), LogError> {
        self.0.shared.fence.check()?;
        match self.state().life().ended() {
            None => Ok(()),
            Some(error) => Err(error.clone()),
        }
    }

    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// The first offset that may be read.
    pub fn start_offset(&self) -> i64 {
        self.state().start_offset()
    }

    /// The offset that the next record will get.
    pub fn end_offset(&self) -> i64 {
        self.state().end_offset()
    }

    /// All below it survives the death of the process.
    pub fn written_offset(&self) -> i64 {
        self.state().durability().written().next_offset
    }

    /// All below it survives a power cut.
    pub fn flushed_offset(&self) -> i64 {
        self.state().durability().flushed().next_offset
    }

    /// What the segments hold, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.state().size_bytes()
    }

    /// The segments, oldest first, each as its first offset and what it holds, in bytes.
    pub fn segments(&self) -> Vec<(i64, u64)> {
        let state = self.state();
        let segments = state.segments();
        let sealed = segments
            .sealed_iter()
            .map(|s| (s.base_offset(), s.size_bytes()));
        let unsealed = segments
            .unsealed_iter()
            .map(|s| (s.base_offset(), s.position()));
        sealed.chain(unsealed).collect()
    }

    /// What recovery would have to read if the process died now, in bytes. A checkpoint pays
    /// it; a crash does not.
    pub fn recovery_debt_bytes(&self) -> u64 {
        self.state().durability().recovery_debt_bytes()
    }

    pub fn set_config(&self, config: LogConfig) {
        self.state().set_config(config);
    }

    /// The end of `epoch`: the first offset of the next one, or the end of the log
    /// (OffsetForLeaderEpoch, KIP-101). With the largest epoch not above the asked one.
    pub fn epoch_end(&self, epoch: i32) -> Option<(i32, i64)> {
        let state = self.state();
        let epochs = state.segments().epochs();
        let after = epochs.partition_point(|&(known, _)| known <= epoch);
        let (known, _) = *epochs.get(after.checked_sub(1)?)?;
        let end = epochs.get(after).map_or(state.end_offset(), |e| e.1);
        Some((known, end))
    }
}
