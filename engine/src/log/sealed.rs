//! Files and indexes of segments, for the readers: opened and loaded when they are asked for,
//! and let go of as [`super::budget`] says.

use std::any::Any;
use std::io;
use std::path::Path;
use std::rc::Rc;

use super::budget::SegmentId;
use super::shelf::{LoadError, Source};
use super::{Log, ReadError};
use crate::index::{AbortedTransaction, Index, IndexEntry, SegmentIndex, decode_aborted};
use crate::recovery::{AbortedFound, scan};
use crate::segment::{aborted_path, index_path, segment_path};
use naru_runtime::{Env, File, Open};

/// What an entry of an index takes, in bytes.
const ENTRY_BYTES: usize = size_of::<IndexEntry>();

impl<E: Env> Log<E> {
    /// Whether what is loaded of a segment is worth keeping when it comes.
    pub(super) fn is_kept(&self, segment: SegmentId) -> bool {
        let state = self.state();
        !state.readers.is_closed() && state.has_segment(segment.base_offset)
    }

    /// Lets go of what readers have of a segment, which is dropped.
    pub(super) fn forget_segment(&self, base_offset: i64) {
        let log = self.0.id;
        self.0
            .shared
            .tails
            .forget_segment(SegmentId { log, base_offset });
    }

    /// Keeps nothing for readers from here on: the log is closed.
    pub(super) fn forget_reads(&self) {
        self.state().readers.close();
        self.0.shared.tails.forget_log(self.0.id);
    }

    /// Lets go of what no reader has used since the last call.
    pub(super) fn release_unused(&self) {
        let mut state = self.state();
        let turns = state.readers.turns;
        state.readers.turns = self.0.shared.tails.release_unused(self.0.id, turns);
    }

    /// The file of a segment, opened if need be.
    pub(super) async fn file_of(&self, segment: SegmentId) -> Result<E::File, LoadError> {
        {
            let state = self.state();
            if state.segments().file_segment() == Some(segment.base_offset)
                && let Some(file) = state.segments().file()
            {
                return Ok(file.clone());
            }
        }
        let files = &self.0.shared.tails.files;
        let known = files.find(&segment, 0, |_| true);
        let file = match known {
            Some(source) => source.get().await?,
            None => {
                let loading = files.begin(segment, 0, 0);
                let path = segment_path(&self.0.dir, segment.base_offset);
                let opened = self.open_file(&path, Open::Direct).await;
                let opened = opened.map(|file| Rc::new(file) as Rc<dyn Any>);
                let opened = opened.map_err(LoadError::from);
                let keep = self.is_kept(segment).then_some(1);
                loading.end(opened.clone(), keep);
                self.0.shared.tails.make_room();
                opened?
            }
        };
        match file.downcast::<E::File>() {
            Ok(file) => Ok(E::File::clone(&file)),
            Err(_) => unreachable!("the files of a shard are of one type"),
        }
    }

    /// Opens a file for readers.
    async fn open_file(&self, path: &Path, how: Open) -> io::Result<E::File> {
        // The log may be open again, and another cleaning have changed what a path leads to.
        if self.state().readers.is_closed() {
            return Err(io::Error::other(self.closed()));
        }
        // While segments give their places to another, a path leads to one of them or to none.
        let is_swapping = || self.state().readers.is_swapping();
        while is_swapping() && self.check().is_ok() {
            self.0.swapped.wait().await;
        }
        if is_swapping() {
            return Err(io::Error::other("a swap of segments was not finished"));
        }
        // Once the log is retired, the path may lead to the records of another topic.
        let _lease = self.lease().map_err(io::Error::other)?;
        self.with_descriptors(async || self.0.env.open(path, how).await)
            .await
    }

    /// Does what needs a descriptor; where the process has none left, at the cost of those
    /// that are open for readers. Again from its beginning then.
    pub(super) async fn with_descriptors<T>(
        &self,
        work: impl AsyncFn() -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match work().await {
                Err(error) if is_out_of_files(&error) && self.0.shared.tails.close_files() => {
                    let dir = self.0.dir.display();
                    tracing::warn!("{dir}: {error}; files of readers are closed");
                }
                done => return done,
            }
        }
    }

    /// What the index of a segment says; of a sealed one it is loaded, or built again.
    pub(super) async fn ask_index<T>(
        &self,
        base_offset: i64,
        ask: impl FnOnce(&Index) -> T,
    ) -> Result<T, ReadError> {
        let (size_bytes, aborted) = {
            let state = self.state();
            if let Some(unsealed) = state.segments().unsealed(base_offset) {
                return Ok(ask(unsealed.index()));
            }
            match state.segments().sealed(base_offset) {
                Some(sealed) => (sealed.size_bytes(), sealed.aborted().clone()),
                // Dropped meanwhile: whoever asks looks at that next.
                None => return Ok(ask(&Index::default())),
            }
        };
        let log = self.0.id;
        let segment = SegmentId { log, base_offset };
        let known = self.0.shared.tails.indexes.find(&segment, 0, |_| true);
        let source = known.unwrap_or_else(|| self.load_index(segment, size_bytes, aborted));
        let index = source.get().await;
        let index = index.map_err(|error| self.cannot_read(base_offset, error))?;
        Ok(ask(&index))
    }

    /// Loads an index in a task of its own: whoever asked for it may go away.
    fn load_index(
        &self,
        segment: SegmentId,
        size_bytes: u64,
        aborted: AbortedFound,
    ) -> Source<Rc<Index>> {
        let loading = self.0.shared.tails.indexes.begin(segment, 0, 0);
        let source = loading.source();
        let log = self.clone();
        // What was asked for is the segment of now: when the task has its first turn, another
        // one may have this name.
        let cuts = self.state().readers.cuts();
        self.0.env.spawn(async move {
            let (result, is_new) = match log.read_index(segment, size_bytes).await {
                Ok(Some(found)) => (Ok(found), false),
                Ok(None) => (log.build_index(segment, size_bytes).await, true),
                Err(error) => (Err(error), false),
            };
            let result = match result {
                Ok(found) => log.with_aborted(segment.base_offset, found, aborted).await,
                Err(error) => Err(error),
            };
            let is_whole = |found: &SegmentIndex| found.index.aborted_unread().is_none();
            let weight = |found: &SegmentIndex| {
                let aborted_bytes = size_of_val(found.index.aborted());
                size_of_val(found.index.entries()) + aborted_bytes + ENTRY_BYTES
            };
            let known = result.as_ref().ok();
            let keep = known.filter(|found| is_whole(found)).map(weight);
            let keep = keep.filter(|_| log.is_kept(segment));
            let to_write = result
                .as_ref()
                .ok()
                .filter(|found| is_new && is_whole(found));
            let to_write = to_write.cloned();
            loading.end(result.map(|found| Rc::new(found.index)), keep);
            log.0.shared.tails.make_room();
            if let Some(built) = to_write {
                log.keep_index(segment, &built, cuts).await;
            }
        });
        source
    }

    /// The index as it is stored, if it is whole.
    async fn read_index(
        &self,
        segment: SegmentId,
        size_bytes: u64,
    ) -> Result<Option<SegmentIndex>, LoadError> {
        let path = index_path(&self.0.dir, segment.base_offset);
        let read = async {
            let file = self.open_file(&path, Open::Buffered).await?;
            let length = file.length().await?;
            file.read_at(0, length as usize).await
        };
        match read.await {
            Ok(content) => Ok(SegmentIndex::decode(&content, size_bytes)),
            // No reason to read the whole segment.
            Err(error) if is_out_of_files(&error) => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    /// Adds which transactions were aborted. Recovery has seen that the file is whole, so one
    /// that is not is damage, which the next recovery mends. Until then only readers of committed
    /// records are without it.
    async fn with_aborted(
        &self,
        base_offset: i64,
        mut found: SegmentIndex,
        aborted: AbortedFound,
    ) -> Result<SegmentIndex, LoadError> {
        let aborted = match aborted {
            AbortedFound::Stored { count: 0 } => Vec::new(),
            AbortedFound::Read(aborted) => aborted,
            AbortedFound::Stored { count } => match self.stored_aborted(base_offset, count).await {
                Ok(aborted) => aborted,
                Err(error) if is_out_of_files(&error) => return Err(error.into()),
                Err(error) => {
                    let path = aborted_path(&self.0.dir, base_offset);
                    let reason = format!("{}: {error}", path.display());
                    tracing::error!("{reason}");
                    found.index = found.index.without_aborted(&reason);
                    return Ok(found);
                }
            },
        };
        found.aborted_count = aborted.len() as u32;
        found.index = found.index.with_aborted(aborted);
        Ok(found)
    }

    async fn stored_aborted(
        &self,
        base_offset: i64,
        count: u32,
    ) -> io::Result<Vec<AbortedTransaction>> {
        let path = aborted_path(&self.0.dir, base_offset);
        let file = self.open_file(&path, Open::Buffered).await?;
        let length = file.length().await?;
        let content = file.read_at(0, length as usize).await?;
        let entries = decode_aborted(&content);
        let entries = entries.filter(|entries| entries.len() as u32 == count);
        entries.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "damaged"))
    }

    async fn build_index(
        &self,
        segment: SegmentId,
        size_bytes: u64,
    ) -> Result<SegmentIndex, LoadError> {
        let base_offset = segment.base_offset;
        let file = self.file_of(segment).await?;
        let mut built = SegmentIndex {
            index: Index::default(),
            segment_bytes: size_bytes,
            max_timestamp_ms: i64::MIN,
            next_offset: base_offset,
            aborted_count: 0,
        };
        let end = scan(&file, size_bytes, 0, base_offset, |header, position, _| {
            built.index.note(header, position, built.max_timestamp_ms);
            built.max_timestamp_ms = built.max_timestamp_ms.max(header.max_timestamp_ms);
        });
        built.next_offset = end.await?.next_offset;
        Ok(built)
    }

    /// Writes an index that was built again, unless the segment is no longer what it was.
    async fn keep_index(&self, segment: SegmentId, built: &SegmentIndex, cuts: u64) {
        let Ok(_lease) = self.lease() else { return };
        // Nothing is dropped or cut meanwhile: another segment of this name could be taken to
        // have this index.
        let _only = self.0.removing.acquire(1).await;
        if self.is_kept(segment) && self.state().readers.cuts() == cuts {
            self.write_index(segment.base_offset, built).await;
        }
    }
}

/// Whether the process, or the machine, has no descriptor left.
fn is_out_of_files(error: &io::Error) -> bool {
    /// `EMFILE` and `ENFILE`.
    const ERRNOS: [i32; 2] = [24, 23];
    error
        .raw_os_error()
        .is_some_and(|errno| ERRNOS.contains(&errno))
}
