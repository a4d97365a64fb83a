//! A record as one line of JSON. Keys and values that are no UTF-8 stand as hexadecimal digits
//! under another name, so that nobody takes them for text.

use std::fmt::Write as _;
use std::io::{self, Write};

use naru_client::{Partition, Record};
use serde::Serialize;

#[derive(Serialize)]
struct Line<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    timestamp_ms: i64,
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_hex: Option<String>,
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_hex: Option<String>,
    headers: Vec<Header<'a>>,
}

#[derive(Serialize)]
struct Header<'a> {
    key: String,
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_hex: Option<String>,
}

/// As text, or else as digits.
fn text_or_hex(field: Option<&[u8]>) -> (Option<&str>, Option<String>) {
    let Some(bytes) = field else {
        return (None, None);
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(_) => (None, Some(hex(bytes))),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // A string takes all that is written to it.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Writes the line.
///
/// # Errors
/// When it cannot be written.
pub fn write(out: &mut impl Write, partition: &Partition, record: &Record) -> io::Result<()> {
    let (key, key_hex) = text_or_hex(record.key.as_deref());
    let (value, value_hex) = text_or_hex(record.value.as_deref());
    let headers = record.headers.iter().map(|(key, value)| {
        let (value, value_hex) = text_or_hex(value.as_deref());
        Header {
            key: String::from_utf8_lossy(key).into_owned(),
            value,
            value_hex,
        }
    });
    let line = Line {
        topic: &partition.0,
        partition: partition.1,
        offset: record.offset,
        timestamp_ms: record.timestamp_ms,
        key,
        key_hex,
        value,
        value_hex,
        headers: headers.collect(),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_stands_as_digits() {
        let record = Record {
            offset: 7,
            timestamp_ms: 1000,
            key: None,
            value: Some(bytes::Bytes::from_static(&[0xff, 0x00])),
            headers: vec![("a".into(), Some("1".into()))],
        };
        let mut out = Vec::new();
        write(&mut out, &("t".into(), 3), &record).unwrap();
        let expected = "{\"topic\":\"t\",\"partition\":3,\"offset\":7,\"timestamp_ms\":1000,\
                        \"key\":null,\"value\":null,\"value_hex\":\"ff00\",\
                        \"headers\":[{\"key\":\"a\",\"value\":\"1\"}]}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
