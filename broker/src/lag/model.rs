//! From what was observed to what is said: no clock, no I/O.

use std::collections::BTreeMap;

use super::tables::{
    Consumers, GroupLag, MemberLag, Outlook, PartitionLag, RetentionLoss, Skew, TopicLag, Windows,
};

/// A group that lags by no more than what comes in this time keeps up: so much is always under
/// way between two commits (5 s by default) and two samples (5 s).
const KEEPS_UP_S: f64 = 10.0;

/// What is the same for all partitions of a topic, or of a log, as retention sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Retention {
    /// `retention.ms` and `retention.bytes`, where they act.
    pub keep_ms: Option<i64>,
    pub keep_bytes: Option<u64>,
}

/// The segment that holds the next record to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadSegment {
    /// The offset after its last record.
    pub end_offset: i64,
    /// The largest timestamp in it; negative if its records have none.
    pub max_timestamp_ms: i64,
    /// What the segments after it hold.
    pub bytes_after: u64,
}

/// The next record to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// There is none, or markers of transactions only.
    Nothing,
    /// It has no timestamp.
    Undated,
    At {
        timestamp_ms: i64,
    },
}

/// A partition's log, as its owner sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Log {
    pub start_offset: i64,
    pub high_watermark: i64,
    pub last_stable_offset: i64,
    pub size_bytes: u64,
    pub produced: Windows<Option<f64>>,
    pub next: Next,
    pub unread_segment: Option<UnreadSegment>,
    pub retention: Retention,
}

/// A partition of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    pub topic: String,
    pub partition: i32,
    pub member_id: Option<String>,
    pub committed_offset: Option<i64>,
    pub consumed: Windows<Option<f64>>,
    /// `None`: there is no such topic or partition any more, or it is not served.
    pub log: Option<Log>,
}

/// The lag of one partition, at `now_ms` since 1970.
pub fn partition_lag(observed: Observed, now_ms: i64) -> PartitionLag {
    let Observed {
        topic,
        partition,
        member_id,
        committed_offset,
        consumed,
        log,
    } = observed;
    let mut lag = PartitionLag {
        topic,
        partition,
        member_id,
        committed_offset,
        log_start_offset: log.map(|log| log.start_offset),
        end_offset: log.map(|log| log.high_watermark),
        last_stable_offset: log.map(|log| log.last_stable_offset),
        lag_records: None,
        lag_stable_records: None,
        lag_ms: None,
        lost_records: 0,
        is_beyond_end: false,
        produced_records_per_s: log.map_or_else(Windows::default, |log| log.produced),
        consumed_records_per_s: consumed,
        outlook: Windows::default().map(|()| Outlook::Unknown),
        retention: None,
    };
    let (Some(log), Some(committed)) = (log, committed_offset) else {
        return lag;
    };
    let next = committed.max(log.start_offset);
    let left = (log.high_watermark - next).max(0);
    lag.lag_records = Some(left);
    lag.lag_stable_records = Some((log.last_stable_offset - next).max(0));
    lag.lost_records = (log.start_offset - committed).max(0);
    lag.is_beyond_end = committed > log.high_watermark;
    lag.lag_ms = match log.next {
        // A producer's clock may be ahead of ours.
        Next::At { timestamp_ms } => Some(now_ms.saturating_sub(timestamp_ms).max(0)),
        Next::Nothing => Some(0),
        Next::Undated => None,
    };
    lag.outlook = log.produced.zip(consumed, |produced, consumed| {
        outlook(left, produced, consumed)
    });
    lag.retention = loss(&log, next, consumed.five_minutes, now_ms);
    lag
}

fn outlook(left: i64, produced: Option<f64>, consumed: Option<f64>) -> Outlook {
    if left == 0 {
        return Outlook::CaughtUp;
    }
    let (Some(produced), Some(consumed)) = (produced, consumed) else {
        return Outlook::Unknown;
    };
    let left = left as f64;
    if left <= produced * KEEPS_UP_S && consumed > 0.0 {
        return Outlook::CaughtUp;
    }
    let gain = consumed - produced;
    if gain <= 0.0 {
        return Outlook::Never;
    }
    Outlook::GoneIn {
        seconds: left / gain,
    }
}

fn loss(log: &Log, next: i64, consumed: Option<f64>, now_ms: i64) -> Option<RetentionLoss> {
    let segment = log.unread_segment?;
    let by_time_ms = log.retention.keep_ms.and_then(|keep_ms| {
        let is_dated = segment.max_timestamp_ms >= 0;
        let expires_ms = segment.max_timestamp_ms.saturating_add(keep_ms);
        is_dated.then(|| expires_ms.saturating_sub(now_ms).max(0))
    });
    let by_size_ms = log
        .retention
        .keep_bytes
        .and_then(|keep_bytes| size_loss_ms(log, &segment, keep_bytes));
    let first_loss_ms = by_time_ms.into_iter().chain(by_size_ms).min()?;
    let unread_records = segment.end_offset.min(log.high_watermark) - next;
    let consumed = consumed.unwrap_or(0.0);
    let is_read_by_then = consumed * first_loss_ms as f64 / 1_000.0 >= unread_records as f64;
    Some(RetentionLoss {
        by_time_ms,
        by_size_ms,
        first_loss_ms,
        unread_records,
        is_lost: !is_read_by_then,
    })
}

/// The oldest segment goes when those after it have `keep_bytes` together.
fn size_loss_ms(log: &Log, segment: &UnreadSegment, keep_bytes: u64) -> Option<i64> {
    let Some(missing) = keep_bytes
        .checked_sub(segment.bytes_after)
        .filter(|missing| *missing > 0)
    else {
        return Some(0);
    };
    let records = log.high_watermark - log.start_offset;
    if records <= 0 {
        return None;
    }
    let bytes_per_record = log.size_bytes as f64 / records as f64;
    let bytes_per_s = log.produced.five_minutes? * bytes_per_record;
    (bytes_per_s > 0.0).then(|| (missing as f64 / bytes_per_s * 1_000.0) as i64)
}

/// A group, from its partitions.
pub fn group_lag(
    group_id: &str,
    state: &str,
    member_ids: &[String],
    partitions: Vec<PartitionLag>,
) -> GroupLag {
    let consumers = consumers(member_ids, &partitions);
    let losses = || partitions.iter().filter_map(|lag| lag.retention);
    GroupLag {
        group_id: group_id.to_owned(),
        state: state.to_owned(),
        lag_records: total(&partitions),
        lag_ms: partitions.iter().filter_map(|lag| lag.lag_ms).max(),
        lost_records: partitions.iter().map(|lag| lag.lost_records).sum(),
        produced_records_per_s: sum(partitions.iter().map(|lag| lag.produced_records_per_s)),
        consumed_records_per_s: sum(partitions.iter().map(|lag| lag.consumed_records_per_s)),
        outlook: worst(&partitions),
        consumers,
        first_loss_ms: losses().map(|loss| loss.first_loss_ms).min(),
        loses_records: losses().any(|loss| loss.is_lost),
        topics: topics(&partitions),
        members: members(member_ids, &partitions),
        partitions,
    }
}

fn total<'a>(partitions: impl IntoIterator<Item = &'a PartitionLag>) -> i64 {
    let lags = partitions.into_iter().filter_map(|lag| lag.lag_records);
    lags.sum()
}

/// Where nobody knows a rate, there is none.
fn sum(rates: impl Iterator<Item = Windows<Option<f64>>>) -> Windows<Option<f64>> {
    rates.fold(Windows::default(), |sum, rates| {
        sum.zip(rates, |sum, rate| match (sum, rate) {
            (Some(sum), Some(rate)) => Some(sum + rate),
            (known, other) => known.or(other),
        })
    })
}

fn worst(partitions: &[PartitionLag]) -> Windows<Outlook> {
    let known = partitions.iter().filter(|lag| lag.lag_records.is_some());
    let outlooks = known.map(|lag| lag.outlook);
    let nothing = Windows::default().map(|()| Outlook::CaughtUp);
    outlooks.fold(nothing, |worst, other| worst.zip(other, worse))
}

fn worse(one: Outlook, other: Outlook) -> Outlook {
    use Outlook::{CaughtUp, GoneIn, Never, Unknown};
    match (one, other) {
        (Never, _) | (_, Never) => Never,
        (Unknown, _) | (_, Unknown) => Unknown,
        (GoneIn { seconds: one }, GoneIn { seconds: other }) => GoneIn {
            seconds: one.max(other),
        },
        (CaughtUp, other) => other,
        (one, CaughtUp) => one,
    }
}

fn topics(partitions: &[PartitionLag]) -> Vec<TopicLag> {
    let mut by_topic: BTreeMap<&str, Vec<&PartitionLag>> = BTreeMap::new();
    for lag in partitions {
        by_topic.entry(&lag.topic).or_default().push(lag);
    }
    let topics = by_topic.into_iter().map(|(topic, partitions)| TopicLag {
        topic: topic.to_owned(),
        lag_records: total(partitions.iter().copied()),
        partitions: partitions.len(),
        lag_skew: skew(&partitions, |lag| lag.lag_records.map(|lag| lag as f64)),
        produce_skew: skew(&partitions, |lag| lag.produced_records_per_s.five_minutes),
    });
    topics.collect()
}

/// `None` where nothing is known, or there is nothing.
fn skew(partitions: &[&PartitionLag], of: impl Fn(&PartitionLag) -> Option<f64>) -> Option<Skew> {
    let known = partitions
        .iter()
        .filter_map(|lag| Some((of(lag)?, lag.partition)));
    let known: Vec<(f64, i32)> = known.collect();
    let sum: f64 = known.iter().map(|(value, _)| value).sum();
    let (most, partition) = known.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0))?;
    let mean = sum / known.len() as f64;
    (mean > 0.0).then(|| Skew {
        max_over_mean: most / mean,
        partition,
    })
}

fn members(member_ids: &[String], partitions: &[PartitionLag]) -> Vec<MemberLag> {
    let members = member_ids.iter().map(|member_id| {
        let own = || {
            partitions
                .iter()
                .filter(|lag| lag.member_id.as_ref() == Some(member_id))
        };
        MemberLag {
            member_id: member_id.clone(),
            partitions: own().count(),
            lag_records: total(own()),
            consumed_records_per_s: sum(own().map(|lag| lag.consumed_records_per_s)),
        }
    });
    members.collect()
}

fn is_busy(lag: &PartitionLag) -> bool {
    lag.lag_records.is_some_and(|left| left > 0)
        && !matches!(lag.outlook.five_minutes, Outlook::CaughtUp)
}

fn consumers(member_ids: &[String], partitions: &[PartitionLag]) -> Consumers {
    let mut known = Consumers {
        members: member_ids.len(),
        partitions: partitions.len(),
        ..Consumers::default()
    };
    let produced = || {
        let rates = partitions.iter();
        rates.filter_map(|lag| lag.produced_records_per_s.five_minutes)
    };
    // What a member can do shows while it has something to do. That of all its partitions
    // counts: they share it.
    let mut by_member: BTreeMap<&str, (f64, bool)> = BTreeMap::new();
    for lag in partitions {
        if let Some(member_id) = &lag.member_id {
            let (consumed, busy) = by_member.entry(member_id).or_default();
            *consumed += lag.consumed_records_per_s.five_minutes.unwrap_or(0.0);
            *busy |= is_busy(lag);
        }
    }
    let busy: Vec<f64> = by_member
        .values()
        .filter(|(consumed, busy)| *busy && *consumed > 0.0)
        .map(|(consumed, _)| *consumed)
        .collect();
    if busy.is_empty() {
        return known;
    }
    let by_one = busy.iter().sum::<f64>() / busy.len() as f64;
    let wanted = (produced().sum::<f64>() / by_one).ceil().max(1.0) as usize;
    let most = produced().fold(0.0, f64::max);
    known.consumed_records_per_s_by_one = Some(by_one);
    known.needed = Some(wanted.min(partitions.len()));
    known.limited_by_partitions = wanted > partitions.len() || most > by_one;
    known
}
