//! What becomes of a batch: the rules of compaction (KIP-98, KIP-534), for one segment.

use naru_record_batch::{BatchHeader, BatchRewriter, RecordPieces, empty_batch};
use roaring::RoaringBitmap;

use super::plan::{Planned, Request};
use super::transactions::Verdict;
use super::walk::Walked;
use super::{CleanError, Pace};

/// Decompressed bytes after which the pace is told.
const STEP_BYTES: usize = 256 << 10;

/// What is written of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It, byte for byte.
    Copied,
    Rewritten(Vec<u8>),
    Gone,
}

/// The records of a batch that stay.
#[derive(Clone, Copy, Debug, Default)]
struct Staying {
    count: i32,
    tombstones_count: i32,
}

pub(super) struct Filter<'a> {
    request: &'a Request,
    planned: &'a Planned,
    /// Tombstones whose time had come, relative to the base offset.
    gone_tombstones: RoaringBitmap,
}

impl<'a> Filter<'a> {
    pub fn new(request: &'a Request, planned: &'a Planned) -> Self {
        Self {
            request,
            planned,
            gone_tombstones: RoaringBitmap::new(),
        }
    }

    /// Tombstones that it took, relative to the segment's base offset.
    pub fn gone_tombstones(self) -> RoaringBitmap {
        self.gone_tombstones
    }

    /// Whether the header must stay though no record does: of a producer's last batch, so that
    /// its sequence and epoch are known, and of the last of a segment, so that it is known
    /// where that ends (KAFKA-17076, KAFKA-20452).
    fn keeps_header(&self, header: &BatchHeader, is_last: bool) -> bool {
        let last = self.request.producers.get(&header.producer_id);
        let is_of_producer = last.is_some_and(|last| match last.last_data_offset {
            Some(offset) => header.last_offset() == offset,
            None => header.attributes.is_control() && header.producer_epoch == last.epoch,
        });
        is_last || (header.producer_id >= 0 && is_of_producer)
    }

    fn is_spent(&self, header: &BatchHeader) -> bool {
        let horizon_ms = header.delete_horizon_ms();
        horizon_ms.is_some_and(|at_ms| at_ms <= self.request.now_ms)
    }

    /// Whether its transaction alone makes it change.
    pub fn is_changed_by(&self, header: &BatchHeader, verdict: Verdict, is_last: bool) -> bool {
        let goes = !(header.is_empty() && self.keeps_header(header, is_last));
        match verdict {
            Verdict::Stays => false,
            Verdict::Aborted => goes,
            Verdict::Spent if header.is_empty() => goes,
            Verdict::Spent => header.delete_horizon_ms().is_none() || self.is_spent(header),
        }
    }

    pub async fn judge(
        &mut self,
        batch: &Walked,
        verdict: Verdict,
        is_last: bool,
        pace: &impl Pace,
    ) -> Result<Fate, NotRecords> {
        let header = &batch.header;
        let keeps_header = self.keeps_header(header, is_last);
        let emptied = || match (keeps_header, header.is_empty()) {
            (false, _) => Fate::Gone,
            (true, true) => Fate::Copied,
            (true, false) => Fate::Rewritten(empty_batch(header)),
        };
        if header.is_empty() || verdict == Verdict::Aborted {
            return Ok(emptied());
        }
        if header.attributes.is_control() {
            return match (verdict, header.delete_horizon_ms()) {
                (Verdict::Spent, Some(_)) if self.is_spent(header) => Ok(emptied()),
                (Verdict::Spent, None) => {
                    self.rewrite(batch, true, pace).await.map(Fate::Rewritten)
                }
                _ => Ok(Fate::Copied),
            };
        }
        if !self.needs_a_look(header) {
            return Ok(Fate::Copied);
        }
        let staying = self.look(batch, pace).await?;
        if staying.count == 0 {
            return Ok(emptied());
        }
        let is_bare = staying.tombstones_count > 0
            && self.planned.sets_horizons
            && header.delete_horizon_ms().is_none();
        if staying.count == header.records_count && !is_bare {
            return Ok(Fate::Copied);
        }
        self.rewrite(batch, is_bare, pace)
            .await
            .map(Fate::Rewritten)
    }

    /// Without a look into it a batch stays as it is: nothing is decompressed for it.
    fn needs_a_look(&self, header: &BatchHeader) -> bool {
        let planned = self.planned;
        let base = header.base_offset - planned.segment.base_offset;
        let (Ok(first), Ok(last)) = (
            u32::try_from(base),
            u32::try_from(base + i64::from(header.last_offset_delta)),
        ) else {
            return false;
        };
        let holds = |set: &RoaringBitmap| set.range_cardinality(first..=last) > 0;
        planned.facts.unkeyed_count > 0
            || planned.facts.bare_tombstones_count > 0
            || holds(&planned.superseded)
            || (self.is_spent(header) && holds(&planned.lone_tombstones))
    }

    /// Whether a record stays that has a key. Its tombstone may be spent.
    fn stays(&self, header: &BatchHeader, offset_delta: i32, is_tombstone: bool) -> bool {
        let offset = header.base_offset + i64::from(offset_delta);
        let Ok(relative) = u32::try_from(offset - self.planned.segment.base_offset) else {
            return true;
        };
        let is_gone = is_tombstone
            && self.is_spent(header)
            && self.planned.lone_tombstones.contains(relative);
        !is_gone && !self.planned.superseded.contains(relative)
    }

    async fn look(&mut self, batch: &Walked, pace: &impl Pace) -> Result<Staying, NotRecords> {
        let header = &batch.header;
        let mut records = RecordPieces::open(header, batch.payload())?;
        let mut staying = Staying::default();
        let mut told_bytes = 0;
        while let Some(front) = records.enter()? {
            let has_key = records.key(|_| {})?;
            let is_tombstone = !records.has_value()?;
            if has_key && self.stays(header, front.offset_delta, is_tombstone) {
                staying.count += 1;
                staying.tombstones_count += i32::from(is_tombstone);
            } else if has_key && is_tombstone {
                self.note_gone(header, front.offset_delta);
            }
            if records.produced_bytes() - told_bytes >= STEP_BYTES {
                told_bytes = records.produced_bytes();
                pace.moved(0).await?;
            }
        }
        Ok(staying)
    }

    fn note_gone(&mut self, header: &BatchHeader, offset_delta: i32) {
        let offset = header.base_offset + i64::from(offset_delta);
        if let Ok(relative) = u32::try_from(offset - self.planned.segment.base_offset)
            && !self.planned.superseded.contains(relative)
        {
            self.gone_tombstones.insert(relative);
        }
    }

    /// The batch without what does not stay; a marker stays whole.
    async fn rewrite(
        &self,
        batch: &Walked,
        gets_horizon: bool,
        pace: &impl Pace,
    ) -> Result<Vec<u8>, NotRecords> {
        let header = &batch.header;
        let horizon_ms = self.request.now_ms + self.request.delete_retention_ms;
        let mut rewriter = BatchRewriter::new(header, gets_horizon.then_some(horizon_ms))?;
        // Once for which of them stay, and once for their bytes: they are not held meanwhile.
        let mut looked = RecordPieces::open(header, batch.payload())?;
        let mut records = RecordPieces::open(header, batch.payload())?;
        let mut told_bytes = 0;
        while let (Some(front), Some(_)) = (records.enter()?, looked.enter()?) {
            let is_marker = header.attributes.is_control();
            let has_key = looked.key(|_| {})?;
            let is_tombstone = !looked.has_value()?;
            let stays = has_key && self.stays(header, front.offset_delta, is_tombstone);
            if is_marker || stays {
                rewriter.keep(front, &mut records)?;
            }
            if records.produced_bytes() - told_bytes >= STEP_BYTES {
                told_bytes = records.produced_bytes();
                pace.moved(0).await?;
            }
        }
        Ok(rewriter.finish()?)
    }
}

/// Why a batch was not filtered.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotRecords {
    #[error(transparent)]
    Record(#[from] naru_record_batch::RecordError),
    #[error(transparent)]
    Build(#[from] naru_record_batch::BuildError),
    #[error(transparent)]
    Clean(#[from] CleanError),
}
