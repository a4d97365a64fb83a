//! Where records come from: the command line, a file, or stdin, whose lines are read on a thread of
//! their own, so that what somebody types is sent before the next line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::command::ProduceArgs;
use crate::failure::Failure;

/// Lines that are read ahead.
const LINES_AHEAD_MAX: usize = 1024;

/// No broker takes a larger record; a file without line ends is not meant.
const LINE_BYTES_MAX: u64 = 1 << 30;

/// A key and a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
}

/// Takes lines apart.
pub struct Parser {
    key: Option<Vec<u8>>,
    separator: Option<Vec<u8>>,
    empty_is_null: bool,
}

impl Parser {
    pub fn new(args: &ProduceArgs) -> Self {
        let bytes = |text: &Option<String>| text.as_ref().map(|text| text.clone().into_bytes());
        Self {
            key: bytes(&args.key),
            separator: bytes(&args.key_separator).filter(|separator| !separator.is_empty()),
            empty_is_null: args.empty_is_null,
        }
    }

    /// The record of one line, which has no line end any more.
    pub fn parse(&self, line: Vec<u8>) -> Input {
        let (key, value) = match &self.separator {
            None => (self.key.clone(), line),
            Some(separator) => {
                let mut windows = line.windows(separator.len());
                match windows.position(|window| window == separator) {
                    None => (None, line),
                    Some(at) => {
                        let value = line
                            .get(at + separator.len()..)
                            .unwrap_or_default()
                            .to_vec();
                        (line.get(..at).map(<[u8]>::to_vec), value)
                    }
                }
            }
        };
        let is_null = self.empty_is_null && value.is_empty();
        Input {
            key,
            value: (!is_null).then_some(value),
        }
    }
}

/// The lines, as they come. Ends after the last one, or with the first error.
pub fn lines(args: &ProduceArgs) -> Result<Receiver<io::Result<Vec<u8>>>, Failure> {
    let (sender, receiver) = sync_channel(LINES_AHEAD_MAX);
    if !args.values.is_empty() {
        let values = args.values.clone();
        thread::spawn(move || {
            let mut values = values.into_iter();
            values.all(|value| sender.send(Ok(value.into_bytes())).is_ok())
        });
        return Ok(receiver);
    }
    match &args.file {
        None => thread::spawn(move || read(io::stdin().lock(), &sender)),
        Some(path) => {
            let file = File::open(path)
                .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
            thread::spawn(move || read(BufReader::new(file), &sender))
        }
    };
    Ok(receiver)
}

fn read(mut source: impl BufRead, sender: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut line = Vec::new();
        let read = source
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line);
        let line = match read {
            Ok(0) => return,
            Ok(_) => {
                if line.last() == Some(&b'\n') {
                    line.pop();
                } else if line.len() as u64 == LINE_BYTES_MAX {
                    let what = format!("a line is longer than {LINE_BYTES_MAX} bytes");
                    let _ = sender.send(Err(io::Error::other(what)));
                    return;
                }
                Ok(line)
            }
            Err(error) => Err(error),
        };
        let is_last = line.is_err();
        // Who receives may have failed, and says why.
        if sender.send(line).is_err() || is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(
        separator: Option<&str>,
        empty_is_null: bool,
        line: &str,
    ) -> (Option<String>, Option<String>) {
        let parser = Parser {
            key: None,
            separator: separator.map(|text| text.as_bytes().to_vec()),
            empty_is_null,
        };
        let input = parser.parse(line.as_bytes().to_vec());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (input.key.map(text), input.value.map(text))
    }

    #[test]
    fn the_first_separator_ends_the_key() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            parsed(Some("::"), false, "k::v::w"),
            (some("k"), some("v::w"))
        );
        assert_eq!(parsed(Some("::"), false, "v"), (None, some("v")));
        assert_eq!(parsed(Some(":"), true, "k:"), (some("k"), None));
        assert_eq!(parsed(Some(":"), false, "k:"), (some("k"), some("")));
        assert_eq!(parsed(None, false, "k:v"), (None, some("k:v")));
    }

    #[test]
    fn lines_come_without_their_ends_and_the_last_may_have_none() {
        let (sender, receiver) = sync_channel(8);
        read(&b"a\n\nb\r\nc"[..], &sender);
        drop(sender);
        let lines: Vec<Vec<u8>> = receiver.iter().map(Result::unwrap).collect();
        assert_eq!(lines, [&b"a"[..], b"", b"b\r", b"c"]);
    }
}
