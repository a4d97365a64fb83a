//! An axis: a key of the workload, and the values that it takes in turn.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::SweepError;
use crate::workload::{ByteSize, Span, WorkloadError, WorkloadOptions};

/// As in a file, or as a flag: `size=100,1KiB,10KiB`. Values with a comma in them can be given in a
/// file only.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Axis {
    pub key: String,
    pub values: Vec<Value>,
}

impl FromStr for Axis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, values) = text
            .split_once('=')
            .ok_or_else(|| format!("`{text}` is no axis: write size=100,1KiB"))?;
        Ok(Self {
            key: key.trim().to_owned(),
            values: values.split(',').map(|value| typed(value.trim())).collect(),
        })
    }
}

/// What TOML would have made of it.
fn typed(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Bool(_) | Value::Number(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

/// A value as it was written.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Axis {
    /// # Errors
    /// When a value is none that the key may have, or comes twice.
    pub fn check(&self) -> Result<(), SweepError> {
        let error = |problem: String| SweepError::Axis {
            key: self.key.clone(),
            problem,
        };
        if self.values.is_empty() {
            return Err(error("has no values".into()));
        }
        for (index, value) in self.values.iter().enumerate() {
            self.option(value)
                .map_err(|source| error(format!("`{}`: {source}", shown(value))))?;
            if self.values[..index]
                .iter()
                .any(|v| shown(v) == shown(value))
            {
                return Err(error(format!("`{}` comes twice", shown(value))));
            }
        }
        Ok(())
    }

    /// Options in which nothing but this value is given.
    pub fn option(&self, value: &Value) -> Result<WorkloadOptions, WorkloadError> {
        let value = match (self.key.as_str(), value) {
            ("topic-config", Value::String(_)) => Value::Array(vec![value.clone()]),
            _ => value.clone(),
        };
        let options = Value::Object(Map::from_iter([(self.key.clone(), value)]));
        serde_json::from_value(options).map_err(|error| WorkloadError::Invalid(error.to_string()))
    }

    /// The values as numbers with their unit, if each is one and of the same kind.
    pub fn numbers(&self) -> Option<(Vec<f64>, &'static str)> {
        // 0 and 1 are names there.
        if self.key == "acks" {
            return None;
        }
        let numbers: Vec<(f64, &str)> = self.values.iter().map(number).collect::<Option<_>>()?;
        let unit = numbers.iter().map(|(_, unit)| *unit).max()?;
        let is_alike = |(_, other): &(f64, &str)| *other == unit || other.is_empty();
        // A bare number among sizes is one; among durations it would not have been read.
        let is_alike = numbers.iter().all(is_alike);
        let unit = if matches!(self.key.as_str(), "size" | "key-size") || unit == "B" {
            "B"
        } else {
            unit
        };
        is_alike.then(|| (numbers.into_iter().map(|(value, _)| value).collect(), unit))
    }
}

fn number(value: &Value) -> Option<(f64, &'static str)> {
    let text = match value {
        Value::Number(number) => return Some((number.as_f64()?, "")),
        Value::String(text) => text,
        _ => return None,
    };
    if let Ok(number) = text.parse() {
        return Some((number, ""));
    }
    if let Ok(ByteSize(bytes)) = text.parse() {
        return Some((bytes as f64, "B"));
    }
    let Span(duration) = text.parse().ok()?;
    Some((duration.as_secs_f64() * 1000.0, "ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(text: &str) -> Axis {
        text.parse().unwrap()
    }

    #[test]
    fn every_key_of_a_workload_can_be_an_axis() {
        for text in [
            "size=100,1KiB,10..20",
            "partitions=1,8",
            "acks=0,1,all",
            "linger=0s,5ms",
            "idempotent=true,false",
            "rate=1000,2000.5",
            "topic-config=flush.messages=1,flush.messages=1000",
        ] {
            axis(text).check().unwrap_or_else(|error| panic!("{error}"));
        }
    }

    #[test]
    fn what_a_workload_would_not_take_is_named() {
        for (text, word) in [
            ("bach-size=1", "bach-size"),
            ("acks=0,2", "`2`"),
            ("partitions=-1", "-1"),
            ("size=1KiB,1KiB", "twice"),
        ] {
            let error = axis(text).check().unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
        assert!("size".parse::<Axis>().is_err());
    }

    #[test]
    fn numbers_are_told_from_names() {
        let of = |text| axis(text).numbers();
        assert_eq!(of("size=100,1KiB"), Some((vec![100.0, 1024.0], "B")));
        assert_eq!(of("size=100,1000"), Some((vec![100.0, 1000.0], "B")));
        assert_eq!(of("linger=0s,5ms"), Some((vec![0.0, 5.0], "ms")));
        assert_eq!(of("partitions=1,8"), Some((vec![1.0, 8.0], "")));
        for names in ["acks=0,1", "compression=none,zstd", "size=100,1..5"] {
            assert_eq!(of(names), None, "{names}");
        }
    }
}
