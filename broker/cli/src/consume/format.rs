//! [`Format`]: how a record is written to stdout.

use std::io::{self, Write};
use std::str::FromStr;

use naru_client::{Partition, Record};

use super::format_json;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// The value and a line's end.
    Text,
    Json,
    /// The value's bytes.
    Raw,
    Pattern(Vec<Piece>),
}

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Literal(String),
    Topic,
    Partition,
    Offset,
    Key,
    Value,
    Headers,
    Timestamp,
    KeyBytes,
    ValueBytes,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "raw" => Ok(Self::Raw),
            pattern if pattern.contains('%') => parse(pattern).map(Self::Pattern),
            _ => Err("write text, json, raw, or a pattern such as '%o %k %v\\n'".to_owned()),
        }
    }
}

fn parse(pattern: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = pattern.chars();
    while let Some(letter) = rest.next() {
        let piece = match (letter, letter == '%' || letter == '\\') {
            (plain, false) => {
                literal.push(plain);
                continue;
            }
            ('\\', _) => {
                literal.push(match rest.next() {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    Some('0') => '\0',
                    Some('\\') => '\\',
                    other => return Err(unknown('\\', other)),
                });
                continue;
            }
            _ => match rest.next() {
                Some('%') => {
                    literal.push('%');
                    continue;
                }
                Some('t') => Piece::Topic,
                Some('p') => Piece::Partition,
                Some('o') => Piece::Offset,
                Some('k') => Piece::Key,
                // kcat's letters for the value and its size do, too.
                Some('v' | 's') => Piece::Value,
                Some('h') => Piece::Headers,
                Some('T') => Piece::Timestamp,
                Some('K') => Piece::KeyBytes,
                Some('V' | 'S') => Piece::ValueBytes,
                other => return Err(unknown('%', other)),
            },
        };
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(piece);
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

fn unknown(mark: char, letter: Option<char>) -> String {
    let letter = letter.map(String::from).unwrap_or_default();
    format!("{mark}{letter} stands for nothing: %t %p %o %k %v %h %T %K %V %% \\n \\t \\r \\0 do")
}

impl Format {
    /// Writes one record.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(
        &self,
        out: &mut impl Write,
        partition: &Partition,
        record: &Record,
    ) -> io::Result<()> {
        let value = record.value.as_deref().unwrap_or_default();
        match self {
            Self::Text => {
                out.write_all(value)?;
                out.write_all(b"\n")
            }
            Self::Raw => out.write_all(value),
            Self::Json => format_json::write(out, partition, record),
            Self::Pattern(pieces) => pieces
                .iter()
                .try_for_each(|piece| write_piece(out, piece, partition, record)),
        }
    }
}

/// -1 for null, as kcat has it.
fn size(field: Option<&[u8]>) -> i64 {
    field.map_or(-1, |bytes| bytes.len() as i64)
}

fn write_piece(
    out: &mut impl Write,
    piece: &Piece,
    partition: &Partition,
    record: &Record,
) -> io::Result<()> {
    match piece {
        Piece::Literal(text) => out.write_all(text.as_bytes()),
        Piece::Topic => out.write_all(partition.0.as_bytes()),
        Piece::Partition => write!(out, "{}", partition.1),
        Piece::Offset => write!(out, "{}", record.offset),
        Piece::Key => out.write_all(record.key.as_deref().unwrap_or_default()),
        Piece::Value => out.write_all(record.value.as_deref().unwrap_or_default()),
        Piece::Timestamp => write!(out, "{}", record.timestamp_ms),
        Piece::KeyBytes => write!(out, "{}", size(record.key.as_deref())),
        Piece::ValueBytes => write!(out, "{}", size(record.value.as_deref())),
        Piece::Headers => {
            for (index, (key, value)) in record.headers.iter().enumerate() {
                if index > 0 {
                    out.write_all(b",")?;
                }
                out.write_all(key)?;
                out.write_all(b"=")?;
                out.write_all(value.as_deref().unwrap_or_default())?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: &str) -> String {
        let record = Record {
            offset: 7,
            timestamp_ms: 1000,
            key: Some("k".into()),
            value: Some("v 1".into()),
            headers: vec![("a".into(), Some("1".into())), ("b".into(), None)],
        };
        let mut out = Vec::new();
        let format: Format = format.parse().unwrap();
        format.write(&mut out, &("t".into(), 3), &record).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_record_is_written_as_the_pattern_says() {
        assert_eq!(written("text"), "v 1\n");
        assert_eq!(written("raw"), "v 1");
        assert_eq!(
            written(r"%t[%p] %o %T %k=%v %K/%V %h 5%%\n"),
            "t[3] 7 1000 k=v 1 1/3 a=1,b= 5%\n"
        );
    }

    #[test]
    fn what_stands_for_nothing_is_refused() {
        for pattern in ["%x", "%", r"%v\x", "values"] {
            assert!(pattern.parse::<Format>().is_err(), "{pattern}");
        }
    }
}
