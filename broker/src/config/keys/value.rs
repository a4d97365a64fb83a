//! The types that a key's text is read into.

/// Kafka's type of a key; the discriminants are DescribeConfigs' `ConfigType` (v3 and above).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum Kind {
    Boolean = 1,
    String = 2,
    Int = 3,
    Short = 4,
    Long = 5,
    Double = 6,
    List = 7,
    /// A size that may be written with `k`, `m` or `g`; no key of Kafka's takes that.
    Bytes = 127,
}

impl Kind {
    /// The number that DescribeConfigs sends; a size is shown as the plain number it is.
    pub fn wire_type(self) -> i8 {
        match self {
            Self::Bytes => Self::Long as i8,
            other => other as i8,
        }
    }
}

/// A type that a key can have.
pub trait Value: Sized {
    const KIND: Kind;

    /// Reads text that passed the key's row; `None` is null. The error is a sentence.
    fn read(text: Option<&str>) -> Result<Self, String>;
}

fn not_null(text: Option<&str>) -> Result<&str, String> {
    text.ok_or_else(|| "must be set".to_owned())
}

macro_rules! numbers {
    ($($Type:ty => $Kind:ident),* $(,)?) => {
        $(impl Value for $Type {
            const KIND: Kind = Kind::$Kind;

            fn read(text: Option<&str>) -> Result<Self, String> {
                not_null(text)?
                    .parse()
                    .map_err(|_| concat!("does not fit ", stringify!($Type)).to_owned())
            }
        })*
    };
}

numbers! {
    i32 => Int,
    u32 => Int,
    u16 => Int,
    usize => Int,
    i16 => Short,
    i64 => Long,
    u64 => Long,
    f64 => Double,
    bool => Boolean,
}

impl Value for String {
    const KIND: Kind = Kind::String;

    fn read(text: Option<&str>) -> Result<Self, String> {
        not_null(text).map(str::to_owned)
    }
}

impl Value for Vec<String> {
    const KIND: Kind = Kind::List;

    fn read(text: Option<&str>) -> Result<Self, String> {
        Ok(not_null(text)?
            .split(',')
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect())
    }
}

impl<V: Value> Value for Option<V> {
    const KIND: Kind = V::KIND;

    fn read(text: Option<&str>) -> Result<Self, String> {
        text.map(|text| V::read(Some(text))).transpose()
    }
}

/// A bound that may be absent; Kafka writes any negative number for "none".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Limit(Option<u64>);

impl Limit {
    pub const NONE: Self = Self(None);

    pub fn of(bound: u64) -> Self {
        Self(Some(bound))
    }

    /// The bound; `None` where there is none.
    pub fn get(self) -> Option<u64> {
        self.0
    }
}

impl Value for Limit {
    const KIND: Kind = Kind::Long;

    fn read(text: Option<&str>) -> Result<Self, String> {
        i64::read(text).map(|number| Self(u64::try_from(number).ok()))
    }
}

/// What becomes of old records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    pub delete: bool,
    pub compact: bool,
}

impl Value for CleanupPolicy {
    const KIND: Kind = Kind::List;

    fn read(text: Option<&str>) -> Result<Self, String> {
        let text = not_null(text)?;
        let has = |policy| text.split(',').any(|item| item == policy);
        Ok(Self {
            delete: has("delete"),
            compact: has("compact"),
        })
    }
}

/// Whose clock a record's timestamp is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    CreateTime,
    LogAppendTime,
}

impl Value for TimestampType {
    const KIND: Kind = Kind::String;

    fn read(text: Option<&str>) -> Result<Self, String> {
        match not_null(text)? {
            "CreateTime" => Ok(Self::CreateTime),
            "LogAppendTime" => Ok(Self::LogAppendTime),
            _ => Err("must be CreateTime or LogAppendTime".into()),
        }
    }
}

/// How much of a produced batch is looked at before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordValidation {
    /// Every record, decompressed: no producer can leave a batch that no consumer can read.
    Full,
    /// The batch's header and checksum only.
    Header,
}

impl Value for RecordValidation {
    const KIND: Kind = Kind::String;

    fn read(text: Option<&str>) -> Result<Self, String> {
        match not_null(text)? {
            "full" => Ok(Self::Full),
            "header" => Ok(Self::Header),
            _ => Err("must be full or header".into()),
        }
    }
}

/// A size in bytes: a number, with `k`, `m` or `g` for powers of 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl Value for Bytes {
    const KIND: Kind = Kind::Bytes;

    fn read(text: Option<&str>) -> Result<Self, String> {
        u64::read(text).map(Self)
    }
}

/// The number of bytes that a text such as `512m` means.
pub(super) fn parse_bytes(text: &str) -> Option<i64> {
    let lower = text.to_ascii_lowercase();
    let (digits, shift) = match lower.strip_suffix(['k', 'm', 'g']) {
        Some(digits) if lower.ends_with('k') => (digits, 10),
        Some(digits) if lower.ends_with('m') => (digits, 20),
        Some(digits) => (digits, 30),
        None => (lower.as_str(), 0),
    };
    let number: i64 = digits.trim_end().parse().ok()?;
    number.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(parse_bytes("7"), Some(7));
        assert_eq!(parse_bytes("64k"), Some(64 << 10));
        assert_eq!(parse_bytes("512M"), Some(512 << 20));
        assert_eq!(parse_bytes("2 g"), Some(2 << 30));
        assert_eq!(parse_bytes("9999999999999g"), None);
        assert_eq!(parse_bytes("g"), None);
        assert_eq!(parse_bytes("1t"), None);
    }

    #[test]
    fn any_negative_number_is_no_limit() {
        assert_eq!(Limit::read(Some("-1")), Ok(Limit::NONE));
        assert_eq!(Limit::read(Some("0")), Ok(Limit::of(0)));
    }
}
