//! [`Start`]: where in its partitions a reader begins.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use naru_client::{Cluster, Isolation, KafkaError, OffsetSpec, Partition};

use crate::units::{duration, now_ms, timestamp_ms};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    Beginning,
    End,
    Offset(i64),
    /// So many records before the end.
    Last(i64),
    /// At the first record that is not older, in ms since 1970.
    At(i64),
    Back(Duration),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "beginning" | "earliest" | "start" => return Ok(Self::Beginning),
            "end" | "latest" => return Ok(Self::End),
            _ => {}
        }
        if let Ok(number) = text.parse::<i64>() {
            return Ok(match number {
                ..0 => Self::Last(number.saturating_neg()),
                offset => Self::Offset(offset),
            });
        }
        if let Ok(back) = duration(text) {
            return Ok(Self::Back(back));
        }
        timestamp_ms(text).map(Self::At).map_err(|_| {
            "write beginning, end, an offset, -COUNT, a time back (1h) or a time \
             (2026-11-24T18:30:00Z)"
                .to_owned()
        })
    }
}

/// The offset to begin at in each of these partitions: always one that the partition has, or its
/// end.
pub fn start_offsets(
    cluster: &mut Cluster,
    partitions: &[Partition],
    start: Start,
    isolation: Isolation,
) -> Result<BTreeMap<Partition, i64>, KafkaError> {
    let mut ask = |spec| -> Result<BTreeMap<Partition, i64>, KafkaError> {
        let found = cluster.offsets(partitions, spec, isolation)?.into_iter();
        Ok(found.map(|(place, found)| (place, found.offset)).collect())
    };
    let at = match start {
        Start::Beginning => return ask(OffsetSpec::Earliest),
        Start::End => return ask(OffsetSpec::Latest),
        Start::Offset(_) | Start::Last(_) => None,
        Start::At(timestamp_ms) => Some(timestamp_ms),
        Start::Back(back) => {
            let back_ms = i64::try_from(back.as_millis()).unwrap_or(i64::MAX);
            Some(now_ms().saturating_sub(back_ms).max(0))
        }
    };
    let ends = ask(OffsetSpec::Latest)?;
    let found = match at {
        Some(timestamp_ms) => ask(OffsetSpec::At(timestamp_ms))?,
        None => ask(OffsetSpec::Earliest)?,
    };
    let offsets = ends.into_iter().map(|(place, end)| {
        let found = found.get(&place).copied().unwrap_or(-1);
        let offset = match start {
            Start::Offset(offset) => offset.clamp(found.min(end), end),
            Start::Last(count) => end.saturating_sub(count).max(found),
            // No record is that young.
            _ if found < 0 => end,
            _ => found,
        };
        (place, offset)
    });
    Ok(offsets.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_word_a_number_or_a_time() {
        let start = |text: &str| text.parse::<Start>();
        assert_eq!(start("beginning"), Ok(Start::Beginning));
        assert_eq!(start("latest"), Ok(Start::End));
        assert_eq!(start("42"), Ok(Start::Offset(42)));
        assert_eq!(start("-10"), Ok(Start::Last(10)));
        assert_eq!(start("90m"), Ok(Start::Back(Duration::from_secs(5400))));
        assert_eq!(start("1970-01-01T00:00:02Z"), Ok(Start::At(2000)));
        assert!(start("somewhere").unwrap_err().contains("beginning"));
    }
}
