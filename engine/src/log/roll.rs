//! From one segment's file to the next: the old one is sealed before the new one is made.

use bytes::Bytes;

use super::commit::Stop;
use super::state::{ActiveSegment, Directory};
use super::{Log, LogError};
use crate::index::{SegmentIndex, encode_aborted};
use crate::segment::{METADATA_FILE, aborted_path, index_path, segment_path};
use naru_runtime::{Env, File, Open, replace_file};

impl<E: Env> Log<E> {
    /// Seals the first unsealed segment, if it has a file, and makes the file of the one that
    /// is first then.
    pub(super) async fn roll_file(&self) -> Result<(), Stop> {
        if self.state().segments().file().is_some() {
            self.seal_first().await?;
        }
        let first = self
            .state()
            .segments()
            .first_unsealed()
            .map(ActiveSegment::base_offset);
        match first {
            Some(base_offset) => self.make_file(base_offset).await,
            None => Ok(()),
        }
    }

    /// All of the first unsealed segment is written: flushes it and cuts it to its size.
    async fn seal_first(&self) -> Result<(), Stop> {
        let (file, segment) = {
            let state = self.state();
            let segments = state.segments();
            match (segments.file().cloned(), segments.first_unsealed().cloned()) {
                (Some(file), Some(segment)) => (file, segment),
                _ => return Ok(()),
            }
        };
        let end = segment.end();
        let cut = file.set_length(end.place.position).await;
        cut.map_err(|cause| self.not_written(cause))?;
        self.sync(&file).await?;
        self.write_aborted(&segment).await?;
        let index = SegmentIndex {
            aborted_count: segment.index().aborted().len() as u32,
            index: segment.index().clone(),
            segment_bytes: end.place.position,
            max_timestamp_ms: segment.max_timestamp_ms(),
            next_offset: end.next_offset,
        };
        self.write_index(segment.base_offset(), &index).await;
        // As in `flush_all`.
        self.check()?;
        self.state().sealed();
        self.tell_flushed();
        Ok(())
    }

    /// Writes which transactions were aborted in a segment that is about to be sealed, durably:
    /// what is before a checkpoint is not read again, and without the file it would be.
    async fn write_aborted(&self, segment: &ActiveSegment) -> Result<(), Stop> {
        let aborted = segment.index().aborted();
        if aborted.is_empty() {
            return Ok(());
        }
        let (path, content) = (
            aborted_path(&self.0.dir, segment.base_offset()),
            encode_aborted(aborted),
        );
        let write = async || replace_file(&self.0.env, &path, content.clone()).await;
        let written = self.with_descriptors(write).await;
        written.map_err(|cause| self.not_written(cause))
    }

    /// Writes the index of a sealed segment. It is derived: a failure costs a rebuild.
    pub(super) async fn write_index(&self, base_offset: i64, index: &SegmentIndex) {
        let content = index.encode();
        let path = index_path(&self.0.dir, base_offset);
        let write = async {
            let open = async || self.0.env.open(&path, Open::BufferedNew).await;
            let file = self.with_descriptors(open).await?;
            file.write_at(0, vec![content]).await
        };
        if let Err(error) = write.await {
            tracing::warn!("{}: {error}", path.display());
        }
    }

    async fn make_file(&self, base_offset: i64) -> Result<(), Stop> {
        let path = segment_path(&self.0.dir, base_offset);
        let failed = |cause| self.not_written(cause);
        self.make_directory().await?;
        let open = async || self.0.env.open(&path, Open::DirectNew).await;
        let file = self.with_descriptors(open).await.map_err(failed)?;
        // The name must be durable before anything in the file is acknowledged.
        self.sync_dir().await.map_err(failed)?;
        self.state().file_opened(file, 0);
        self.0.file_made.notify_all();
        self.write_snapshot();
        Ok(())
    }

    /// Opens the file of a log again that has rested. To be called by who alone writes to it, under
    /// a lease: the path of a retired log may lead to another's.
    pub(super) async fn reopen_file(&self) -> Result<(), LogError> {
        let segment = self.state().segments().file_segment();
        let Some(base_offset) = segment.filter(|_| self.state().segments().is_file_resting())
        else {
            return Ok(());
        };
        let path = segment_path(&self.0.dir, base_offset);
        let open = async || self.0.env.open(&path, Open::Direct).await;
        let file = self.with_descriptors(open).await;
        let file = file.map_err(|cause| self.write_failed(&cause))?;
        self.state().file_reopened(file);
        Ok(())
    }

    /// Makes the names in the log's directory durable.
    pub(super) async fn sync_dir(&self) -> std::io::Result<()> {
        self.with_descriptors(async || self.0.env.sync_dir(&self.0.dir).await)
            .await
    }

    /// Makes the directory of a log that is new, with the name of its topic in it, and makes
    /// that durable, before anything else is in it.
    ///
    /// A directory that is there already, with something in it, belongs to somebody else: a
    /// topic of the same name that was deleted, most likely. Nothing in it is touched, or its
    /// records would be served as those of this topic.
    async fn make_directory(&self) -> Result<(), Stop> {
        let dir = &self.0.dir;
        let failed = |cause| self.not_written(cause);
        let made = self.state().segments().directory();
        if made == Directory::Missing {
            self.0.env.create_dir_all(dir).await.map_err(failed)?;
            let names = self.0.env.list(dir).await.map_err(failed)?;
            if !names.is_empty() {
                let directory = dir.clone();
                return Err(LogError::DirectoryNotEmpty { directory }.into());
            }
            self.state()
                .segments_mut()
                .directory_is(Directory::Unsynced);
        }
        if made != Directory::Whole {
            let identity = self.state().config().identity.clone();
            self.write_identity(identity).await.map_err(failed)?;
            if let Some(parent) = dir.parent() {
                self.0.env.sync_dir(parent).await.map_err(failed)?;
            }
            self.state().segments_mut().directory_is(Directory::Whole);
        }
        Ok(())
    }

    /// Writes `partition.metadata`: whole, or not at all. Half of one would be taken for
    /// that of another topic.
    pub(super) async fn write_identity(&self, identity: Bytes) -> std::io::Result<()> {
        let path = self.0.dir.join(METADATA_FILE);
        self.with_descriptors(async || replace_file(&self.0.env, &path, identity.clone()).await)
            .await
    }
}
