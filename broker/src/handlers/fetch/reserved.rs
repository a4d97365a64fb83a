//! A round of a fetch with its memory: reserved before anything is read, and what turns
//! out to be too much is given back. While a fetch waits for more records it holds none.

use std::rc::Rc;

use bytes::Bytes;

use super::read::{ByOwner, Found, Wanted, read_all};
use crate::memory::Reservation;
use crate::shard::Shard;

/// Slices below this are copied, in bytes: each would keep a whole chunk of a tail or of
/// what was read ahead for as long as its reader takes.
const SLICE_BYTES_MIN: usize = 16 << 10;

/// What a slice keeps at most beyond itself, in bytes: the largest chunk of a tail, and an
/// extent of a segment.
const PINNED_BYTES_MAX: usize = 1 << 20;

/// What a fetch reads at most while memory for answers is tight, in bytes: a few readers
/// who never read must not have all of it. A batch of the default limit fits.
const TIGHT_BYTES_MAX: usize = (1 << 20) + (64 << 10);

/// What the partitions had, and the memory that it takes.
pub struct Round {
    pub found: Vec<Option<Found>>,
    pub memory: Reservation,
    /// Memory is tight, and less was read than the fetch asked for: what there is is its
    /// answer, however many bytes it wanted to wait for.
    is_cut: bool,
}

impl Round {
    /// Whether this is worth an answer to a fetch that wants `bytes_min`.
    pub fn is_enough(&self, bytes_min: usize) -> bool {
        let bytes = self.records_bytes();
        bytes >= bytes_min || (self.is_cut && bytes > 0)
    }

    fn records_bytes(&self) -> usize {
        self.found.iter().flatten().map(Found::records_bytes).sum()
    }
}

/// Reads all of `owners` within `bytes_max`. The first batch may be larger (KIP-74); where
/// topics allow batches that do not fit into what was reserved, it is read only if it
/// is in the way, and reserved anew.
pub async fn read_round(
    shard: &Rc<Shard>,
    owners: &ByOwner,
    places: usize,
    bytes_max: usize,
) -> Round {
    let wanted = || {
        owners
            .iter()
            .flat_map(|(_, group)| group.iter())
            .map(|(_, one)| one)
    };
    let asked = wanted().fold(0_usize, |sum, one| sum.saturating_add(one.bytes_max));
    let batch_max = wanted().map(|one| one.batch_bytes_max).max().unwrap_or(0);
    let is_cut = shard.memory.are_answers_tight() && bytes_max.min(asked) > TIGHT_BYTES_MAX;
    let bytes_max = if is_cut { TIGHT_BYTES_MAX } else { bytes_max };
    let usual = bytes_max.min(asked);
    let fits = batch_max <= usual.max(TIGHT_BYTES_MAX);
    let reserved = if fits { usual.max(batch_max) } else { usual };

    let mut memory = shard.memory.reserve_answer(reserved).await;
    let mut found = read_all(shard, owners, places, bytes_max, fits).await;
    if !fits && wanted_more(owners, &found) {
        memory.set_bytes(0);
        memory = shard.memory.reserve_answer(usual.max(batch_max)).await;
        found = read_all(shard, owners, places, bytes_max, true).await;
    }
    let mut held_bytes = 0;
    for records in found.iter_mut().flatten().flat_map(|one| &mut one.records) {
        if records.len() < SLICE_BYTES_MIN {
            *records = Bytes::copy_from_slice(records);
            held_bytes += records.len();
        } else {
            held_bytes += records.len().max(PINNED_BYTES_MAX);
        }
    }
    memory.set_bytes(held_bytes);
    Round {
        found,
        memory,
        is_cut,
    }
}

/// Whether nothing was read though there is something: its first batch is too large.
fn wanted_more(owners: &ByOwner, found: &[Option<Found>]) -> bool {
    let has_none = found.iter().flatten().all(|one| one.records.is_empty());
    let has_more = |place: usize, wanted: &Wanted| {
        let found = found.get(place).and_then(Option::as_ref);
        found.is_some_and(|one| one.readable_end(wanted.isolation) > wanted.fetch_offset)
    };
    let mut groups = owners.iter().flat_map(|(_, group)| group.iter());
    has_none && groups.any(|(place, wanted)| has_more(*place, wanted))
}
