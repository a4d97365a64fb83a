//! A record: a stored type with its kind, its version and its length around it.

use super::{Malformed, Reader, Writer};

/// A type that is stored. Its kind, its version and its bytes are for ever.
pub trait Stored: Sized {
    const KIND: u16;
    const VERSION: u16;

    fn write(&self, to: &mut Writer);
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed>;

    /// Puts the whole record at the end.
    fn write_record(&self, to: &mut Writer) {
        let mut payload = Writer::default();
        self.write(&mut payload);
        to.u16(Self::KIND);
        to.u16(Self::VERSION);
        to.bytes(&payload.into_bytes());
    }

    /// The value of a record's payload.
    fn read_payload(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let value = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }
}

/// A record as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub kind: u16,
    pub version: u16,
    pub payload: &'a [u8],
}

impl<'a> Record<'a> {
    pub fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            kind: from.u16()?,
            version: from.u16()?,
            payload: from.bytes()?,
        })
    }
}

/// The kinds of one table: number, name, newest version.
pub type Kinds = [(u16, &'static str, u16)];

/// A record that only a newer broker can have written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownRecord {
    #[error(
        "a {what} of kind {kind} (version {version}), while this naru knows kinds up to \
         {newest_kind}; start a newer naru"
    )]
    Kind {
        what: &'static str,
        kind: u16,
        version: u16,
        newest_kind: u16,
    },
    #[error(
        "a {what} {name} of version {found}, while this naru reads up to version {known}; start \
         a newer naru"
    )]
    Version {
        what: &'static str,
        name: &'static str,
        found: u16,
        known: u16,
    },
}

/// Why stored bytes give no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error(transparent)]
    Unknown(#[from] UnknownRecord),
    #[error("{what}: {reason}")]
    Malformed {
        what: &'static str,
        reason: Malformed,
    },
    #[error("{0}")]
    Inconsistent(String),
}

impl Unreadable {
    /// What a record is that no arm of its table has taken.
    pub fn record(what: &'static str, record: &Record<'_>, kinds: &Kinds) -> Self {
        let Record { kind, version, .. } = *record;
        let known = kinds.iter().find(|(number, ..)| *number == kind);
        match known {
            Some((_, name, known)) if version > *known => UnknownRecord::Version {
                what,
                name,
                found: version,
                known: *known,
            }
            .into(),
            Some((_, name, _)) => {
                Self::Inconsistent(format!("there is no version {version} of a {what} {name}"))
            }
            None => UnknownRecord::Kind {
                what,
                kind,
                version,
                newest_kind: kinds.iter().map(|(number, ..)| *number).max().unwrap_or(0),
            }
            .into(),
        }
    }

    pub fn malformed(what: &'static str) -> impl FnOnce(Malformed) -> Self {
        move |reason| Self::Malformed { what, reason }
    }
}
