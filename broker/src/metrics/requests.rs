//! Requests by API: how many, how long, and which errors they were answered with.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use naru_runtime::{Distribution, Handle, Histogram};
use naru_wire::{ApiKey, ErrorCode};

use super::ShardMetrics;

/// The requests of one shard.
pub struct Requests {
    /// By the API's code.
    durations: Box<[Histogram]>,
    /// As many entries as there are pairs of an API and an error of it that have come up.
    errors: RefCell<BTreeMap<(ApiKey, ErrorCode), u64>>,
}

impl Default for Requests {
    fn default() -> Self {
        let codes = ApiKey::CODED.iter().map(|key| key.code());
        let code_max = codes.max().unwrap_or(0);
        Self {
            durations: (0..=code_max).map(|_| Histogram::of_durations()).collect(),
            errors: RefCell::default(),
        }
    }
}

impl Requests {
    /// An API's histogram; `None` of one that is not served.
    fn durations(&self, key: ApiKey) -> Option<&Histogram> {
        self.durations.get(usize::try_from(key.code()).ok()?)
    }

    pub fn note_errors(&self, key: ApiKey, errors: &[(ErrorCode, u32)]) {
        if errors.is_empty() {
            return;
        }
        let mut known = self.errors.borrow_mut();
        for (error, count) in errors {
            *known.entry((key, *error)).or_default() += u64::from(*count);
        }
    }

    pub fn copy(&self) -> RequestCounts {
        let durations = ApiKey::CODED.iter().filter_map(|key| {
            let copy = self.durations(*key)?.copy();
            (copy.count() > 0).then_some((*key, copy))
        });
        RequestCounts {
            durations: durations.collect(),
            errors: self.errors.borrow().clone(),
        }
    }
}

/// What [`Requests`] had at one moment, or those of several shards together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// Of the APIs that were asked for.
    pub durations: BTreeMap<ApiKey, Distribution>,
    pub errors: BTreeMap<(ApiKey, ErrorCode), u64>,
}

impl RequestCounts {
    pub fn add(&mut self, other: &Self) {
        for (key, other) in &other.durations {
            match self.durations.get_mut(key) {
                Some(own) => own.add(other),
                None => {
                    self.durations.insert(*key, other.clone());
                }
            }
        }
        for (pair, count) in &other.errors {
            *self.errors.entry(*pair).or_default() += count;
        }
    }
}

/// Counts a request when it is dropped: when its answer is ready, or its connection is over.
pub struct RequestTimer {
    metrics: Rc<ShardMetrics>,
    io: Handle,
    key: ApiKey,
    began: Instant,
}

impl RequestTimer {
    /// `began` is when the request had been received.
    pub fn new(metrics: &Rc<ShardMetrics>, io: &Handle, key: ApiKey, began: Instant) -> Self {
        Self {
            metrics: Rc::clone(metrics),
            io: io.clone(),
            key,
            began,
        }
    }
}

impl Drop for RequestTimer {
    fn drop(&mut self) {
        if let Some(durations) = self.metrics.requests.durations(self.key) {
            let now = self.io.now();
            durations.record_duration(now.saturating_duration_since(self.began));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_shards_add_up_by_api_and_error() {
        let (one, other) = (Requests::default(), Requests::default());
        one.durations(ApiKey::Produce).unwrap().record(100);
        other.durations(ApiKey::Produce).unwrap().record(100);
        other.durations(ApiKey::Fetch).unwrap().record(100);
        one.note_errors(ApiKey::Fetch, &[(ErrorCode::OffsetOutOfRange, 2)]);
        other.note_errors(ApiKey::Fetch, &[(ErrorCode::OffsetOutOfRange, 1)]);
        other.note_errors(ApiKey::Fetch, &[]);
        let mut sum = one.copy();
        sum.add(&other.copy());
        let counts = sum.durations.iter().map(|(key, d)| (*key, d.count()));
        assert_eq!(
            counts.collect::<Vec<_>>(),
            [(ApiKey::Produce, 2), (ApiKey::Fetch, 1)]
        );
        let errors: Vec<_> = sum.errors.into_iter().collect();
        assert_eq!(errors, [((ApiKey::Fetch, ErrorCode::OffsetOutOfRange), 3)]);
    }
}
