//! The model against figures that were worked out by hand.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::Windows;
use super::model::{Log, Next, Observed, Retention, UnreadSegment, group_lag, partition_lag};
use super::tables::{GroupLag, Outlook, PartitionLag, Skew};

const NOW_MS: i64 = 1_000_000_000;
const HOUR_MS: i64 = 3_600_000;

fn all(per_s: f64) -> Windows<Option<f64>> {
    Windows::default().map(|()| Some(per_s))
}

/// 1,000 records of 100 bytes in offsets 500 to 1,500, with 10 more each second.
fn log() -> Log {
    Log {
        start_offset: 500,
        high_watermark: 1_500,
        last_stable_offset: 1_400,
        size_bytes: 100_000,
        produced: all(10.0),
        next: Next::At {
            timestamp_ms: NOW_MS - 42_000,
        },
        unread_segment: None,
        retention: Retention::default(),
    }
}

fn observed(committed_offset: Option<i64>, consumed_per_s: f64, log: Option<Log>) -> Observed {
    Observed {
        topic: "t".to_owned(),
        partition: 0,
        member_id: None,
        committed_offset,
        consumed: all(consumed_per_s),
        log,
    }
}

fn lag_of(committed_offset: i64, consumed_per_s: f64, log: Log) -> PartitionLag {
    partition_lag(
        observed(Some(committed_offset), consumed_per_s, Some(log)),
        NOW_MS,
    )
}

#[test]
fn a_group_that_gains_has_caught_up_in_lag_over_gain() {
    let lag = lag_of(900, 30.0, log());
    assert_eq!(lag.lag_records, Some(600));
    assert_eq!(lag.lag_stable_records, Some(500));
    assert_eq!(lag.lag_ms, Some(42_000));
    assert_eq!((lag.lost_records, lag.is_beyond_end), (0, false));
    // 600 records at 30 - 10 more a second than come.
    let gone = Outlook::GoneIn { seconds: 30.0 };
    assert_eq!(lag.outlook, Windows::default().map(|()| gone));
}

#[test]
fn a_group_that_does_not_gain_never_catches_up() {
    for consumed in [0.0, 9.9, 10.0] {
        assert_eq!(
            lag_of(900, consumed, log()).outlook.five_minutes,
            Outlook::Never
        );
    }
}

/// Between two commits so much is always under way.
#[test]
fn what_comes_in_ten_seconds_is_no_lag_to_catch_up_with() {
    let outlook = |committed| lag_of(committed, 10.0, log()).outlook.one_minute;
    assert_eq!(outlook(1_400), Outlook::CaughtUp);
    assert_eq!(outlook(1_399), Outlook::Never);
    // But not for a group that reads nothing.
    assert_eq!(lag_of(1_400, 0.0, log()).outlook.one_minute, Outlook::Never);
}

#[test]
fn windows_may_disagree() {
    let mut one = observed(Some(900), 0.0, Some(log()));
    one.consumed = Windows {
        one_minute: Some(70.0),
        five_minutes: Some(20.0),
        fifteen_minutes: None,
    };
    let outlook = partition_lag(one, NOW_MS).outlook;
    assert_eq!(outlook.one_minute, Outlook::GoneIn { seconds: 10.0 });
    assert_eq!(outlook.five_minutes, Outlook::GoneIn { seconds: 60.0 });
    assert_eq!(outlook.fifteen_minutes, Outlook::Unknown);
}

#[test]
fn at_the_end_there_is_nothing_to_wait_for() {
    let at_end = Log {
        next: Next::Nothing,
        ..log()
    };
    let lag = lag_of(1_500, 0.0, at_end);
    assert_eq!((lag.lag_records, lag.lag_ms), (Some(0), Some(0)));
    assert_eq!(lag.outlook.five_minutes, Outlook::CaughtUp);
    assert_eq!(lag.retention, None);
}

/// A marker, or what compaction took, has an offset and no record.
#[test]
fn offsets_without_records_are_lag_but_of_no_age() {
    let marker_left = Log {
        next: Next::Nothing,
        ..log()
    };
    let lag = lag_of(1_499, 0.0, marker_left);
    assert_eq!((lag.lag_records, lag.lag_ms), (Some(1), Some(0)));
}

#[test]
fn a_group_that_committed_nothing_has_no_lag_that_anyone_knows() {
    let lag = partition_lag(observed(None, 0.0, Some(log())), NOW_MS);
    assert_eq!((lag.lag_records, lag.lag_ms), (None, None));
    assert_eq!(lag.end_offset, Some(1_500));
    assert_eq!(lag.outlook.five_minutes, Outlook::Unknown);
}

#[test]
fn a_partition_that_is_gone_has_no_end() {
    let lag = partition_lag(observed(Some(7), 0.0, None), NOW_MS);
    assert_eq!((lag.end_offset, lag.lag_records), (None, None));
}

/// The topic was made again, or a client committed what it liked.
#[test]
fn an_offset_beyond_the_end_is_said_to_be_so() {
    let beyond = Log {
        next: Next::Nothing,
        ..log()
    };
    let lag = lag_of(9_000, 0.0, beyond);
    assert_eq!((lag.lag_records, lag.is_beyond_end), (Some(0), true));
    assert_eq!(lag.lost_records, 0);
}

#[test]
fn what_was_deleted_unread_is_counted_apart() {
    let lag = lag_of(200, 0.0, log());
    assert_eq!((lag.lost_records, lag.lag_records), (300, Some(1_000)));
}

#[test]
fn an_empty_partition_is_caught_up() {
    let empty = Log {
        start_offset: 0,
        high_watermark: 0,
        last_stable_offset: 0,
        size_bytes: 0,
        produced: Windows::default(),
        next: Next::Nothing,
        ..log()
    };
    let lag = lag_of(0, 0.0, empty);
    assert_eq!((lag.lag_records, lag.lag_ms), (Some(0), Some(0)));
    assert_eq!(lag.outlook.one_minute, Outlook::CaughtUp);
}

#[test]
fn clocks_that_disagree_make_no_negative_age() {
    let ahead = Log {
        next: Next::At {
            timestamp_ms: NOW_MS + 5_000,
        },
        ..log()
    };
    assert_eq!(lag_of(900, 0.0, ahead).lag_ms, Some(0));
    let undated = Log {
        next: Next::Undated,
        ..log()
    };
    assert_eq!(lag_of(900, 0.0, undated).lag_ms, None);
}

fn kept(retention: Retention, segment: UnreadSegment) -> Log {
    Log {
        unread_segment: Some(segment),
        retention,
        ..log()
    }
}

const SEGMENT: UnreadSegment = UnreadSegment {
    end_offset: 1_200,
    max_timestamp_ms: NOW_MS - 5 * HOUR_MS,
    bytes_after: 30_000,
};

#[test]
fn retention_by_time_takes_the_segment_when_its_last_record_is_old_enough() {
    let keep_ms = Some(6 * HOUR_MS);
    let retention = Retention {
        keep_ms,
        keep_bytes: None,
    };
    let loss = |consumed| {
        let lag = lag_of(900, consumed, kept(retention, SEGMENT));
        lag.retention.unwrap()
    };
    let still = loss(0.0);
    assert_eq!(still.by_time_ms, Some(HOUR_MS));
    assert_eq!((still.by_size_ms, still.first_loss_ms), (None, HOUR_MS));
    // 300 records are left of the segment, for an hour.
    assert_eq!(still.unread_records, 300);
    assert!(still.is_lost);
    assert!(loss(300.0 / 3_601.0).is_lost);
    assert!(!loss(300.0 / 3_600.0).is_lost);
}

#[test]
fn what_is_due_already_is_due_now() {
    let retention = Retention {
        keep_ms: Some(HOUR_MS),
        keep_bytes: Some(30_000),
    };
    let loss = lag_of(900, 1e9, kept(retention, SEGMENT))
        .retention
        .unwrap();
    assert_eq!((loss.by_time_ms, loss.by_size_ms), (Some(0), Some(0)));
    assert!(loss.is_lost);
}

#[test]
fn retention_by_size_takes_the_segment_when_those_after_it_are_enough() {
    let retention = Retention {
        keep_ms: None,
        keep_bytes: Some(90_000),
    };
    let loss = lag_of(900, 0.0, kept(retention, SEGMENT))
        .retention
        .unwrap();
    // 60,000 bytes are missing, at 10 records of 100 bytes a second.
    assert_eq!(loss.by_size_ms, Some(60_000));
    assert_eq!(loss.first_loss_ms, 60_000);
    let idle = Log {
        produced: all(0.0),
        ..kept(retention, SEGMENT)
    };
    assert_eq!(lag_of(900, 0.0, idle).retention, None);
}

#[test]
fn nothing_is_lost_where_nothing_is_deleted_or_nothing_is_unread() {
    let nothing = kept(Retention::default(), SEGMENT);
    assert_eq!(lag_of(900, 0.0, nothing).retention, None);
    let undated = UnreadSegment {
        max_timestamp_ms: -1,
        ..SEGMENT
    };
    let by_time = Retention {
        keep_ms: Some(1),
        keep_bytes: None,
    };
    assert_eq!(lag_of(900, 0.0, kept(by_time, undated)).retention, None);
}

/// Partitions of one topic, as (member, lag, produced, consumed).
fn group(partitions: &[(&str, i64, f64, f64)]) -> GroupLag {
    let mut members: Vec<String> = Vec::new();
    let lags = partitions.iter().enumerate();
    let lags = lags.map(|(at, (member, lag, produced, consumed))| {
        if !members.iter().any(|known| known == member) {
            members.push((*member).to_owned());
        }
        let mut observed = observed(Some(1_500 - lag), *consumed, Some(log()));
        observed.partition = at as i32;
        observed.member_id = Some((*member).to_owned());
        if let Some(log) = &mut observed.log {
            log.produced = all(*produced);
        }
        partition_lag(observed, NOW_MS)
    });
    let lags = lags.collect();
    group_lag("g", "Stable", &members, lags)
}

#[test]
fn a_group_sums_up_and_takes_the_worst() {
    let group = group(&[
        ("a", 600, 10.0, 30.0),
        ("a", 0, 1.0, 1.0),
        ("b", 300, 10.0, 13.0),
    ]);
    assert_eq!(group.lag_records, 900);
    assert_eq!(group.produced_records_per_s, all(21.0));
    assert_eq!(group.consumed_records_per_s, all(44.0));
    // 30 s and 100 s.
    let gone = Outlook::GoneIn { seconds: 100.0 };
    assert_eq!(group.outlook.five_minutes, gone);
    assert_eq!(group.members[0].lag_records, 600);
    assert_eq!(
        (group.members[0].partitions, group.members[1].partitions),
        (2, 1)
    );
    let skew = group.topics[0].lag_skew.unwrap();
    assert_eq!(
        skew,
        Skew {
            max_over_mean: 2.0,
            partition: 0
        }
    );
}

#[test]
fn as_many_consumers_as_keep_up() {
    // Members that lag read 10 a second each; 28 a second come.
    let slow = group(&[
        ("a", 600, 7.0, 5.0),
        ("a", 600, 7.0, 5.0),
        ("b", 600, 7.0, 5.0),
        ("b", 600, 7.0, 5.0),
    ]);
    let consumers = slow.consumers;
    assert_eq!(consumers.consumed_records_per_s_by_one, Some(10.0));
    assert_eq!((consumers.needed, consumers.members), (Some(3), 2));
    assert!(!consumers.limited_by_partitions);
}

#[test]
fn more_consumers_than_partitions_do_not_help() {
    let slow = group(&[("a", 600, 50.0, 10.0), ("b", 600, 50.0, 10.0)]);
    assert_eq!(slow.consumers.needed, Some(2));
    assert!(slow.consumers.limited_by_partitions);
    // Enough all together, but one partition gets more than one consumer reads.
    let uneven = group(&[
        ("a", 600, 12.0, 10.0),
        ("b", 0, 1.0, 1.0),
        ("c", 0, 1.0, 1.0),
    ]);
    assert_eq!(uneven.consumers.needed, Some(2));
    assert!(uneven.consumers.limited_by_partitions);
}

#[test]
fn who_does_not_lag_does_not_show_what_it_can() {
    let idle = group(&[("a", 0, 5.0, 5.0), ("b", 20, 5.0, 5.0)]);
    assert_eq!(idle.consumers.needed, None);
    assert_eq!(idle.outlook.one_minute, Outlook::CaughtUp);
}

#[test]
fn an_empty_group_is_no_division_by_zero() {
    let none = group(&[]);
    assert_eq!((none.lag_records, none.lag_ms), (0, None));
    assert_eq!(none.outlook.one_minute, Outlook::CaughtUp);
    assert_eq!(none.produced_records_per_s, Windows::default());
    assert!(none.topics.is_empty() && none.first_loss_ms.is_none());
    let even = group(&[("a", 0, 0.0, 0.0), ("b", 0, 0.0, 0.0)]);
    assert_eq!(even.topics[0].lag_skew, None);
}
