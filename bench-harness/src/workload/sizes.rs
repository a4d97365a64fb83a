//! How large records are: all the same, even over a range, or by weights.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::units::{ByteSize, serde_as_text};

/// Sizes of values, in bytes. Written `1KiB`, `100..10KiB` (every size alike often, both ends
/// included), or `100:80,10KiB:19,1MiB:1` (size and weight).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sizes {
    Fixed(u64),
    Range(u64, u64),
    /// Size and weight; the weights are not all zero.
    Weighted(Vec<(u64, u32)>),
}

impl Sizes {
    pub fn draw(&self, random: &mut fastrand::Rng) -> usize {
        let bytes = match self {
            Self::Fixed(bytes) => *bytes,
            Self::Range(low, high) => random.u64(*low..=*high),
            Self::Weighted(sizes) => {
                let total: u64 = sizes.iter().map(|(_, weight)| u64::from(*weight)).sum();
                let mut at = random.u64(0..total.max(1));
                let chosen = sizes.iter().find(|(_, weight)| {
                    let weight = u64::from(*weight);
                    let is_here = at < weight;
                    at = at.saturating_sub(weight);
                    is_here
                });
                chosen.map_or(0, |(bytes, _)| *bytes)
            }
        };
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    pub fn min(&self) -> u64 {
        match self {
            Self::Fixed(bytes) => *bytes,
            Self::Range(low, _) => *low,
            Self::Weighted(sizes) => sizes.iter().map(|(bytes, _)| *bytes).min().unwrap_or(0),
        }
    }

    pub fn max(&self) -> u64 {
        match self {
            Self::Fixed(bytes) => *bytes,
            Self::Range(_, high) => *high,
            Self::Weighted(sizes) => sizes.iter().map(|(bytes, _)| *bytes).max().unwrap_or(0),
        }
    }

    /// The expected size, in bytes.
    pub fn mean(&self) -> f64 {
        match self {
            Self::Fixed(bytes) => *bytes as f64,
            Self::Range(low, high) => (*low + *high) as f64 / 2.0,
            Self::Weighted(sizes) => {
                let total: f64 = sizes.iter().map(|(_, weight)| f64::from(*weight)).sum();
                let sum: f64 = sizes
                    .iter()
                    .map(|(bytes, weight)| *bytes as f64 * f64::from(*weight))
                    .sum();
                sum / total
            }
        }
    }
}

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((low, high)) = text.split_once("..") {
            let (ByteSize(low), ByteSize(high)) = (low.parse()?, high.parse()?);
            if low > high {
                return Err(format!("`{text}`: the first size is the larger one"));
            }
            return Ok(Self::Range(low, high));
        }
        if !text.contains(':') {
            return text.parse().map(|ByteSize(bytes)| Self::Fixed(bytes));
        }
        let weighted = |part: &str| {
            let (size, weight) = part
                .split_once(':')
                .ok_or_else(|| format!("`{part}` has no weight: write 100:80,10KiB:20"))?;
            let ByteSize(bytes) = size.parse()?;
            let weight = weight
                .trim()
                .parse()
                .map_err(|_| format!("`{weight}` is no weight: write a whole number"))?;
            Ok((bytes, weight))
        };
        let sizes: Vec<(u64, u32)> = text
            .split(',')
            .map(weighted)
            .collect::<Result<_, String>>()?;
        if sizes.iter().all(|(_, weight)| *weight == 0) {
            return Err(format!("`{text}`: every weight is zero"));
        }
        Ok(Self::Weighted(sizes))
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(bytes) => ByteSize(*bytes).fmt(f),
            Self::Range(low, high) => write!(f, "{}..{}", ByteSize(*low), ByteSize(*high)),
            Self::Weighted(sizes) => {
                for (index, (bytes, weight)) in sizes.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}{}:{weight}", ByteSize(*bytes))?;
                }
                Ok(())
            }
        }
    }
}

serde_as_text!(Sizes, "sizes such as 1KiB, 100..10KiB or 100:80,10KiB:20");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_ways_to_write_sizes_read_back() {
        for text in ["1KiB", "100..10KiB", "100:80,10KiB:19,1MiB:1"] {
            let sizes: Sizes = text.parse().unwrap();
            assert_eq!(sizes.to_string(), text);
        }
        for bad in ["10KiB..100", "100:0,5:0", "100:1,5", "x"] {
            assert!(bad.parse::<Sizes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn weights_are_kept_over_many_draws() {
        let sizes: Sizes = "100:3,1000:1".parse().unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        let small = (0..10_000)
            .filter(|_| sizes.draw(&mut random) == 100)
            .count();
        assert!((7_300..7_700).contains(&small), "{small}");
        assert_eq!(sizes.mean(), 325.0);
    }

    #[test]
    fn a_range_reaches_both_ends_and_no_further() {
        let sizes: Sizes = "5..8".parse().unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        let mut seen = [false; 16];
        (0..1000).for_each(|_| seen[sizes.draw(&mut random)] = true);
        assert_eq!(seen.iter().filter(|seen| **seen).count(), 4);
        assert!(seen[5] && seen[8]);
    }
}
