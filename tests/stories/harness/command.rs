//! The commands of the `naru` binary, run against a broker.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::Broker;

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs `naru` with these words, separated by blanks, against the broker.
pub fn naru(broker: &Broker, words: &str) -> Said {
    naru_reading(broker, words, "")
}

/// As [`naru`], with this on stdin.
pub fn naru_reading(broker: &Broker, words: &str, stdin: &str) -> Said {
    let words: Vec<&str> = words.split_whitespace().collect();
    let mut child = command(&broker.bootstrap(), &words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended without reading.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    Said::from(child.wait_with_output().unwrap())
}

/// A command that is still to be started.
pub fn command(bootstrap: &str, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_naru"));
    command.args(words).env("NARU_BOOTSTRAP", bootstrap);
    command
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    /// What was printed, if the command ended well.
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// The same, as JSON.
    pub fn json(self) -> Value {
        let out = self.ok();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    /// What was complained of, if the command ended with this code.
    pub fn refused(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        self.err
    }
}
