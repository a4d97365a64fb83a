//! Quantities as people write them: `16KiB`, `1MB`, `5s`, `all`. Every one reads what it prints.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Gives a type that is read and shown as text the same form in files: a string, or a bare number
/// for those that take one.
macro_rules! serde_as_text {
    ($type:ty, $expects:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expects)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                    fn visit_i64<E: de::Error>(self, number: i64) -> Result<$type, E> {
                        self.visit_str(&number.to_string())
                    }
                    fn visit_u64<E: de::Error>(self, number: u64) -> Result<$type, E> {
                        self.visit_str(&number.to_string())
                    }
                }
                deserializer.deserialize_any(Text)
            }
        }
    };
}
pub(super) use serde_as_text;

/// Bytes. Read with units of 1000 (`kB`/`KB`, `MB`, `GB`) or 1024 (`KiB`, `MiB`, `GiB`), or
/// without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

const BYTE_UNITS: [(&str, u64); 10] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1000),
    ("KB", 1000),
    ("B", 1),
    ("M", 1 << 20),
    ("K", 1 << 10),
];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (number, unit) = BYTE_UNITS
            .iter()
            .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))
            .unwrap_or((text, 1));
        let error = || format!("`{text}` is no size: write 100, 16KiB or 1MB");
        let number: f64 = number.trim().parse().map_err(|_| error())?;
        let bytes = number * unit as f64;
        if !(0.0..=9e15).contains(&bytes) {
            return Err(error());
        }
        Ok(Self(bytes as u64))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = |unit: u64| self.0 > 0 && self.0.is_multiple_of(unit);
        match BYTE_UNITS.iter().find(|(_, unit)| exact(*unit)) {
            Some((name, unit)) if *unit > 1 => write!(f, "{}{name}", self.0 / unit),
            _ => write!(f, "{}", self.0),
        }
    }
}

/// A length of time: `5s`, `100ms`, `1m 30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text)
            .map(Self)
            .map_err(|error| format!("`{text}` is no duration ({error}): write 5s or 100ms"))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", humantime::format_duration(self.0))
    }
}

/// A closed set of words.
macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$word_doc:meta])* $variant:ident = $word:literal $(| $also:literal)*,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type {
            $($(#[$word_doc])* $variant,)*
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word $(| $also)* => Ok(Self::$variant),)*
                    _ => Err(format!("`{text}` is not one of {}", [$($word),*].join(", "))),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $word,)*
                })
            }
        }

        serde_as_text!($type, "a word");
    };
}

words! {
    /// When a produce request is answered.
    Acks {
        /// Never.
        None = "0",
        /// When the leader has written it.
        Leader = "1",
        /// When every in-sync replica has it.
        All = "all" | "-1",
    }
}

words! {
    /// The compression of record batches.
    Codec {
        None = "none",
        Gzip = "gzip",
        Snappy = "snappy",
        Lz4 = "lz4",
        Zstd = "zstd",
    }
}

words! {
    /// Which partition the next record goes to.
    Partitioner {
        /// The same until its batch is full, then the next one (KIP-480).
        Sticky = "sticky",
        /// The next one for every record.
        RoundRobin = "round-robin",
    }
}

words! {
    /// When the consumers read.
    Reads {
        /// While the producers write.
        Tail = "tail",
        /// From the beginning, after the producers have ended.
        Cold = "cold",
    }
}

serde_as_text!(ByteSize, "a size such as 16KiB");
serde_as_text!(Span, "a duration such as 5s");

impl Acks {
    /// As the wire has it.
    pub fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_both_kinds_of_units() {
        for (text, bytes) in [
            ("100", 100),
            ("16KiB", 16384),
            ("1MB", 1_000_000),
            ("1.5MiB", 1_572_864),
            ("8 KiB", 8192),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        assert!("1XB".parse::<ByteSize>().unwrap_err().contains("16KiB"));
        assert!("-1".parse::<ByteSize>().is_err());
    }

    #[test]
    fn what_is_shown_reads_back() {
        for bytes in [0, 1, 100, 1000, 1024, 1_000_000, 1 << 20, 1_000_001] {
            let size = ByteSize(bytes);
            assert_eq!(size.to_string().parse(), Ok(size));
        }
        assert_eq!(Acks::All.to_string().parse(), Ok(Acks::All));
        assert!("2".parse::<Acks>().unwrap_err().contains("0, 1, all"));
    }
}
