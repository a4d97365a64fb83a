//! One row of a table of keys, and the check of a text against it.

use super::value::{Kind, parse_bytes};
use crate::config::machine::Machine;

/// A key: what it is called, what it takes, what it is when nobody sets it.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub default: Default,
    pub valid: Valid,
    /// One sentence for people; DescribeConfigs shows it as the documentation.
    pub doc: &'static str,
}

/// A default, as text.
#[derive(Debug, Clone, Copy)]
pub enum Default {
    /// Kafka's null: not set.
    Null,
    Is(&'static str),
    /// Depends on the machine.
    Of(fn(&Machine) -> String),
}

impl Default {
    pub(in crate::config) fn text(self, machine: &Machine) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Is(text) => Some(text.to_owned()),
            Self::Of(compute) => Some(compute(machine)),
        }
    }
}

/// What a key takes, beyond its type.
#[derive(Debug, Clone, Copy)]
pub enum Valid {
    Any,
    AtLeast(i64),
    Between(i64, i64),
    /// From 0 to 1.
    Fraction,
    OneOf(&'static [&'static str]),
    /// A list of these.
    SomeOf(&'static [&'static str]),
    NotEmpty,
}

impl Key {
    /// The text in its canonical form (bytes as a plain number, lists without blanks), or why the
    /// key does not take it.
    pub(in crate::config) fn normalise(&self, text: &str) -> Result<String, String> {
        match self.kind {
            Kind::Boolean => match text.to_ascii_lowercase().as_str() {
                flag @ ("true" | "false") => Ok(flag.to_owned()),
                _ => Err("must be true or false".into()),
            },
            Kind::Int => self.integer(text, i32::MIN.into(), i32::MAX.into()),
            Kind::Short => self.integer(text, i16::MIN.into(), i16::MAX.into()),
            Kind::Long => self.integer(text, i64::MIN, i64::MAX),
            Kind::Bytes => {
                let bytes = parse_bytes(text).ok_or("must be bytes, as in 512m or 2g")?;
                self.in_range(bytes)?;
                Ok(bytes.to_string())
            }
            Kind::Double => self.double(text),
            Kind::List => self.list(text),
            Kind::String => self.choice(text),
        }
    }

    fn integer(&self, text: &str, min: i64, max: i64) -> Result<String, String> {
        let number: i64 = text
            .parse()
            .map_err(|_| "must be a whole number".to_owned())?;
        if number < min || number > max {
            return Err(format!("must be from {min} to {max}"));
        }
        self.in_range(number)?;
        Ok(number.to_string())
    }

    fn in_range(&self, number: i64) -> Result<(), String> {
        match self.valid {
            Valid::AtLeast(min) if number < min => Err(format!("must be at least {min}")),
            Valid::Between(min, max) if number < min || number > max => {
                Err(format!("must be from {min} to {max}"))
            }
            _ => Ok(()),
        }
    }

    fn double(&self, text: &str) -> Result<String, String> {
        match text.parse::<f64>() {
            Ok(number) if !number.is_finite() => Err("must be a finite number".into()),
            Ok(number)
                if matches!(self.valid, Valid::Fraction) && !(0.0..=1.0).contains(&number) =>
            {
                Err("must be from 0 to 1".into())
            }
            Ok(_) => Ok(text.to_owned()),
            Err(_) => Err("must be a number".into()),
        }
    }

    fn list(&self, text: &str) -> Result<String, String> {
        let items: Vec<&str> = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .collect();
        if let Valid::SomeOf(allowed) = self.valid
            && let Some(wrong) = items.iter().find(|item| !allowed.contains(item))
        {
            return Err(format!("{wrong} is none of {}", allowed.join(", ")));
        }
        if matches!(self.valid, Valid::NotEmpty) && items.is_empty() {
            return Err("must not be empty".into());
        }
        Ok(items.join(","))
    }

    fn choice(&self, text: &str) -> Result<String, String> {
        match self.valid {
            Valid::OneOf(allowed) if !allowed.contains(&text) => {
                Err(format!("must be one of {}", allowed.join(", ")))
            }
            Valid::NotEmpty if text.is_empty() => Err("must not be empty".into()),
            _ => Ok(text.to_owned()),
        }
    }
}
