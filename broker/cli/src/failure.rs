//! [`Failure`]: why a command did not do what it was told, and what to do about it.

use std::io;

use naru_client::KafkaError;

use crate::advice;

/// What is told on stderr, and how the process ends.
#[derive(Debug)]
pub enum Failure {
    /// Something did not work: what, and what to do, if we know.
    Failed {
        what: String,
        advice: Option<String>,
    },
    /// The command was not meant like this.
    Usage(String),
    /// Whoever read our output has gone; that is no error.
    ReaderGone,
}

pub type Outcome = Result<(), Failure>;

impl Failure {
    pub fn new(what: impl Into<String>) -> Self {
        Self::Failed {
            what: what.into(),
            advice: None,
        }
    }

    /// Says what to do, in the place of what was known so far.
    #[must_use]
    pub fn advise(self, advice: impl Into<String>) -> Self {
        match self {
            Self::Failed { what, .. } => Self::Failed {
                what,
                advice: Some(advice.into()),
            },
            other => other,
        }
    }
}

impl From<KafkaError> for Failure {
    fn from(error: KafkaError) -> Self {
        Self::Failed {
            what: error.to_string(),
            advice: advice::of(&error),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::new(error.to_string()),
        }
    }
}
