//! From one segment's file to the next: the old one is sealed before the new one is made.

use bytes::Bytes;

use super::state::ActiveSegment;
use super::{Log, LogError};
use crate::index::SegmentIndex;
use crate::segment::{METADATA_FILE, index_path, segment_path};
use naru_runtime::{Env, File, Open, replace_file};

impl<E: Env> Log<E> {
    /// Seals the first unsealed segment, if it has a file, and makes the file of the one that
    /// is first then.
    pub(super) async fn roll_file(&self) -> Result<(), LogError> {
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
    async fn seal_first(&self) -> Result<(), LogError> {
        let (file, segment) = {
            let state = self.state();
            let segments = state.segments();
            match (segments.file().cloned(), segments.first_unsealed().cloned()) {
                (Some(file), Some(segment)) => (file, segment),
                _ => return Ok(()),
            }
        };
        let end = segment.end();
        let path = segment_path(&self.0.dir, segment.base_offset());
        let cut = file.set_length(end.place.position).await;
        cut.map_err(|cause| LogError::io(path.clone(), &cause))?;
        self.sync(&file).await?;
        let index = SegmentIndex {
            index: segment.index().clone(),
            segment_bytes: end.place.position,
            max_timestamp_ms: segment.max_timestamp_ms(),
            next_offset: end.next_offset,
        };
        self.write_index(segment.base_offset(), &index).await;
        self.state().sealed(path);
        self.0.flushed.notify_all();
        Ok(())
    }

    /// Writes the index of a sealed segment. It is derived: a failure costs a rebuild.
    pub(super) async fn write_index(&self, base_offset: i64, index: &SegmentIndex) {
        let content = index.encode();
        let path = index_path(&self.0.dir, base_offset);
        let write = async {
            let file = self.0.env.open(&path, Open::BufferedNew).await?;
            file.write_at(0, vec![content]).await
        };
        if let Err(error) = write.await {
            tracing::warn!("{}: {error}", path.display());
        }
    }

    async fn make_file(&self, base_offset: i64) -> Result<(), LogError> {
        let path = segment_path(&self.0.dir, base_offset);
        let failed = |cause: std::io::Error| LogError::WriteFailed {
            directory: self.0.dir.clone(),
            cause: cause.to_string().into(),
        };
        let identity = {
            let state = self.state();
            (!state.segments().has_directory()).then(|| state.config().identity.clone())
        };
        if let Some(identity) = identity {
            self.make_directory(identity).await.map_err(failed)?;
            self.state().segments_mut().directory_made();
        }
        let file = self
            .0
            .env
            .open(&path, Open::DirectNew)
            .await
            .map_err(failed)?;
        // The name must be durable before anything in the file is acknowledged.
        self.0.env.sync_dir(&self.0.dir).await.map_err(failed)?;
        self.state().file_opened(file, 0);
        self.0.written.notify_all();
        Ok(())
    }

    async fn make_directory(&self, identity: Bytes) -> std::io::Result<()> {
        let dir = &self.0.dir;
        self.0.env.create_dir_all(dir).await?;
        self.write_identity(identity).await?;
        match dir.parent() {
            Some(parent) => self.0.env.sync_dir(parent).await,
            None => Ok(()),
        }
    }

    /// Writes `partition.metadata`: whole, or not at all. Half of one would be taken for
    /// that of another topic.
    pub(super) async fn write_identity(&self, identity: Bytes) -> std::io::Result<()> {
        replace_file(&self.0.env, &self.0.dir.join(METADATA_FILE), identity).await
    }
}
