//! Counts of one thread, for those who watch the process: plain cells, no lock and no atomic.
//! Whoever wants them asks the thread for a copy.

use std::cell::Cell;
use std::time::Duration;

/// Buckets of a [`Histogram`] that have an upper bound.
const BOUNDED_BUCKETS: usize = 22;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(Cell<u64>);

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.set(self.0.get().wrapping_add(count));
    }

    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

/// How often values of which size were seen: a bucket for each power of two in a range, one for
/// what is above it. What is below counts in the first bucket.
#[derive(Debug)]
pub struct Histogram {
    /// The first bucket holds values up to 2 to the power of this.
    first_power: u32,
    buckets: [Counter; BOUNDED_BUCKETS + 1],
    sum: Counter,
}

impl Histogram {
    /// For durations: from 16 µs to 34 s.
    pub fn of_durations() -> Self {
        Self::from_power(4)
    }

    /// For sizes: from 64 bytes to 128 MiB.
    pub fn of_bytes() -> Self {
        Self::from_power(6)
    }

    fn from_power(first_power: u32) -> Self {
        Self {
            first_power,
            buckets: Default::default(),
            sum: Counter::default(),
        }
    }

    pub fn record(&self, value: u64) {
        // The least power of two that is not below the value.
        let power = u64::BITS - value.saturating_sub(1).leading_zeros();
        let bucket = power.saturating_sub(self.first_power) as usize;
        self.buckets[bucket.min(BOUNDED_BUCKETS)].add(1);
        self.sum.add(value);
    }

    /// In microseconds.
    pub fn record_duration(&self, duration: Duration) {
        self.record(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    pub fn copy(&self) -> Distribution {
        Distribution {
            first_power: self.first_power,
            buckets: std::array::from_fn(|bucket| self.buckets[bucket].get()),
            sum: self.sum.get(),
        }
    }
}

/// What a [`Histogram`] had at one moment, or several had together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    first_power: u32,
    buckets: [u64; BOUNDED_BUCKETS + 1],
    pub sum: u64,
}

impl Distribution {
    /// Adds what another histogram of the same kind had.
    pub fn add(&mut self, other: &Self) {
        assert_eq!(self.first_power, other.first_power, "of the same kind");
        for (own, other) in self.buckets.iter_mut().zip(other.buckets) {
            *own += other;
        }
        self.sum += other.sum;
    }

    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// For each bucket that has one, its upper bound and how many values are not above it.
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        let bounds = (self.first_power..).map(|power| 1 << power);
        let mut count = 0;
        let counts = self.buckets.iter().map(move |in_bucket| {
            count += in_bucket;
            count
        });
        bounds.zip(counts).take(BOUNDED_BUCKETS)
    }
}

/// How a thread has spent its time since its runtime was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadTimes {
    /// Not waiting in the kernel for something to happen.
    pub busy: Duration,
    pub waiting: Duration,
    /// Turns of its loop.
    pub turns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_in_the_first_bucket_that_is_not_below_it() {
        let histogram = Histogram::of_durations();
        for value in [0, 1, 16, 17, 32, 33, 1 << 25, (1 << 25) + 1, u64::MAX / 2] {
            histogram.record(value);
        }
        let copy = histogram.copy();
        assert_eq!(copy.count(), 9);
        let at = |bound| copy.cumulative().find(|(b, _)| *b == bound).unwrap().1;
        assert_eq!((at(16), at(32), at(64)), (3, 5, 6));
        assert_eq!(copy.cumulative().last().unwrap(), (1 << 25, 7));
    }

    #[test]
    fn histograms_add_up() {
        let (one, other) = (Histogram::of_bytes(), Histogram::of_bytes());
        one.record(100);
        other.record(100);
        other.record(1 << 40);
        let mut sum = one.copy();
        sum.add(&other.copy());
        assert_eq!((sum.count(), sum.sum), (3, 200 + (1 << 40)));
        assert_eq!(sum.cumulative().nth(1).unwrap(), (128, 2));
    }
}
