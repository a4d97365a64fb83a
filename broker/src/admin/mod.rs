//! What people and machines that run the broker ask over HTTP (`naru.admin.listener`): health,
//! metrics, and a JSON API that only reads.
//!
//! Invariants:
//! - It costs the shards one job each for one question, and one question is under way at a time,
//!   however many ask ([`broker`]).
//! - Whoever connects holds up nobody else: connections, heads, bodies and time are bounded
//!   ([`server`], [`routes`]).
//! - There is no authentication; so the default is off, a port alone is on the loopback, and
//!   nothing can be changed.

mod answer;
mod api;
mod broker;
mod call;
mod health;
mod openapi;
mod routes;
mod scrape;
mod server;
mod stalling;

pub use broker::BrokerParts;
pub use health::{Phase, Progress};
pub use server::AdminServer;
