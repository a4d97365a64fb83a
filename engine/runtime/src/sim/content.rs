//! What a simulated file holds: what reads see, what is safe, and the changes in between.
//!
//! A change that was not synced may, at a power cut, be dropped, kept, or torn into pieces
//! of 512 bytes of which any may be missing; where asked for ([`Tear::WithinSectors`]), also
//! within one of them. Changes of the length happen in their order, as a journal keeps them,
//! but independently of the data: a file may be long and empty, or short although its data
//! was written.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use bytes::Bytes;

use super::rng::Rng;
use crate::Aligned;

const PAGE_BYTES: usize = 4096;
/// What a device writes whole or not at all, in bytes.
const SECTOR_BYTES: usize = 512;

/// What a device may leave of a write that was not synced, or was under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tear {
    /// Any of its sectors, each whole.
    #[default]
    Sectors,
    /// As above, and of some sectors only the beginning or only the end.
    WithinSectors,
}

/// A sequence of bytes that is cheap to copy.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    length: u64,
    /// By number; one that is missing is all zeros.
    pages: BTreeMap<u64, Rc<[u8; PAGE_BYTES]>>,
    /// Numbers of pages that were reserved; they take room, written or not.
    reserved: BTreeSet<u64>,
}

impl Pages {
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Cuts, or lengthens with zeros.
    pub fn set_length(&mut self, length: u64) {
        if length < self.length {
            let first_gone = length.div_ceil(PAGE_BYTES as u64);
            self.pages.split_off(&first_gone);
            self.reserved.split_off(&first_gone);
            let kept = (length % PAGE_BYTES as u64) as usize;
            if kept > 0
                && let Some(page) = self.pages.get_mut(&(length / PAGE_BYTES as u64))
            {
                Rc::make_mut(page)[kept..].fill(0);
            }
        }
        self.length = length;
    }

    fn takes_room(&self, page: u64) -> bool {
        self.pages.contains_key(&page) || self.reserved.contains(&page)
    }

    /// Puts `data` at `position`; what is beyond the end is lost.
    fn put(&mut self, mut position: u64, mut data: &[u8]) {
        while !data.is_empty() && position < self.length {
            let at = (position % PAGE_BYTES as u64) as usize;
            let left = (self.length - position).min(PAGE_BYTES as u64) as usize;
            let count = data.len().min(PAGE_BYTES - at).min(left);
            let (now, later) = data.split_at(count);
            let page = self
                .pages
                .entry(position / PAGE_BYTES as u64)
                .or_insert_with(|| Rc::new([0; PAGE_BYTES]));
            if page[at..at + count] != *now {
                Rc::make_mut(page)[at..at + count].copy_from_slice(now);
            }
            position += count as u64;
            data = later;
        }
    }

    /// Up to `length` bytes from `position` on.
    pub fn read(&self, position: u64, length: usize) -> Bytes {
        let length = (self.length.saturating_sub(position)).min(length as u64) as usize;
        let mut out = Aligned::new(length);
        out.fill(0);
        let mut filled = 0;
        while filled < length {
            let from = position + filled as u64;
            let at = (from % PAGE_BYTES as u64) as usize;
            let count = (PAGE_BYTES - at).min(length - filled);
            if let Some(page) = self.pages.get(&(from / PAGE_BYTES as u64)) {
                out[filled..filled + count].copy_from_slice(&page[at..at + count]);
            }
            filled += count;
        }
        out.freeze()
    }
}

#[derive(Clone, Debug)]
enum Change {
    Write {
        position: u64,
        data: Vec<Bytes>,
    },
    /// The file became this long: cut, lengthened, or written beyond its end.
    Length(u64),
    /// Made safe out of its turn.
    Safe,
}

/// One file.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    seen: Pages,
    safe: Pages,
    /// Not synced, in the order of their completion, numbered without a gap.
    changes: Vec<Change>,
    changes_before: u64,
}

impl Content {
    pub fn length(&self) -> u64 {
        self.seen.length()
    }

    pub fn read(&self, position: u64, length: usize) -> Bytes {
        self.seen.read(position, length)
    }

    pub fn set_length(&mut self, length: u64) {
        self.seen.set_length(length);
        self.changes.push(Change::Length(length));
    }

    /// The room that the file takes, in bytes.
    pub fn taken_bytes(&self) -> u64 {
        let written = self.seen.pages.keys();
        let only_reserved = written.filter(|page| !self.seen.reserved.contains(page));
        (only_reserved.count() + self.seen.reserved.len()) as u64 * PAGE_BYTES as u64
    }

    /// How far a write or a reservation of `position..end` gets with `room_bytes`: to `end`,
    /// or to the first page for which there is no room.
    pub fn fits_to(&self, position: u64, end: u64, mut room_bytes: u64) -> u64 {
        for page in position / PAGE_BYTES as u64..end.div_ceil(PAGE_BYTES as u64) {
            if self.seen.takes_room(page) {
                continue;
            }
            if room_bytes < PAGE_BYTES as u64 {
                return (page * PAGE_BYTES as u64).max(position);
            }
            room_bytes -= PAGE_BYTES as u64;
        }
        end
    }

    /// Takes room for `position..end` without writing there.
    pub fn reserve(&mut self, position: u64, end: u64) {
        let pages = position / PAGE_BYTES as u64..end.div_ceil(PAGE_BYTES as u64);
        self.seen.reserved.extend(pages);
        if end > self.seen.length() {
            self.set_length(end);
        }
    }

    pub fn write(&mut self, position: u64, data: &[Bytes]) {
        let bytes: usize = data.iter().map(Bytes::len).sum();
        let end = position + bytes as u64;
        if end > self.seen.length() {
            self.set_length(end);
        }
        put_whole(&mut self.seen, position, data);
        self.changes.push(Change::Write {
            position,
            data: data.to_vec(),
        });
    }

    /// A write that ended in the middle: any of its sectors may be there.
    pub fn write_torn(&mut self, position: u64, data: &[Bytes], tear: Tear, rng: &mut Rng) {
        let mut at = position;
        for piece in data {
            for part in torn(at, piece, tear, rng) {
                let place = at + part.start as u64;
                self.write(place, &[piece.slice(part)]);
            }
            at += piece.len() as u64;
        }
    }

    /// How many changes there were, for [`Self::sync`].
    pub fn changes_count(&self) -> u64 {
        self.changes_before + self.changes.len() as u64
    }

    /// Makes safe what was changed before the count was `until`.
    pub fn sync(&mut self, until: u64) {
        let count = until.saturating_sub(self.changes_before) as usize;
        let count = count.min(self.changes.len());
        for change in self.changes.drain(..count) {
            match &change {
                Change::Length(length) => self.safe.set_length(*length),
                Change::Write { position, data } => put_whole(&mut self.safe, *position, data),
                Change::Safe => {}
            }
        }
        self.changes_before += count as u64;
    }

    /// Makes the last write safe, and lengths before it, but no other write: only what it wrote
    /// over cannot come back.
    pub fn sync_last_write(&mut self) {
        let range_of = |change: &Change| match change {
            Change::Write { position, data } => {
                let bytes: usize = data.iter().map(Bytes::len).sum();
                Some(*position..position + bytes as u64)
            }
            _ => None,
        };
        let Some(last) = self.changes.last().and_then(range_of) else {
            return;
        };
        for change in &mut self.changes {
            match change {
                Change::Length(length) => self.safe.set_length(*length),
                Change::Write { position, data } => {
                    let range = range_of(&Change::Write {
                        position: *position,
                        data: data.clone(),
                    });
                    if range.is_none_or(|r| r.end <= last.start || last.end <= r.start) {
                        continue;
                    }
                    put_whole(&mut self.safe, *position, data);
                }
                Change::Safe => {}
            }
            *change = Change::Safe;
        }
    }

    /// A sync that failed: reads go on to see the data, but it will never be safe, as
    /// though a later sync had nothing left to do.
    pub fn lose_changes(&mut self) {
        self.changes_before += self.changes.len() as u64;
        self.changes.clear();
    }

    /// The power is gone: what is left is what was safe, and what got there by chance.
    pub fn lose_power(&mut self, tear: Tear, rng: &mut Rng) {
        let lengths = self.changes.iter();
        let lengths = lengths.filter(|c| matches!(c, Change::Length(_))).count();
        let mut lengths_kept = rng.below(lengths + 1);
        for change in std::mem::take(&mut self.changes) {
            match &change {
                Change::Length(length) => {
                    if lengths_kept > 0 {
                        lengths_kept -= 1;
                        self.safe.set_length(*length);
                    }
                }
                Change::Write { position, data } => match rng.below(4) {
                    0 => {}
                    1 => put_whole(&mut self.safe, *position, data),
                    _ => put_torn(&mut self.safe, *position, data, tear, rng),
                },
                Change::Safe => {}
            }
        }
        self.changes_before = 0;
        self.seen = self.safe.clone();
    }

    /// Turns a bit over, wherever the byte is kept.
    pub fn flip_bit(&mut self, position: u64, bit: u8) {
        for pages in [&mut self.seen, &mut self.safe] {
            if let [byte] = pages.read(position, 1)[..] {
                pages.put(position, &[byte ^ (1 << (bit % 8))]);
            }
        }
    }
}

/// The parts of a piece at `position` that a torn write leaves: of any of its sectors.
fn torn(position: u64, piece: &Bytes, tear: Tear, rng: &mut Rng) -> Vec<Range<usize>> {
    let left = sectors(position, piece).filter_map(|sector| {
        let is_left = rng.coin();
        match tear {
            Tear::Sectors => is_left.then_some(sector),
            Tear::WithinSectors => {
                let cut = sector.start + rng.below(sector.len() + 1);
                // One of four is torn itself.
                match (rng.below(8), is_left) {
                    (0, _) => Some(sector.start..cut),
                    (1, _) => Some(cut..sector.end),
                    (_, is_left) => is_left.then_some(sector),
                }
            }
        }
    });
    left.filter(|part| !part.is_empty()).collect()
}

/// The part of a piece at `position` that each sector holds.
fn sectors(position: u64, piece: &Bytes) -> impl Iterator<Item = Range<usize>> {
    let first = SECTOR_BYTES - (position % SECTOR_BYTES as u64) as usize;
    let length = piece.len();
    let mut start = 0;
    std::iter::from_fn(move || {
        let end = if start == 0 {
            first
        } else {
            start + SECTOR_BYTES
        }
        .min(length);
        let sector = start..end;
        start = end;
        (!sector.is_empty()).then_some(sector)
    })
}

fn put_whole(pages: &mut Pages, mut position: u64, data: &[Bytes]) {
    for piece in data {
        pages.put(position, piece);
        position += piece.len() as u64;
    }
}

/// Puts what is left of a torn write.
fn put_torn(pages: &mut Pages, mut position: u64, data: &[Bytes], tear: Tear, rng: &mut Rng) {
    for piece in data {
        for part in torn(position, piece, tear, rng) {
            pages.put(position + part.start as u64, &piece[part]);
        }
        position += piece.len() as u64;
    }
}
