//! What a report says. The names are those of the JSON that users see: units last, offsets are
//! Kafka's.

use schemars::JsonSchema;
use serde::Serialize;

/// The same figure over one, five and fifteen minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "WindowsOf{T}")]
pub struct Windows<T> {
    pub one_minute: T,
    pub five_minutes: T,
    pub fifteen_minutes: T,
}

impl<T> Windows<T> {
    pub fn map<U>(self, mut change: impl FnMut(T) -> U) -> Windows<U> {
        Windows {
            one_minute: change(self.one_minute),
            five_minutes: change(self.five_minutes),
            fifteen_minutes: change(self.fifteen_minutes),
        }
    }

    pub fn zip<U, V>(self, other: Windows<U>, mut join: impl FnMut(T, U) -> V) -> Windows<V> {
        Windows {
            one_minute: join(self.one_minute, other.one_minute),
            five_minutes: join(self.five_minutes, other.five_minutes),
            fifteen_minutes: join(self.fifteen_minutes, other.fifteen_minutes),
        }
    }
}

/// What comes of a lag if all goes on at these rates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(into = "OutlookTable")]
#[schemars(with = "OutlookTable")]
pub enum Outlook {
    CaughtUp,
    GoneIn { seconds: f64 },
    Never,
    Unknown,
}

/// What comes of a lag if all goes on at these rates.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Outlook")]
struct OutlookTable {
    state: OutlookState,
    /// When the lag is gone; `None` in the other states.
    gone_in_s: Option<f64>,
}

#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum OutlookState {
    /// There is no lag, or no more than comes in the ten seconds between two commits and samples.
    CaughtUp,
    /// It gets less, and is gone after some time.
    Gaining,
    /// Records come as fast as they are read, or faster.
    Never,
    /// There are no rates yet, or nothing was ever committed.
    Unknown,
}

impl From<Outlook> for OutlookTable {
    fn from(outlook: Outlook) -> Self {
        let (state, gone_in_s) = match outlook {
            Outlook::CaughtUp => (OutlookState::CaughtUp, None),
            Outlook::GoneIn { seconds } => (OutlookState::Gaining, Some(seconds)),
            Outlook::Never => (OutlookState::Never, None),
            Outlook::Unknown => (OutlookState::Unknown, None),
        };
        Self { state, gone_in_s }
    }
}

/// A group: sums over its partitions, and the worst of them.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct GroupLag {
    pub group_id: String,
    /// Kafka's name of the group's state.
    pub state: String,
    /// What is left to read, together: offsets between the committed ones and the ends of the
    /// partitions. Partitions without a commit do not count.
    pub lag_records: i64,
    /// The age of the oldest record that is next to read.
    pub lag_ms: Option<i64>,
    /// What was deleted before the group read it, together.
    pub lost_records: i64,
    pub produced_records_per_s: Windows<Option<f64>>,
    pub consumed_records_per_s: Windows<Option<f64>>,
    /// That of the partition which takes longest.
    pub outlook: Windows<Outlook>,
    pub consumers: Consumers,
    /// When retention deletes the first record that nobody read, if the group stands still.
    pub first_loss_ms: Option<i64>,
    /// Whether retention deletes records before the group, at its rate, has read them.
    pub loses_records: bool,
    pub topics: Vec<TopicLag>,
    pub members: Vec<MemberLag>,
    pub partitions: Vec<PartitionLag>,
}

/// How many consumers the group has, and would need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Consumers {
    pub members: usize,
    /// More consumers than partitions have nothing to do.
    pub partitions: usize,
    /// What one of them reads while it has something to read: the mean of the members that lag.
    pub consumed_records_per_s_by_one: Option<f64>,
    /// As many as keep up with what is produced, and never more than there are partitions.
    /// `None` where no member lags, so that it is not known what one can do: those that there are
    /// are enough.
    pub needed: Option<usize>,
    /// So many would not be enough, or one partition gets more than one consumer reads: more
    /// partitions or faster consumers help, more consumers do not.
    pub limited_by_partitions: bool,
}

/// A topic of the group.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TopicLag {
    pub topic: String,
    pub lag_records: i64,
    pub partitions: usize,
    pub lag_skew: Option<Skew>,
    pub produce_skew: Option<Skew>,
}

/// How uneven partitions are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Skew {
    /// The most that a partition has, as a multiple of the mean: 1 is even.
    pub max_over_mean: f64,
    /// The partition that has the most.
    pub partition: i32,
}

/// A member of the group.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct MemberLag {
    pub member_id: String,
    pub partitions: usize,
    pub lag_records: i64,
    pub consumed_records_per_s: Windows<Option<f64>>,
}

/// A partition of the group.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PartitionLag {
    pub topic: String,
    pub partition: i32,
    /// Who reads it, as far as the group says.
    pub member_id: Option<String>,
    /// The next record that the group reads; `None` if it has committed nothing.
    pub committed_offset: Option<i64>,
    /// The first record that is there; `None`, as the ends, if the partition is not served.
    pub log_start_offset: Option<i64>,
    /// The high watermark: where those who read uncommitted records end.
    pub end_offset: Option<i64>,
    /// Where those who read committed records end.
    pub last_stable_offset: Option<i64>,
    /// Offsets from the committed one, or from the start of the log, to the end. Markers of
    /// transactions and what compaction took count, as in Kafka's tools.
    pub lag_records: Option<i64>,
    /// The same up to the last stable offset.
    pub lag_stable_records: Option<i64>,
    /// The age of the next record to read: 0 if there is none, `None` if it is not known.
    pub lag_ms: Option<i64>,
    /// Records that were deleted before the group read them.
    pub lost_records: i64,
    /// The committed offset is after the end: the topic was made again, or a client was wrong.
    pub is_beyond_end: bool,
    pub produced_records_per_s: Windows<Option<f64>>,
    pub consumed_records_per_s: Windows<Option<f64>>,
    pub outlook: Windows<Outlook>,
    /// `None` where retention deletes nothing, or nothing is unread.
    pub retention: Option<RetentionLoss>,
}

/// When retention takes the segment of the next record to read, at the earliest: it is looked at
/// every `log.retention.check.interval.ms`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RetentionLoss {
    /// By `retention.ms`.
    pub by_time_ms: Option<i64>,
    /// By `retention.bytes`, at the rate at which records come.
    pub by_size_ms: Option<i64>,
    /// The sooner of the two.
    pub first_loss_ms: i64,
    /// What goes then.
    pub unread_records: i64,
    /// Whether the group, at its rate of the last five minutes, has not read that by then.
    pub is_lost: bool,
}
