//! Things that are loaded once for all who want them, and kept while there is room.
//!
//! A load hands its result to those who wait through itself, whether or not the result is
//! kept: what others load meanwhile takes nothing away from them. One that fails gives its
//! error to those who wait, once; whoever comes later starts another. It ends in any case: a
//! [`Loading`] that is dropped is a failure.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::Arc;

use naru_runtime::sync::Notify;

use super::lru::Lru;

/// An I/O error that several are told of.
#[derive(Clone, Debug)]
pub(super) struct LoadError {
    pub cause: Arc<str>,
}

impl From<io::Error> for LoadError {
    fn from(error: io::Error) -> Self {
        Self {
            cause: error.to_string().into(),
        }
    }
}

/// What is being loaded.
pub(super) struct Load<V> {
    /// How much of it there will be for those who join.
    promised: usize,
    weight: usize,
    result: OnceCell<Result<V, LoadError>>,
    ended: Notify,
}

/// Something that is there, or will be.
pub(super) enum Source<V> {
    Kept(V),
    Loading(Rc<Load<V>>),
}

impl<V: Clone> Source<V> {
    pub async fn get(self) -> Result<V, LoadError> {
        let load = match self {
            Self::Kept(value) => return Ok(value),
            Self::Loading(load) => load,
        };
        loop {
            if let Some(result) = load.result.get() {
                return result.clone();
            }
            load.ended.wait().await;
        }
    }
}

pub(super) struct Shelf<K, V>(Rc<RefCell<Inner<K, V>>>);

struct Inner<K, V> {
    kept: Lru<K, V>,
    loading: BTreeMap<K, Rc<Load<V>>>,
    /// What the loads under way weigh, also those that others took over.
    loading_weight: usize,
}

impl<K: Ord + Copy, V: Clone> Shelf<K, V> {
    pub fn new() -> Self {
        Self(Rc::new(RefCell::new(Inner {
            kept: Lru::new(),
            loading: BTreeMap::new(),
            loading_weight: 0,
        })))
    }

    /// What is kept and what is being loaded, weighed.
    pub fn weight(&self) -> usize {
        let inner = self.0.borrow();
        inner.kept.weight() + inner.loading_weight
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.0.borrow().kept.len()
    }

    /// See [`Lru::turn`].
    pub fn turn(&self) -> u64 {
        self.0.borrow().kept.turn()
    }

    /// Whether it is kept or being loaded, without it being used.
    pub fn is_known(&self, key: &K) -> bool {
        let inner = self.0.borrow();
        inner.kept.peek(key).is_some() || inner.loading.contains_key(key)
    }

    /// What is kept if `is_enough`, or a load that was promised to have `needed`.
    pub fn find(
        &self,
        key: &K,
        needed: usize,
        is_enough: impl FnOnce(&V) -> bool,
    ) -> Option<Source<V>> {
        let mut inner = self.0.borrow_mut();
        if inner.kept.peek(key).is_some_and(is_enough) {
            return inner.kept.get(key).cloned().map(Source::Kept);
        }
        let load = inner.loading.get(key)?;
        (load.promised >= needed).then(|| Source::Loading(Rc::clone(load)))
    }

    /// Begins a load; the caller sees to it that it ends. Those who wait for an earlier one
    /// of the same key go on waiting for that. `promised` is what whoever joins can rely on; it
    /// may weigh more.
    pub fn begin(&self, key: K, promised: usize, weight: usize) -> Loading<K, V> {
        let load = Rc::new(Load {
            promised,
            weight,
            result: OnceCell::new(),
            ended: Notify::new(),
        });
        let mut inner = self.0.borrow_mut();
        inner.loading.insert(key, Rc::clone(&load));
        inner.loading_weight += weight;
        Loading {
            shelf: Self(Rc::clone(&self.0)),
            key,
            load,
        }
    }

    pub fn pop_oldest(&self) -> Option<K> {
        let oldest = self.0.borrow_mut().kept.pop_oldest();
        oldest.map(|(key, _)| key)
    }

    /// Lets go of what is in `keys` and was used last in `turn` or before.
    pub fn release(&self, keys: RangeInclusive<K>, turn: u64) {
        self.0.borrow_mut().kept.remove_unused(keys, turn);
    }

    /// As [`Self::release`], whenever it was used; and nobody joins a load of these any more.
    pub fn forget(&self, keys: RangeInclusive<K>) {
        let mut inner = self.0.borrow_mut();
        inner.kept.remove_unused(keys.clone(), u64::MAX);
        inner.loading.retain(|key, _| !keys.contains(key));
    }
}

/// A load under way, in the hands of who does it.
pub(super) struct Loading<K: Ord + Copy, V: Clone> {
    shelf: Shelf<K, V>,
    key: K,
    load: Rc<Load<V>>,
}

impl<K: Ord + Copy, V: Clone> Loading<K, V> {
    pub fn source(&self) -> Source<V> {
        Source::Loading(Rc::clone(&self.load))
    }

    /// Gives the result to all who wait, and keeps it if `keep` is its weight and nobody
    /// has started another load, or forgotten this one, meanwhile.
    pub fn end(self, result: Result<V, LoadError>, keep: Option<usize>) {
        {
            let mut inner = self.shelf.0.borrow_mut();
            let latest = inner.loading.get(&self.key);
            let is_latest = latest.is_some_and(|latest| Rc::ptr_eq(latest, &self.load));
            if is_latest && let (Ok(value), Some(weight)) = (&result, keep) {
                inner.kept.insert(self.key, value.clone(), weight);
            }
        }
        // The rest is what becomes of every load.
        let is_first = self.load.result.set(result).is_ok();
        assert!(is_first, "a load has ended twice");
    }
}

impl<K: Ord + Copy, V: Clone> Drop for Loading<K, V> {
    fn drop(&mut self) {
        {
            let mut inner = self.shelf.0.borrow_mut();
            let latest = inner.loading.get(&self.key);
            if latest.is_some_and(|latest| Rc::ptr_eq(latest, &self.load)) {
                inner.loading.remove(&self.key);
            }
            inner.loading_weight -= self.load.weight;
        }
        self.load.result.get_or_init(|| {
            Err(LoadError {
                cause: "the load was given up".into(),
            })
        });
        self.load.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<V: Clone>(source: Source<V>) -> Poll<Result<V, LoadError>> {
        pin!(source.get()).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn find(shelf: &Shelf<u8, u8>, needed: usize) -> Option<Source<u8>> {
        shelf.find(&1, needed, |&value| usize::from(value) >= needed)
    }

    #[test]
    fn a_result_reaches_those_who_wait_although_it_is_not_kept() {
        let shelf = Shelf::new();
        let loading = shelf.begin(1, 5, 5);
        let joined = find(&shelf, 5).unwrap();
        let mut waiting = Box::pin(joined.get());
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        assert_eq!(shelf.weight(), 5);
        loading.end(Ok(5), None);
        assert!(matches!(
            waiting.as_mut().poll(&mut context),
            Poll::Ready(Ok(5))
        ));
        assert_eq!((shelf.weight(), shelf.len()), (0, 0));
        assert!(find(&shelf, 5).is_none());
    }

    #[test]
    fn nobody_joins_a_load_that_will_not_have_enough() {
        let shelf = Shelf::new();
        let short = shelf.begin(1, 5, 5);
        assert!(find(&shelf, 6).is_none());
        let long = shelf.begin(1, 6, 6);
        let (waits_short, waits_long) = (short.source(), find(&shelf, 6).unwrap());
        long.end(Ok(6), Some(6));
        short.end(Ok(5), Some(5));
        assert!(matches!(poll(waits_short), Poll::Ready(Ok(5))));
        assert!(matches!(poll(waits_long), Poll::Ready(Ok(6))));
        // The longer one is kept, though the shorter one came later.
        assert!(matches!(find(&shelf, 6), Some(Source::Kept(6))));
        assert_eq!(shelf.weight(), 6);
    }

    #[test]
    fn a_failure_is_told_to_those_who_wait_and_to_nobody_later() {
        let shelf = Shelf::<u8, u8>::new();
        let loading = shelf.begin(1, 5, 5);
        let joined = find(&shelf, 5).unwrap();
        loading.end(Err(io::Error::other("broken").into()), Some(5));
        assert!(matches!(poll(joined), Poll::Ready(Err(error)) if &*error.cause == "broken"));
        assert!(find(&shelf, 5).is_none());

        let loading = shelf.begin(1, 5, 5);
        let joined = find(&shelf, 5).unwrap();
        drop(loading);
        assert!(matches!(poll(joined), Poll::Ready(Err(_))));
        assert!(find(&shelf, 5).is_none());
        assert_eq!(shelf.weight(), 0);
    }

    #[test]
    fn what_is_forgotten_while_it_is_loaded_is_not_kept() {
        let shelf = Shelf::new();
        let loading = shelf.begin(1, 5, 5);
        shelf.forget(0..=9);
        assert!(find(&shelf, 5).is_none());
        loading.end(Ok(5), Some(5));
        assert_eq!((shelf.weight(), shelf.len()), (0, 0));
    }
}
