//! Reading old data: whole extents of a segment file, the last few kept, the next one
//! fetched before it is asked for.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::{Log, ReadError, TailBudget};
use crate::segment::segment_path;
use naru_runtime::sync::Notify;
use naru_runtime::{BLOCK_BYTES, Env, File, Open};

/// The unit in which old data is read, in bytes.
pub(super) const EXTENT_BYTES: u64 = 1 << 20;
/// Extents that a log keeps for its readers.
const EXTENTS_MAX: usize = 4;

/// Which extent: a segment by its base offset, and a number from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExtentId {
    pub segment: i64,
    pub number: u64,
}

#[derive(Default)]
pub(super) struct ReadAheads {
    extents: VecDeque<(ExtentId, Extent)>,
    /// How often the log was cut: what was being read then is no longer so.
    cuts: u64,
}

#[derive(Clone)]
enum Extent {
    Loading(Rc<Notify>),
    Ready(Bytes),
    Failed(Arc<str>),
}

impl ReadAheads {
    fn get(&self, id: ExtentId) -> Option<Extent> {
        self.extents
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, extent)| extent.clone())
    }

    fn put(&mut self, id: ExtentId, extent: Extent, budget: &TailBudget) {
        self.remove(id, budget);
        if let Extent::Ready(bytes) = &extent {
            budget.take(bytes.len());
        }
        self.extents.push_back((id, extent));
        while self.extents.len() > EXTENTS_MAX {
            match self
                .extents
                .iter()
                .position(|(_, e)| !matches!(e, Extent::Loading(_)))
            {
                Some(oldest) => self.remove_at(oldest, budget),
                None => return,
            }
        }
    }

    fn remove(&mut self, id: ExtentId, budget: &TailBudget) {
        if let Some(at) = self.extents.iter().position(|(known, _)| *known == id) {
            self.remove_at(at, budget);
        }
    }

    fn remove_at(&mut self, at: usize, budget: &TailBudget) {
        if let Some((_, Extent::Ready(bytes))) = self.extents.remove(at) {
            budget.give_back(bytes.len());
        }
    }

    /// Lets go of everything: the log is cut.
    pub fn cut(&mut self, budget: &TailBudget) {
        self.cuts += 1;
        self.clear(budget);
    }

    /// Lets go of everything that is not being loaded.
    pub fn clear(&mut self, budget: &TailBudget) {
        while let Some(at) = self
            .extents
            .iter()
            .position(|(_, e)| !matches!(e, Extent::Loading(_)))
        {
            self.remove_at(at, budget);
        }
    }
}

impl<E: Env> Log<E> {
    /// The bytes `from..to` of a segment's file, which are written.
    pub(super) async fn read_file(
        &self,
        segment: i64,
        from: u64,
        to: u64,
    ) -> Result<Vec<Bytes>, ReadError> {
        let mut out = Vec::new();
        let mut at = from;
        while at < to {
            let id = ExtentId {
                segment,
                number: at / EXTENT_BYTES,
            };
            let start = id.number * EXTENT_BYTES;
            let end = to.min(start + EXTENT_BYTES);
            let bytes = self.extent(id, end - start).await?;
            out.push(bytes.slice((at - start) as usize..(end - start) as usize));
            at = end;
        }
        Ok(out)
    }

    /// Fetches the extent behind `position`, if it is worth it: somebody reads through.
    pub(super) fn read_ahead(&self, segment: i64, position: u64, segment_end: u64) {
        let id = ExtentId {
            segment,
            number: position / EXTENT_BYTES + 1,
        };
        let is_worth_it = {
            let state = self.state();
            (id.number + 1) * EXTENT_BYTES <= segment_end
                && !self.0.shared.tails.is_scarce()
                && state.readers.read_aheads.get(id).is_none()
        };
        if is_worth_it {
            self.load(id);
        }
    }

    /// At least the first `needed` bytes of an extent.
    async fn extent(&self, id: ExtentId, needed: u64) -> Result<Bytes, ReadError> {
        let mut is_fresh = false;
        loop {
            let known = self.state().readers.read_aheads.get(id);
            match known {
                Some(Extent::Ready(bytes)) if bytes.len() as u64 >= needed => return Ok(bytes),
                Some(Extent::Loading(loaded)) => {
                    loaded.wait().await;
                    is_fresh = true;
                }
                Some(Extent::Failed(cause)) if is_fresh => {
                    return Err(ReadError::Io {
                        path: segment_path(&self.0.dir, id.segment),
                        cause,
                    });
                }
                Some(Extent::Ready(_)) if is_fresh => {
                    return Err(ReadError::Damaged {
                        path: segment_path(&self.0.dir, id.segment),
                        position: id.number * EXTENT_BYTES,
                    });
                }
                // Not here, or read when the segment was shorter.
                _ => self.load(id),
            }
        }
    }

    /// Reads an extent in a task of its own: who asked for it may go away.
    fn load(&self, id: ExtentId) {
        let loaded = Rc::new(Notify::new());
        let (cuts, limit) = {
            let mut state = self.state();
            let loading = Extent::Loading(Rc::clone(&loaded));
            state
                .readers
                .read_aheads
                .put(id, loading, &self.0.shared.tails);
            // What lies behind is not written yet: kept, it would hide what will be.
            let written = state.durability().write_place();
            let is_written_to = written.segment == id.segment;
            let start = id.number * EXTENT_BYTES;
            let limit = is_written_to.then(|| written.position.saturating_sub(start));
            (
                state.readers.read_aheads.cuts,
                limit.unwrap_or(EXTENT_BYTES),
            )
        };
        let log = self.clone();
        self.0.env.spawn(async move {
            let read = async {
                let file = log.file_of(id.segment).await?;
                file.read_at(id.number * EXTENT_BYTES, EXTENT_BYTES as usize)
                    .await
            };
            let extent = match read.await {
                Ok(bytes) => {
                    let kept = bytes.len().min(limit as usize);
                    Extent::Ready(bytes.slice(..kept))
                }
                Err(cause) => Extent::Failed(cause.to_string().into()),
            };
            {
                let mut state = log.state();
                if state.readers.read_aheads.cuts == cuts {
                    state
                        .readers
                        .read_aheads
                        .put(id, extent, &log.0.shared.tails);
                } else {
                    state.readers.read_aheads.remove(id, &log.0.shared.tails);
                }
            }
            loaded.notify_all();
        });
    }

    /// The file of a segment, opened if need be.
    async fn file_of(&self, segment: i64) -> std::io::Result<E::File> {
        let known = {
            let state = self.state();
            match state.segments().sealed(segment) {
                Some(sealed) => sealed.file().cloned(),
                None => state.segments().file().cloned(),
            }
        };
        if let Some(file) = known {
            return Ok(file);
        }
        let path = segment_path(&self.0.dir, segment);
        let file = self.0.env.open(&path, Open::Direct).await?;
        let mut state = self.state();
        if let Some(sealed) = state.segments_mut().sealed_mut(segment) {
            sealed.keep_file(file.clone());
        }
        Ok(file)
    }
}

const _: () = assert!(EXTENT_BYTES.is_multiple_of(BLOCK_BYTES as u64));
