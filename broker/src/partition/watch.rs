//! Watching partitions for more to read: what a fetch does while it has less than its
//! `min.bytes`.
//!
//! A [`Watcher`] is one fetch on one shard, a [`Watch`] its interest in one partition. Only
//! partitions that have moved are looked at again, so that a fetch of a thousand partitions
//! pays for the one that was written to.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use naru_engine::log::{Log, LogOffsetMetadata, ReadError, TailReader};
use naru_runtime::Handle;
use naru_runtime::sync::Notify;

use super::{Isolation, Partition};

/// Hears which of its partitions have moved.
#[derive(Default)]
pub struct Watcher {
    moved: RefCell<BTreeSet<usize>>,
    told: Notify,
}

impl Watcher {
    pub(super) fn tell(&self, place: usize) {
        self.moved.borrow_mut().insert(place);
        self.told.notify_all();
    }

    pub(super) fn take_moved(&self) -> Vec<usize> {
        std::mem::take(&mut *self.moved.borrow_mut())
            .into_iter()
            .collect()
    }

    /// Waits for partitions to move; the places of those that have, in ascending order.
    pub async fn moved(&self) -> Vec<usize> {
        loop {
            let moved = self.take_moved();
            if !moved.is_empty() {
                return moved;
            }
            self.told.wait().await;
        }
    }
}

/// What a fetch would find in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readable {
    /// So many bytes, and there may be more later.
    Bytes(u64),
    /// Something that waiting does not improve: the rest of an older segment, or an error.
    AnswerNow,
}

/// A fetch's interest in a partition. While there is one, what is written is flushed unasked.
pub struct Watch {
    partition: Rc<Partition>,
    log: Log<Handle>,
    key: usize,
    from: i64,
    bytes_max: u64,
    isolation: Isolation,
    /// Where `from` is, once it is known.
    start: Option<LogOffsetMetadata>,
    _tail_reader: TailReader<Handle>,
}

impl Watch {
    pub(super) fn new(
        partition: &Rc<Partition>,
        log: &Log<Handle>,
        from: i64,
        bytes_max: u64,
        isolation: Isolation,
        watcher: &Rc<Watcher>,
        place: usize,
    ) -> Self {
        Self {
            key: partition.high_watermark().enter(watcher, place),
            partition: Rc::clone(partition),
            log: log.clone(),
            from,
            bytes_max,
            isolation,
            start: None,
            _tail_reader: log.tail_reader(),
        }
    }

    /// What there is to read now. As Kafka's DelayedFetch: exact bytes, no more of a partition
    /// than its limit; at once where the offset is in an older segment than the end of what may be
    /// read.
    pub async fn readable(&mut self) -> Readable {
        if self.partition.check_leads().is_err() {
            return Readable::AnswerNow;
        }
        self.look().await.unwrap_or(Readable::AnswerNow)
    }

    async fn look(&mut self) -> Result<Readable, ReadError> {
        let readable = self.partition.readable_end(self.isolation);
        if self.from > readable {
            return Ok(Readable::Bytes(0));
        }
        let log = &self.log;
        let start = match self.start {
            Some(start) => start,
            None => log.offset_metadata(self.from).await?,
        };
        self.start = Some(start);
        let end = log.offset_metadata(readable).await?;
        // The other way round the log was truncated.
        if start.is_on_older_segment_than(&end) || end.is_on_older_segment_than(&start) {
            return Ok(Readable::AnswerNow);
        }
        Ok(Readable::Bytes(start.bytes_to(&end).min(self.bytes_max)))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.partition.high_watermark().leave(self.key);
    }
}
