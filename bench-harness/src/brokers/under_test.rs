//! [`BrokerUnderTest`]: what a command line says of a broker; [`RunningBroker`]: what comes of it.

use std::fmt;
use std::path::Path;

use super::local::{BrokerError, LocalBroker};

/// A broker as a command line names it: one that runs, or a command that starts one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokerUnderTest {
    Bootstrap(String),
    Command(String),
}

impl BrokerUnderTest {
    /// Starts it, if it does not run yet, with its data below `place`.
    pub fn start(&self, place: &Path) -> Result<RunningBroker, BrokerError> {
        match self {
            Self::Bootstrap(address) => Ok(RunningBroker::Elsewhere(address.clone())),
            Self::Command(command) => LocalBroker::start(command, place).map(RunningBroker::Ours),
        }
    }
}

impl fmt::Display for BrokerUnderTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bootstrap(text) | Self::Command(text) => f.write_str(text),
        }
    }
}

pub enum RunningBroker {
    Elsewhere(String),
    Ours(LocalBroker),
}

impl RunningBroker {
    pub fn bootstrap(&self) -> &str {
        match self {
            Self::Elsewhere(address) => address,
            Self::Ours(broker) => broker.bootstrap(),
        }
    }

    /// Whether it can be kept from running beside another.
    pub fn can_pause(&self) -> bool {
        matches!(self, Self::Ours(_))
    }

    pub fn pause(&self) {
        if let Self::Ours(broker) = self {
            broker.pause();
        }
    }

    pub fn resume(&self) {
        if let Self::Ours(broker) = self {
            broker.resume();
        }
    }
}
