//! The configs of groups of the consumer protocol (KIP-848): three keys that go over those of the
//! broker, within bounds that the broker has. The texts are Kafka's.

use super::{ResourceConfigError, ResourceOverrides};
use crate::config::keys::{Default, Key, Kind, Valid};
use crate::config::load::BrokerConfig;
use Default::Null;
use Valid::AtLeast;

/// A key of a group, the broker key that it goes over, and the broker keys that bound it.
#[derive(Debug)]
pub struct GroupKey {
    pub key: Key,
    pub synonym: &'static str,
    min: &'static str,
    max: &'static str,
}

const SESSION: &str = "consumer.session.timeout.ms";
const HEARTBEAT: &str = "consumer.heartbeat.interval.ms";
const ASSIGNMENT: &str = "consumer.assignment.interval.ms";

/// Kafka 4.4's, of what there is here: neither share groups nor streams groups.
pub static GROUP_KEYS: [GroupKey; 3] = [
    GroupKey {
        key: Key {
            name: ASSIGNMENT,
            kind: Kind::Int,
            default: Null,
            valid: AtLeast(0),
            doc: "The shortest between two target assignments of the group, in milliseconds.",
        },
        synonym: "group.consumer.assignment.interval.ms",
        min: "group.consumer.min.assignment.interval.ms",
        max: "group.consumer.max.assignment.interval.ms",
    },
    GroupKey {
        key: Key {
            name: HEARTBEAT,
            kind: Kind::Int,
            default: Null,
            valid: AtLeast(1),
            doc: "How often members of the consumer protocol are to be heard of, in milliseconds.",
        },
        synonym: "group.consumer.heartbeat.interval.ms",
        min: "group.consumer.min.heartbeat.interval.ms",
        max: "group.consumer.max.heartbeat.interval.ms",
    },
    GroupKey {
        key: Key {
            name: SESSION,
            kind: Kind::Int,
            default: Null,
            valid: AtLeast(1),
            doc: "How long a member of the consumer protocol may be silent, in milliseconds.",
        },
        synonym: "group.consumer.session.timeout.ms",
        min: "group.consumer.min.session.timeout.ms",
        max: "group.consumer.max.session.timeout.ms",
    },
];

/// Kinds of groups that Kafka has such keys for, and Naru has not.
const NOT_SERVED: [&str; 3] = ["share.", "streams.", "errors.deadletterqueue."];

/// What counts for a group of the consumer protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupSettings {
    pub session_timeout_ms: u32,
    pub heartbeat_interval_ms: u32,
    pub assignment_interval_ms: u32,
}

impl GroupSettings {
    /// For a group that sets `overrides`, on a broker configured so. What is out of the broker's
    /// bounds by now is brought within them, as in Kafka.
    pub fn effective(overrides: &ResourceOverrides, broker: &BrokerConfig) -> Self {
        let value = |name: &str| {
            let row = GROUP_KEYS.iter().find(|row| row.key.name == name);
            let value = row.map_or(0, |row| {
                let own = overrides.get(name).and_then(|text| text.parse().ok());
                let bounded = own.map(|own: i64| {
                    let (min, max) = row.bounds(broker);
                    own.min(max).max(min)
                });
                bounded.unwrap_or_else(|| number(broker, row.synonym))
            });
            u32::try_from(value).unwrap_or(u32::MAX)
        };
        Self {
            session_timeout_ms: value(SESSION),
            heartbeat_interval_ms: value(HEARTBEAT),
            assignment_interval_ms: value(ASSIGNMENT),
        }
    }
}

impl GroupKey {
    fn bounds(&self, broker: &BrokerConfig) -> (i64, i64) {
        (number(broker, self.min), number(broker, self.max))
    }
}

/// The value of a broker key that is a number.
fn number(broker: &BrokerConfig, name: &str) -> i64 {
    let setting = broker.setting(name);
    let value = setting.and_then(|setting| setting.value.as_deref());
    value.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Checks all that a group is to have: `after` is what clients have set of it then.
pub fn check_group(
    after: &ResourceOverrides,
    broker: &BrokerConfig,
) -> Result<(), ResourceConfigError> {
    let invalid = |text: String| Err(ResourceConfigError::InvalidConfig(text));
    for (name, value) in after {
        let Some(row) = GROUP_KEYS.iter().find(|row| row.key.name == name) else {
            if NOT_SERVED.iter().any(|kind| name.starts_with(kind)) {
                return invalid(format!(
                    "{name} is of a kind of groups that Naru does not serve: it is not set"
                ));
            }
            return invalid(format!("Unknown group config name: {name}"));
        };
        let number = number_of(name, value, &row.key)?;
        let (min, max) = row.bounds(broker);
        if number < min || number > max {
            return invalid(format!(
                "{name} must be in the range {min} to {max} inclusive."
            ));
        }
    }
    let settings = GroupSettings::effective(after, broker);
    let is_set = after.contains_key(SESSION) || after.contains_key(HEARTBEAT);
    if is_set && settings.session_timeout_ms <= settings.heartbeat_interval_ms {
        return invalid(format!("{SESSION} must be greater than {HEARTBEAT}"));
    }
    Ok(())
}

fn number_of(name: &str, value: &str, key: &Key) -> Result<i64, ResourceConfigError> {
    let wrong = |reason: String| {
        ResourceConfigError::InvalidConfig(format!(
            "Invalid value {value} for configuration {name}: {reason}"
        ))
    };
    let number: i32 = value
        .parse()
        .map_err(|_| wrong("Not a number of type INT".into()))?;
    let number = i64::from(number);
    match key.valid {
        AtLeast(min) if number < min => Err(wrong(format!("Value must be at least {min}"))),
        _ => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers_tests::machine;

    fn broker(set: &[(&str, &str)]) -> BrokerConfig {
        let own = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        let set: Vec<_> = set.iter().map(own).collect();
        BrokerConfig::from_entries(&[], &set, &machine()).unwrap().0
    }

    fn overrides(set: &[(&str, &str)]) -> ResourceOverrides {
        let own = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        set.iter().map(own).collect()
    }

    #[test]
    fn a_group_s_values_are_within_the_broker_s_bounds() {
        let broker = broker(&[]);
        let check = |key, value| {
            let checked = check_group(&overrides(&[(key, value)]), &broker);
            checked.map_err(|error| error.to_string())
        };
        assert_eq!(check(SESSION, "50000"), Ok(()));
        assert_eq!(check(ASSIGNMENT, "0"), Ok(()));
        let wrong = [
            (
                SESSION,
                "1000",
                "consumer.session.timeout.ms must be in the range 45000 to 60000 inclusive.",
            ),
            (
                HEARTBEAT,
                "15001",
                "consumer.heartbeat.interval.ms must be in the range 5000 to 15000 inclusive.",
            ),
            (
                SESSION,
                "abc",
                "Invalid value abc for configuration consumer.session.timeout.ms: Not a number of \
                 type INT",
            ),
            (
                SESSION,
                "0",
                "Invalid value 0 for configuration consumer.session.timeout.ms: Value must be at \
                 least 1",
            ),
            ("colour", "red", "Unknown group config name: colour"),
        ];
        for (key, value, text) in wrong {
            assert_eq!(check(key, value), Err(text.to_owned()));
        }
        assert!(check("share.isolation.level", "read_committed").is_err());
    }

    #[test]
    fn a_member_is_heard_of_before_its_session_ends() {
        let broker = broker(&[
            ("group.consumer.min.session.timeout.ms", "5000"),
            ("group.consumer.max.heartbeat.interval.ms", "50000"),
        ]);
        let both = overrides(&[(SESSION, "6000"), (HEARTBEAT, "6000")]);
        let text =
            "consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms";
        let wrong = ResourceConfigError::InvalidConfig(text.into());
        assert_eq!(check_group(&both, &broker), Err(wrong));
        let one = overrides(&[(HEARTBEAT, "45000")]);
        assert!(check_group(&one, &broker).is_err(), "the broker's is 45 s");
    }

    #[test]
    fn what_is_out_of_newer_bounds_counts_as_the_bound() {
        let broker = broker(&[("group.consumer.max.session.timeout.ms", "50000")]);
        let own = overrides(&[(SESSION, "60000"), (ASSIGNMENT, "7")]);
        let settings = GroupSettings {
            session_timeout_ms: 50_000,
            heartbeat_interval_ms: 5_000,
            assignment_interval_ms: 7,
        };
        assert_eq!(GroupSettings::effective(&own, &broker), settings);
    }
}
