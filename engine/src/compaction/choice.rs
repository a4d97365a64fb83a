//! Whether a log is to be cleaned, and up to where (Kafka's LogCleanerManager).

use super::Segment;

/// How soon records are cleaned, in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// `min.compaction.lag.ms`: records are left alone for so long.
    pub min_ms: i64,
    /// `max.compaction.lag.ms`: after so long they are cleaned, whatever the ratio.
    pub max_ms: i64,
}

/// What bounds a cleaning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    pub lag: Lag,
    /// `min.cleanable.dirty.ratio`: of the bytes, what must be dirty.
    pub dirty_ratio_min: f64,
    /// Nothing from here on is cleaned: the last stable offset.
    pub stable_offset: i64,
    pub now_ms: i64,
}

/// A log that is to be cleaned.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// All of them up to where the cleaning ends.
    pub segments: Vec<Segment>,
    /// How much of them is dirty.
    pub dirty_ratio: f64,
    /// The longest lag has passed.
    pub is_overdue: bool,
}

/// A sealed segment, with its largest timestamp in ms.
pub(crate) type Dated = (Segment, i64);

impl Choice {
    /// `sealed` are all sealed segments, oldest first; what is before `clean_to` is clean.
    /// `first_dirty_ms` is the timestamp that the dirty part begins with, where it is known.
    pub(crate) fn of(
        sealed: &[Dated],
        clean_to: i64,
        first_dirty_ms: Option<i64>,
        limits: &Limits,
    ) -> Option<Self> {
        let Limits { lag, now_ms, .. } = *limits;
        let is_young = |&(segment, max_timestamp_ms): &Dated| {
            let is_dirty = segment.base_offset >= clean_to;
            is_dirty && lag.min_ms > 0 && max_timestamp_ms > now_ms.saturating_sub(lag.min_ms)
        };
        let taken = sealed
            .iter()
            .take_while(|dated| dated.0.next_offset <= limits.stable_offset && !is_young(dated));
        let segments: Vec<Segment> = taken.map(|&(segment, _)| segment).collect();
        let bytes = |is_dirty: bool| -> u64 {
            let of_kind = segments.iter();
            let of_kind = of_kind.filter(|s| (s.base_offset >= clean_to) == is_dirty);
            of_kind.map(|s| s.size_bytes).sum()
        };
        let (clean_bytes, dirty_bytes) = (bytes(false), bytes(true));
        if dirty_bytes == 0 {
            return None;
        }
        let dirty_ratio = dirty_bytes as f64 / (clean_bytes + dirty_bytes) as f64;
        let is_overdue = first_dirty_ms
            .is_some_and(|first_ms| first_ms > 0 && now_ms.saturating_sub(first_ms) > lag.max_ms);
        let is_due = dirty_ratio > limits.dirty_ratio_min || is_overdue;
        is_due.then_some(Self {
            segments,
            dirty_ratio,
            is_overdue,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segments of 100 offsets and 10 bytes, the n-th with the largest timestamp 1000 n.
    fn sealed(count: i64) -> Vec<Dated> {
        let segment = |n: i64| Segment {
            base_offset: n * 100,
            size_bytes: 10,
            next_offset: n * 100 + 100,
        };
        (0..count).map(|n| (segment(n), n * 1_000)).collect()
    }

    const LIMITS: Limits = Limits {
        lag: Lag {
            min_ms: 0,
            max_ms: i64::MAX,
        },
        dirty_ratio_min: 0.5,
        stable_offset: i64::MAX,
        now_ms: 10_000,
    };

    fn choose(clean_to: i64, limits: Limits) -> Option<(usize, f64, bool)> {
        let choice = Choice::of(&sealed(8), clean_to, Some(4_000), &limits)?;
        Some((choice.segments.len(), choice.dirty_ratio, choice.is_overdue))
    }

    #[test]
    fn the_dirty_ratio_must_be_exceeded() {
        assert_eq!(choose(0, LIMITS), Some((8, 1.0, false)));
        assert_eq!(choose(300, LIMITS), Some((8, 0.625, false)));
        assert_eq!(choose(400, LIMITS), None);
        let dirty_ratio_min = 0.0;
        let limits = Limits {
            dirty_ratio_min,
            ..LIMITS
        };
        assert_eq!(choose(700, limits), Some((8, 0.125, false)));
        assert_eq!(choose(800, limits), None);
    }

    #[test]
    fn nothing_from_the_last_stable_offset_on_is_taken() {
        let stable = |stable_offset| Limits {
            stable_offset,
            ..LIMITS
        };
        assert_eq!(choose(0, stable(399)).map(|c| c.0), Some(3));
        assert_eq!(choose(0, stable(400)).map(|c| c.0), Some(4));
        assert_eq!(choose(0, stable(99)), None);
    }

    #[test]
    fn what_is_younger_than_the_least_lag_is_left_alone() {
        let least = |min_ms| Limits {
            lag: Lag {
                min_ms,
                ..LIMITS.lag
            },
            ..LIMITS
        };
        // Segments up to the timestamp 5000 are old enough.
        assert_eq!(choose(0, least(5_000)).map(|c| c.0), Some(6));
        assert_eq!(choose(0, least(10_001)), None);
        // What is clean was old enough once.
        let limits = Limits {
            dirty_ratio_min: 0.4,
            ..least(8_500)
        };
        assert_eq!(choose(100, limits).map(|c| c.0), Some(2));
    }

    #[test]
    fn after_the_longest_lag_the_ratio_does_not_count() {
        let longest = |max_ms| Limits {
            lag: Lag {
                max_ms,
                ..LIMITS.lag
            },
            ..LIMITS
        };
        assert_eq!(choose(700, longest(6_000)), None);
        assert_eq!(choose(700, longest(5_999)), Some((8, 0.125, true)));
    }
}
