//! From one segment's file to the next: the old one is sealed before the new one is made.

use std::rc::Rc;

use bytes::Bytes;

use super::state::Sealed;
use super::tail::Place;
use super::{Log, LogError};
use crate::index::SegmentIndex;
use crate::segment::{METADATA_FILE, Space, index_path, segment_path};
use naru_runtime::{Env, File, Open, replace_file};

impl<E: Env> Log<E> {
    /// Seals the first begun segment, if it has a file, and makes the file of the one that
    /// is first then.
    pub(super) async fn roll_file(&self) -> Result<(), LogError> {
        if self.state().file.is_some() {
            self.seal_first().await?;
        }
        let first = self
            .state()
            .begun
            .front()
            .map(|segment| segment.base_offset);
        match first {
            Some(base_offset) => self.make_file(base_offset).await,
            None => Ok(()),
        }
    }

    /// All of the first begun segment is written: flushes it and cuts it to its size.
    async fn seal_first(&self) -> Result<(), LogError> {
        let (file, segment) = {
            let state = self.state();
            match (state.file.clone(), state.begun.front().cloned()) {
                (Some(file), Some(segment)) => (file, segment),
                _ => return Ok(()),
            }
        };
        let path = segment_path(&self.0.dir, segment.base_offset);
        let cut = file.set_length(segment.position).await;
        cut.map_err(|cause| LogError::io(path.clone(), &cause))?;
        self.sync(&file).await?;
        let index = SegmentIndex {
            index: segment.index.clone(),
            segment_bytes: segment.position,
            max_timestamp_ms: segment.max_timestamp_ms,
            next_offset: segment.end_offset,
        };
        self.write_index(segment.base_offset, &index).await;
        {
            let mut state = self.state();
            state.begun.pop_front();
            state.file = None;
            state.flushed = segment.end();
            state.flushed_offset = segment.end_offset;
            state.sealed.push_back(Sealed {
                base_offset: segment.base_offset,
                path,
                size_bytes: segment.position,
                max_timestamp_ms: segment.max_timestamp_ms,
                file: Some(file),
                index: Some(Rc::new(segment.index)),
            });
        }
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
            (!state.has_directory).then(|| state.config.identity.clone())
        };
        if let Some(identity) = identity {
            self.make_directory(identity).await.map_err(failed)?;
            self.state().has_directory = true;
        }
        let file = self
            .0
            .env
            .open(&path, Open::DirectNew)
            .await
            .map_err(failed)?;
        // The name must be durable before anything in the file is acknowledged.
        self.0.env.sync_dir(&self.0.dir).await.map_err(failed)?;
        {
            let mut state = self.state();
            state.file = Some(file);
            state.space = Space::behind(0);
            state.written = Place {
                segment: base_offset,
                position: 0,
            };
        }
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
