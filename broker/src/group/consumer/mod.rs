//! Groups of the consumer protocol (KIP-848): members say what they are subscribed to and what they
//! have, the coordinator says what they get.
//!
//! The state of a group is what its records say ([`ConsumerGroup::apply`]): a request makes
//! records, they are applied and appended, and the answer waits for the append. So a restart, which
//! applies the same records, has the same state. Only timers and what is under way are not in
//! records.
//!
//! - [`heartbeat`](ConsumerGroup::heartbeat): a member joins, goes on or changes its subscription.
//! - [`reconcile`]: from what a member has to what it is to have, so that no partition has two
//!   owners.
//! - [`assignors`]: who is to have what.
//! - [`classic`](ConsumerGroup::classic_join): members of the classic protocol in such a group, and
//!   groups that go from one protocol to the other (`upgrade`, `downgrade`).

pub(super) mod assignors;
mod change;
mod classic;
mod commit;
mod config;
mod describe;
mod downgrade;
mod fence;
mod group;
mod heartbeat;
mod log;
mod member;
mod messages;
mod protocol;
mod reconcile;
mod refresh;
mod regex;
mod requests;
mod target;
#[cfg(test)]
pub(in crate::group) mod tests;
mod timers;
mod topics;
mod upgrade;

pub use config::{ConsumerConfig, MigrationPolicy};
pub use group::ConsumerGroup;
pub use messages::{
    ConsumerDescription, ConsumerHeartbeat, ConsumerHeartbeatResponse, ConsumerMemberDescription,
};
pub use protocol::CONSUMER;
pub use regex::TopicPattern;
pub use topics::{NoTopics, TopicInfo, Topics};
