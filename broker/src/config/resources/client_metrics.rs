//! The configs of subscriptions of clients' metrics (KIP-714). The texts are Kafka's.

use super::{ResourceConfigError, ResourceOverrides};
use crate::config::keys::{Default, Key, Kind, Valid};
use Default::Is;
use Valid::Any;

const INTERVAL: &str = "interval.ms";
const MATCH: &str = "match";
const METRICS: &str = "metrics";

/// Kept and shown, as by a Kafka whose metrics go to no plugin: clients are asked for none.
pub static CLIENT_METRICS_KEYS: [Key; 3] = [
    Key {
        name: INTERVAL,
        kind: Kind::Int,
        default: Is("300000"),
        valid: Any,
        doc: "How often clients would send metrics, in milliseconds.",
    },
    Key {
        name: MATCH,
        kind: Kind::List,
        default: Is(""),
        valid: Any,
        doc: "Which clients would be asked, as selector=pattern.",
    },
    Key {
        name: METRICS,
        kind: Kind::List,
        default: Is(""),
        valid: Any,
        doc: "Prefixes of the names of metrics that clients would be asked for.",
    },
];

const INTERVALS_MS: std::ops::RangeInclusive<i64> = 100..=3_600_000;

/// What a client can be matched by.
const SELECTORS: [&str; 6] = [
    "client_id",
    "client_instance_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

/// Checks what a subscription of clients' metrics is to have.
pub fn check_client_metrics(after: &ResourceOverrides) -> Result<(), ResourceConfigError> {
    for (name, value) in after {
        match name.as_str() {
            METRICS => {}
            INTERVAL => {
                let interval = value.trim().parse::<i64>();
                if !interval.is_ok_and(|ms| INTERVALS_MS.contains(&ms)) {
                    return Err(ResourceConfigError::InvalidRequest(format!(
                        "Invalid value {value} for interval.ms, interval must be between 100 and \
                         3600000 (1 hour)"
                    )));
                }
            }
            MATCH => {
                let patterns = value.split(',').map(str::trim);
                let mut wrong = patterns.filter(|pattern| {
                    let selector = pattern.split_once('=').map(|(selector, _)| selector.trim());
                    !pattern.is_empty() && !selector.is_some_and(|one| SELECTORS.contains(&one))
                });
                if let Some(pattern) = wrong.next() {
                    return Err(ResourceConfigError::InvalidConfig(format!(
                        "Illegal client matching pattern: {pattern}"
                    )));
                }
            }
            _ => {
                return Err(ResourceConfigError::InvalidRequest(format!(
                    "Unknown client metrics configuration: {name}"
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_metrics_are_checked_as_if_they_were_asked_for() {
        let check = |key: &str, value: &str| {
            let after = ResourceOverrides::from([(key.to_owned(), value.to_owned())]);
            check_client_metrics(&after)
        };
        assert_eq!(check(METRICS, "*"), Ok(()));
        assert_eq!(check(INTERVAL, "100"), Ok(()));
        assert_eq!(
            check(MATCH, "client_id=a.*, client_software_name=b"),
            Ok(())
        );
        for (key, value) in [
            (INTERVAL, "99"),
            (INTERVAL, "x"),
            (MATCH, "a=b"),
            ("colour", "1"),
        ] {
            assert!(check(key, value).is_err(), "{key}={value}");
        }
    }
}
