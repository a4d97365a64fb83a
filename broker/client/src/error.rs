//! [`KafkaError`]: why a broker did not do what it was asked.

use naru_wire::{ApiKey, ErrorCode};

#[derive(Clone, Debug, thiserror::Error)]
pub enum KafkaError {
    #[error("`{0}` is not an address: write host:port")]
    Address(String),
    #[error("{address} cannot be reached: {reason}")]
    Unreachable { address: String, reason: String },
    #[error("the connection to {address} broke: {reason}")]
    Broken { address: String, reason: String },
    #[error(
        "{address} serves {api} in versions {theirs}; this program speaks {ours}",
        theirs = .theirs.map_or("none".into(), |(low, high)| format!("{low} to {high}")),
        ours = format_args!("{} to {}", .ours.0, .ours.1)
    )]
    Version {
        address: String,
        api: ApiKey,
        theirs: Option<(i16, i16)>,
        ours: (i16, i16),
    },
    #[error("{address} sent an answer to {api} that cannot be read: {reason}")]
    Unreadable {
        address: String,
        api: ApiKey,
        reason: String,
    },
    #[error("{topic}-{partition}: {reason}")]
    Records {
        topic: String,
        partition: i32,
        reason: String,
    },
    /// The broker answered with an error.
    #[error("{what}: {}{}", name(*.code), .message.as_deref().map(|m| format!(" ({m})")).unwrap_or_default())]
    Refused {
        what: String,
        code: ErrorCode,
        message: Option<String>,
    },
    #[error("{0} did not happen within {1} s")]
    TooLate(String, u64),
}

/// An error's name as Kafka writes it, with its number: `MESSAGE_TOO_LARGE (10)`.
pub fn name(code: ErrorCode) -> String {
    let mut name = String::new();
    let camel = format!("{code:?}");
    for (index, letter) in camel.chars().enumerate() {
        if index > 0 && letter.is_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    format!("{name} ({})", code.code())
}

impl KafkaError {
    /// `Ok` for no error, else the refusal of `what`.
    pub fn check(
        code: ErrorCode,
        what: impl FnOnce() -> String,
        message: Option<&naru_wire::Str>,
    ) -> Result<(), Self> {
        if code.is_none() {
            return Ok(());
        }
        Err(Self::Refused {
            what: what(),
            code,
            message: message.map(ToString::to_string),
        })
    }
}

impl KafkaError {
    /// The error code that a broker answered with.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether it passes by itself: a leader or a coordinator is being chosen, moves or loads.
    pub fn is_passing(&self) -> bool {
        use ErrorCode::{
            CoordinatorLoadInProgress, CoordinatorNotAvailable, LeaderNotAvailable, NotController,
            NotCoordinator, NotLeaderOrFollower,
        };
        matches!(
            self.code(),
            Some(
                CoordinatorLoadInProgress
                    | CoordinatorNotAvailable
                    | LeaderNotAvailable
                    | NotController
                    | NotCoordinator
                    | NotLeaderOrFollower
            )
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_name_that_kafka_users_know() {
        assert_eq!(name(ErrorCode::MessageTooLarge), "MESSAGE_TOO_LARGE (10)");
        let refused = KafkaError::check(ErrorCode::MessageTooLarge, || "produce".into(), None);
        assert_eq!(
            refused.map_err(|error| error.to_string()),
            Err("produce: MESSAGE_TOO_LARGE (10)".to_owned())
        );
    }
}
