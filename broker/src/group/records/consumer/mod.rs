//! The records of a KIP-848 group: what [`ConsumerRecord`] says is what the group's state is made
//! of, both when a request changes it and when the log is read back.
//!
//! | type | about | value |
//! |---|---|---|
//! | 3 | the group | [`GroupValue`] |
//! | 4 | the group's topics, as brokers before 4.0 kept them | not read, only removed |
//! | 5 | a member | [`MemberValue`] |
//! | 6 | the target assignment | [`TargetEpochValue`] |
//! | 7 | what a member is to get | [`Partitions`] |
//! | 8 | what a member has | [`CurrentValue`] |
//! | 16 | what a regular expression matches | [`RegexValue`] |

mod assignment;
mod epochs;
mod member;
mod record;
mod regex;
#[cfg(test)]
mod tests;

pub use assignment::{CurrentValue, MemberState, OwnedPartitions, Partitions};
pub use epochs::{GroupValue, TargetEpochValue};
pub use member::{ClassicMember, MemberValue};
pub use record::{ConsumerKey, ConsumerRecord};
pub use regex::RegexValue;
