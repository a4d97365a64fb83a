//! Reads the `.properties` format as Kafka's `server.properties` uses it.
//!
//! The rules are those of `java.util.Properties`: `#` and `!` open a comment, a key ends at the
//! first bare `=`, `:` or blank, a backslash escapes, and an odd number of backslashes at the end
//! of a line joins the next one to it. Two things are stricter, because a typing error is better
//! found at start than in production: the text is UTF-8, and half of a surrogate pair is an error.
//!
//! This file knows no key and no type: it hands out text, with the line that it came from.

use std::iter::Peekable;
use std::str::Chars;

/// One `key = value` of the file, in the file's order; a key may occur more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub value: String,
    /// The line on which the entry begins, counted from 1.
    pub line: usize,
}

/// Why a file is not a properties file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct PropertiesError {
    pub line: usize,
    pub reason: String,
}

/// Takes the text apart. Never panics, whatever the text.
pub fn parse(text: &str) -> Result<Vec<Entry>, PropertiesError> {
    let mut entries = Vec::new();
    let mut lines = natural_lines(text).into_iter().enumerate();
    while let Some((at, natural)) = lines.next() {
        let line = at + 1;
        let mut logical = natural.trim_start_matches(is_blank).to_owned();
        if logical.is_empty() || logical.starts_with(['#', '!']) {
            continue;
        }
        while ends_in_lone_backslash(&logical) {
            logical.pop();
            let Some((_, next)) = lines.next() else { break };
            logical.push_str(next.trim_start_matches(is_blank));
        }
        entries.push(entry(&logical, line)?);
    }
    Ok(entries)
}

/// Splits at `\n`, `\r` and `\r\n`, the three ends of a line that the format knows.
fn natural_lines(text: &str) -> Vec<&str> {
    text.split('\n')
        .flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
        .collect()
}

/// The format's white space is ASCII: a no-break space is part of a value.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

fn ends_in_lone_backslash(line: &str) -> bool {
    line.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1
}

fn entry(logical: &str, line: usize) -> Result<Entry, PropertiesError> {
    let mut chars = logical.chars().peekable();
    let mut key = String::new();
    while let Some(&c) = chars.peek() {
        if matches!(c, '=' | ':') || is_blank(c) {
            break;
        }
        chars.next();
        key.push(unescape(c, &mut chars, line)?);
    }
    skip_blanks(&mut chars);
    if chars.next_if(|c| matches!(c, '=' | ':')).is_some() {
        skip_blanks(&mut chars);
    }
    let mut value = String::new();
    while let Some(c) = chars.next() {
        value.push(unescape(c, &mut chars, line)?);
    }
    Ok(Entry { key, value, line })
}

fn skip_blanks(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| is_blank(*c)).is_some() {}
}

fn unescape(c: char, rest: &mut Peekable<Chars<'_>>, line: usize) -> Result<char, PropertiesError> {
    if c != '\\' {
        return Ok(c);
    }
    match rest.next() {
        Some('t') => Ok('\t'),
        Some('n') => Ok('\n'),
        Some('r') => Ok('\r'),
        Some('f') => Ok('\x0c'),
        Some('u') => unicode(rest, line),
        Some(other) => Ok(other),
        // Unreachable by way of `parse`, which takes a lone backslash off the end of a line.
        None => Ok('\\'),
    }
}

/// `\uXXXX` is a UTF-16 unit, so that a character above U+FFFF takes two of them.
fn unicode(rest: &mut Peekable<Chars<'_>>, line: usize) -> Result<char, PropertiesError> {
    let first = utf16_unit(rest, line)?;
    let pair = if (0xd800..0xdc00).contains(&first) {
        let escape = rest.next() == Some('\\') && rest.next() == Some('u');
        let second = if escape { utf16_unit(rest, line)? } else { 0 };
        vec![first, second]
    } else {
        vec![first]
    };
    match char::decode_utf16(pair).next() {
        Some(Ok(c)) => Ok(c),
        _ => Err(PropertiesError {
            line,
            reason: format!("\\u{first:04x} is half of a surrogate pair"),
        }),
    }
}

fn utf16_unit(rest: &mut Peekable<Chars<'_>>, line: usize) -> Result<u16, PropertiesError> {
    let mut unit = 0u16;
    for _ in 0..4 {
        let digit = rest
            .next()
            .and_then(|c| c.to_digit(16))
            .and_then(|digit| u16::try_from(digit).ok());
        let Some(digit) = digit else {
            return Err(PropertiesError {
                line,
                reason: "\\u must be followed by four hexadecimal digits".into(),
            });
        };
        unit = (unit << 4) | digit;
    }
    Ok(unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(text: &str) -> Vec<(String, String, usize)> {
        parse(text)
            .unwrap()
            .into_iter()
            .map(|e| (e.key, e.value, e.line))
            .collect()
    }

    fn pair(text: &str) -> (String, String) {
        let (key, value, _) = pairs(text).remove(0);
        (key, value)
    }

    #[test]
    fn the_three_separators_mean_the_same() {
        for text in ["k=v", "k:v", "k v", "  k \t=  v", "k : v", "k\tv"] {
            assert_eq!(pair(text), ("k".into(), "v".into()), "{text:?}");
        }
        assert_eq!(pair("k"), ("k".into(), String::new()));
        assert_eq!(pair("k==v"), ("k".into(), "=v".into()));
        assert_eq!(pair("listeners=PLAINTEXT://:9092").1, "PLAINTEXT://:9092");
    }

    #[test]
    fn comments_and_blank_lines_do_not_count_but_keep_the_line_numbers() {
        let text = "# one\n\n  ! two\r\na=1\rb=2\r\n\n c=3 # kept";
        assert_eq!(
            pairs(text),
            [
                ("a".into(), "1".into(), 4),
                ("b".into(), "2".into(), 5),
                ("c".into(), "3 # kept".into(), 7)
            ]
        );
    }

    #[test]
    fn an_odd_backslash_at_the_end_joins_the_next_line() {
        assert_eq!(
            pairs("a=x,\\\n    y,\\\n  z\nb=2"),
            [("a".into(), "x,y,z".into(), 1), ("b".into(), "2".into(), 4)]
        );
        assert_eq!(pair("a=x\\\\").1, "x\\");
        assert_eq!(pair("a=x\\").1, "x");
    }

    #[test]
    fn escapes_are_java_s() {
        assert_eq!(
            pair("a\\=b\\ c=\\t\\n\\\\\\q"),
            ("a=b c".into(), "\t\n\\q".into())
        );
        assert_eq!(pair("a=\\u0041\\ud83d\\ude00").1, "A😀");
    }

    #[test]
    fn a_bad_escape_names_its_line() {
        let error = parse("a=1\nb=\\u00g0").unwrap_err();
        assert_eq!(error.line, 2);
        assert!(parse("a=\\ud83d").unwrap_err().reason.contains("d83d"));
        assert!(parse("a=\\ud83d\\u0041").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\\\=: \t\r\n#!ua-f0-9é😀]{0,64}|\\PC{0,64}") {
            let _ = parse(&text);
        }

        #[test]
        fn a_plain_pair_reads_back(key in "[a-z][a-z.]{0,20}", value in "[!-~&&[^\\\\]]{0,40}") {
            let text = format!("{key}={value}\n");
            prop_assert_eq!(pair(&text), (key, value));
        }
    }
}
