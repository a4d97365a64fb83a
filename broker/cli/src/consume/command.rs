//! The options of `naru consume`.

use clap::Args;
use naru_client::Isolation;

use super::format::Format;
use super::start::Start;

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ConsumeArgs {
    /// The topics to read.
    #[arg(required = true, value_name = "TOPIC")]
    pub(super) topics: Vec<String>,
    /// Only of these partitions; without it of all of them.
    #[arg(
        short,
        long,
        value_delimiter = ',',
        value_name = "PARTITION,...",
        conflicts_with = "group"
    )]
    pub(super) partitions: Vec<i32>,
    /// Where to begin, in each partition: `beginning`, `end`, an offset, `-10` for the last ten,
    /// `1h` for an hour back, or a time (2026-11-24T18:30:00Z). With --group it counts where the
    /// group has no offset yet.
    #[arg(
        long,
        value_name = "WHERE",
        default_value = "beginning",
        allow_hyphen_values = true
    )]
    pub(super) from: Start,
    /// End after this many records.
    #[arg(short = 'n', long, value_name = "RECORDS")]
    pub(super) count: Option<u64>,
    /// End where the partitions ended when the command began.
    #[arg(short = 'e', long)]
    pub(super) until_end: bool,
    /// Read as a member of this group (classic protocol), and commit what was printed.
    #[arg(short, long)]
    pub(super) group: Option<String>,
    /// Leave out what open and aborted transactions have written.
    #[arg(long)]
    pub(super) read_committed: bool,
    /// `text` (values, one a line), `json` (an object a line), `raw` (values, nothing between), or
    /// a pattern: %t topic, %p partition, %o offset, %k key, %v value, %h headers, %T timestamp in
    /// ms, %K and %V the sizes of key and value, %% a per cent sign, \n, \t, \0.
    #[arg(short, long, default_value = "text")]
    pub(super) format: Format,
}

impl ConsumeArgs {
    pub(super) fn isolation(&self) -> Isolation {
        match self.read_committed {
            true => Isolation::ReadCommitted,
            false => Isolation::ReadUncommitted,
        }
    }
}
