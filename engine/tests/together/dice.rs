//! Chance that follows from a seed (SplitMix64), and futures that are given up.

use std::future::Future;
use std::pin::Pin;

#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// Others, that do not depend on how often these are thrown from now on.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }
}

/// Polls `future` at most `polls` times, then drops it: `None`. So it ends at any of its
/// awaits, as that of a client does who hangs up.
pub async fn give_up_after<T>(polls: u64, future: impl Future<Output = T>) -> Option<T> {
    let mut inner = Some(Box::pin(future));
    let mut left = polls;
    std::future::poll_fn(move |context| {
        let Some(future) = inner.as_mut() else {
            return std::task::Poll::Ready(None);
        };
        if let std::task::Poll::Ready(value) = Pin::new(future).poll(context) {
            return std::task::Poll::Ready(Some(value));
        }
        left -= 1;
        if left == 0 {
            inner = None;
            return std::task::Poll::Ready(None);
        }
        std::task::Poll::Pending
    })
    .await
}
