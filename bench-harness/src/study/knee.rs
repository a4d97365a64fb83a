//! Where a curve stops paying: pure functions over (size, value) pairs in ascending order of the
//! size.

/// A size whose throughput is this share of the best is as good as the best.
const GOOD_SHARE: f64 = 0.9;

/// The smallest size whose throughput is within a tenth of the best; `None` without any.
pub fn knee(throughput: &[(u64, f64)]) -> Option<u64> {
    let best = throughput
        .iter()
        .map(|(_, value)| *value)
        .fold(0.0, f64::max);
    let is_good = |(_, value): &&(u64, f64)| *value >= best * GOOD_SHARE && best > 0.0;
    throughput.iter().find(is_good).map(|(size, _)| *size)
}

/// The smallest size beside which a latency is at least twice what it is alone; `None` if it never
/// is.
pub fn doubling(latency_ratio: &[(u64, f64)]) -> Option<u64> {
    latency_ratio
        .iter()
        .find(|(_, ratio)| *ratio >= 2.0)
        .map(|(size, _)| *size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_knee_is_where_the_curve_is_nearly_flat() {
        let curve = [
            (1_000, 100.0),
            (10_000, 400.0),
            (100_000, 780.0),
            (1_000_000, 800.0),
            (10_000_000, 600.0),
        ];
        assert_eq!(knee(&curve), Some(100_000));
        assert_eq!(knee(&[(1, 5.0)]), Some(1));
        assert_eq!(knee(&[]), None);
        assert_eq!(knee(&[(1, 0.0)]), None);
    }

    #[test]
    fn the_latency_doubles_at_the_first_size_beside_which_it_does() {
        assert_eq!(doubling(&[(1, 1.1), (10, 2.0), (100, 9.0)]), Some(10));
        assert_eq!(doubling(&[(1, 1.1), (10, 1.9)]), None);
    }
}
