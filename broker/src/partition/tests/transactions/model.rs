//! A partition's log as a list, and what follows from it by the book.

use naru_engine::log::AbortedTransaction;

use super::super::super::TransactionResult;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Plain,
    Transactional,
    Marker(TransactionResult),
}

/// A batch of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub base_offset: i64,
    pub next_offset: i64,
    pub producer_id: i64,
    pub epoch: i16,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug)]
struct Transaction {
    producer_id: i64,
    first_offset: i64,
    end: Option<(i64, TransactionResult)>,
}

#[derive(Clone, Debug, Default)]
pub struct Model {
    pub entries: Vec<Entry>,
}

/// Where a producer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    pub epoch: i16,
    pub next_sequence: i32,
    pub is_open: bool,
}

impl Model {
    pub fn end_offset(&self) -> i64 {
        self.entries.last().map_or(0, |entry| entry.next_offset)
    }

    /// The batches that end at or below `offset`.
    pub fn cut(&mut self, offset: i64) {
        self.entries.retain(|entry| entry.next_offset <= offset);
    }

    pub fn sender(&self, producer_id: i64) -> Sender {
        let mut sender = Sender {
            epoch: 0,
            next_sequence: 0,
            is_open: false,
        };
        let own = self.entries.iter().filter(|e| e.producer_id == producer_id);
        for entry in own {
            if entry.epoch != sender.epoch {
                sender.epoch = entry.epoch;
                sender.next_sequence = 0;
            }
            match entry.kind {
                Kind::Marker(_) => sender.is_open = false,
                kind => {
                    sender.is_open |= kind == Kind::Transactional;
                    sender.next_sequence += (entry.next_offset - entry.base_offset) as i32;
                }
            }
        }
        sender
    }

    fn transactions(&self) -> Vec<Transaction> {
        let mut all: Vec<Transaction> = Vec::new();
        for entry in &self.entries {
            let is_own =
                |t: &&mut Transaction| t.producer_id == entry.producer_id && t.end.is_none();
            let open = all.iter_mut().find(is_own);
            match (entry.kind, open) {
                (Kind::Transactional, None) => all.push(Transaction {
                    producer_id: entry.producer_id,
                    first_offset: entry.base_offset,
                    end: None,
                }),
                (Kind::Marker(result), Some(open)) => open.end = Some((entry.base_offset, result)),
                _ => {}
            }
        }
        all
    }

    pub fn last_stable_offset(&self, high_watermark: i64) -> i64 {
        let transactions = self.transactions().into_iter();
        let undecided =
            transactions.filter(|t| t.end.is_none_or(|(marker, _)| marker >= high_watermark));
        let first = undecided.map(|t| t.first_offset).min();
        first.map_or(high_watermark, |first| first.min(high_watermark))
    }

    /// Those that a reader of `from..end` meets, in the order of their markers.
    pub fn aborted(&self, from: i64, end: i64) -> Vec<AbortedTransaction> {
        let all = self.transactions();
        let aborted = all.iter().filter_map(|t| match t.end {
            Some((marker, TransactionResult::Abort)) => Some((t, marker)),
            _ => None,
        });
        let aborted = aborted.filter(|(t, marker)| *marker >= from && t.first_offset < end);
        let mut found: Vec<_> = aborted
            .map(|(t, marker)| {
                let others = all.iter().filter(|other| {
                    let ends_later = other.end.is_none_or(|(end, _)| end > marker);
                    other.first_offset < marker && ends_later
                });
                let first = others.map(|other| other.first_offset).min();
                AbortedTransaction {
                    producer_id: t.producer_id,
                    first_offset: t.first_offset,
                    last_offset: marker,
                    last_stable_offset: first.unwrap_or(marker + 1),
                }
            })
            .collect();
        found.sort_by_key(|transaction| transaction.last_offset);
        found
    }

    /// The batches of `from..end` with records that an application sees, by their base offsets.
    pub fn visible(&self, from: i64, end: i64) -> Vec<i64> {
        let all = self.transactions();
        let is_committed = |entry: &Entry| {
            let own = all.iter().filter(|t| t.producer_id == entry.producer_id);
            let mut own = own.filter(|t| t.first_offset <= entry.base_offset);
            let of = own.find(|t| t.end.is_some_and(|(marker, _)| marker > entry.base_offset));
            matches!(
                of,
                Some(Transaction {
                    end: Some((_, TransactionResult::Commit)),
                    ..
                })
            )
        };
        let entries = self.entries.iter();
        let entries = entries.filter(|e| e.next_offset > from && e.next_offset <= end);
        let visible = entries.filter(|entry| match entry.kind {
            Kind::Plain => true,
            Kind::Transactional => is_committed(entry),
            Kind::Marker(_) => false,
        });
        visible.map(|entry| entry.base_offset).collect()
    }
}
