//! Subscriptions by regular expression: Kafka's are RE2/J's, matched against whole names.
//!
//! The `regex` crate has RE2's syntax, and like it takes time linear in the text; what is left of
//! the difference:
//!
//! - `\Q…\E` and the characters that only that crate gives a meaning inside of a class (`[`, `&&`,
//!   `--`, `~~`) are translated, so that they mean what they do in RE2/J.
//! - `\C` (any byte) is refused.
//! - What is compiled is bounded by [`PROGRAM_BYTES_MAX`] and [`PATTERN_BYTES_MAX`]; larger is
//!   refused.

use regex::bytes::{Regex, RegexBuilder};

use super::super::GroupError;

/// What a compiled expression may take, in bytes. It bounds the time to compile it, too.
const PROGRAM_BYTES_MAX: usize = 256 << 10;
/// The longest expression.
const PATTERN_BYTES_MAX: usize = 4096;

/// An expression that whole topic names are matched against.
#[derive(Debug)]
pub struct TopicPattern(Regex);

impl TopicPattern {
    pub fn new(pattern: &str) -> Result<Self, GroupError> {
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(GroupError::InvalidRegularExpression);
        }
        // Alone first, or `a)(b` would be made valid by what is put around it.
        let translated = translate(pattern);
        build(&translated)?;
        build(&format!(r"\A(?:{translated})\z")).map(Self)
    }

    pub fn matches(&self, name: &str) -> bool {
        self.0.is_match(name.as_bytes())
    }
}

/// As in RE2/J, `\w`, `\d` and `\b` are about ASCII. An expression that asks for other classes of
/// characters (`\pL`) is built with them.
fn build(pattern: &str) -> Result<Regex, GroupError> {
    let with_unicode = |unicode| {
        RegexBuilder::new(pattern)
            .unicode(unicode)
            .size_limit(PROGRAM_BYTES_MAX)
            .dfa_size_limit(PROGRAM_BYTES_MAX)
            .build()
    };
    with_unicode(false)
        .or_else(|_| with_unicode(true))
        .map_err(|_| GroupError::InvalidRegularExpression)
}

/// From RE2/J's syntax to that of the `regex` crate.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(character) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix(r"\Q") {
            let (literal, after) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            out.push_str(&regex::escape(literal));
            rest = after;
            continue;
        }
        let taken = if character == '\\' {
            // With what it escapes.
            let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
            1 + escaped
        } else if !in_class && character == '[' {
            in_class = true;
            // A `]` that comes first stands for itself.
            let opened = if rest.starts_with("[^") { 2 } else { 1 };
            out.push_str(&rest[..opened]);
            rest = &rest[opened..];
            if let Some(after) = rest.strip_prefix(']') {
                out.push_str(r"\]");
                rest = after;
            }
            continue;
        } else if in_class && rest.starts_with("[:") && rest.contains(":]") {
            // A class by name, as in [[:alpha:]].
            rest.find(":]").map_or(1, |end| end + 2)
        } else {
            if in_class {
                in_class = character != ']';
                if matches!(character, '[' | '&' | '~') {
                    out.push('\\');
                }
            }
            character.len_utf8()
        };
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        TopicPattern::new(pattern).unwrap().matches(name)
    }

    #[test]
    fn the_whole_name_matches_or_nothing() {
        assert!(matches("orders", "orders"));
        assert!(!matches("orders", "orders-2"));
        assert!(!matches("rders", "orders"));
        assert!(matches("a|b", "b"));
        assert!(!matches("a|b", "ab"));
        assert!(!matches("orders$", "orders\n"));
    }

    #[test]
    fn what_cannot_be_an_expression_is_refused() {
        for pattern in [
            "(",
            "a)(b",
            "[a",
            r"a\",
            "(?=a)",
            r"(a)\1",
            r"\C",
            "a{3000}{3000}",
        ] {
            let refused = TopicPattern::new(pattern).err();
            assert_eq!(
                refused,
                Some(GroupError::InvalidRegularExpression),
                "{pattern}"
            );
        }
        let long = "a".repeat(PATTERN_BYTES_MAX + 1);
        assert!(TopicPattern::new(&long).is_err());
    }

    #[test]
    fn what_is_special_here_only_is_taken_as_re2j_takes_it() {
        assert!(matches(r"\Qa.b\E+", "a.bbb"));
        assert!(!matches(r"\Qa.b\E", "axb"));
        assert!(matches(r"\Qa.b", "a.b"));
        assert!(matches("[a[]+", "a[a"));
        assert!(matches("[]a]+", "]a"));
        assert!(matches("[^]a]+", "bc"));
        assert!(matches("[a&&b]+", "a&b"));
        assert!(matches("[a~~b]+", "a~b"));
        assert!(matches("[[:alpha:]_]+", "ab_"));
        assert!(matches(r"[\w.-]+", "a.b-c"));
        assert!(matches(r"\d+", "12"));
        assert!(!matches(r"\w+", "é"));
        assert!(matches(r"\pL+", "é"));
    }
}
