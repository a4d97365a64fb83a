//! Brokers: those that run already, and those that a command starts and ends.

mod local;
mod place;
mod under_test;

pub use local::{BrokerError, LocalBroker};
pub use place::{Place, PlaceError};
pub use under_test::{BrokerUnderTest, RunningBroker};
