//! Listeners and connections: bytes from outside become frames here, and answers go out.
//!
//! Knows no request; what a frame says is the business of the [`Service`] behind it.

mod connection;
mod frames;
mod hangup;
mod listener;
mod outbox;
mod registry;
mod service;

pub use listener::listen;
pub use outbox::{Answer, Reply};
pub use registry::Connections;
pub use service::{Network, Peer, Service, Start};
