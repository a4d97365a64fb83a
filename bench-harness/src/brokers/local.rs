//! [`LocalBroker`]: a broker that a command started, on a free port, with a data directory of its
//! own. It is gone when the command is done, however that ends.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::place::PlaceError;
use crate::interrupt::{self, Guard};
use crate::kafka::Admin;

/// How long a broker may take until it answers.
const START_TIME_MAX: Duration = Duration::from_secs(90);

/// How long it may take to end when it is asked to; then it is killed.
const STOP_TIME_MAX: Duration = Duration::from_secs(20);

const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// How much of a broker's output an error shows, in bytes.
const OUTPUT_BYTES_SHOWN: i64 = 2000;

#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error("`{command}` cannot be started: {reason}")]
    Start { command: String, reason: String },
    #[error("`{command}` {what}; the end of what it said:\n{output}")]
    Silent {
        command: String,
        what: String,
        output: String,
    },
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("interrupted")]
    Interrupted,
}

/// A broker that ends, with all processes it started and its data, when this is dropped.
pub struct LocalBroker {
    command: String,
    /// The command with all places filled in: a program and its arguments.
    words: Vec<String>,
    bootstrap: String,
    child: Child,
    /// Before the directory: an interrupt that comes when both are gone has nothing to remove.
    guard: Guard,
    data: TempDir,
}

impl LocalBroker {
    /// Runs `command`, without a shell: words may be quoted, `{port}` is a free port of 127.0.0.1,
    /// `{data}` a new directory below `place`. Waits until the broker answers.
    pub fn start(command: &str, place: &Path) -> Result<Self, BrokerError> {
        let failed = |reason: String| BrokerError::Start {
            command: command.to_owned(),
            reason,
        };
        let mut folder = tempfile::Builder::new();
        let data = folder.prefix("naru-bench-").tempdir_in(place);
        let data = data.map_err(|error| failed(format!("{}: {error}", place.display())))?;
        let port = free_port().map_err(|error| failed(error.to_string()))?;
        let words = split_words(command).map_err(failed)?;
        let place = |word: &String| {
            let word = word.replace("{port}", &port.to_string());
            word.replace("{data}", &data.path().join("data").display().to_string())
        };
        let words: Vec<String> = words.iter().map(place).collect();
        let child = spawn(&words, data.path()).map_err(failed)?;
        let mut broker = Self {
            command: command.to_owned(),
            words,
            bootstrap: format!("127.0.0.1:{port}"),
            guard: Guard::of_broker(group_of(&child), data.path()),
            child,
            data,
        };
        broker.wait_until_it_answers()?;
        Ok(broker)
    }

    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Kills all of its processes, as a crash would, and starts the command again on the same port
    /// and data. Does not wait until it answers: that may be what is measured.
    pub fn crash_and_start(&mut self) -> Result<(), BrokerError> {
        let _ = killpg(group_of(&self.child), Signal::SIGKILL);
        let _ = self.child.wait();
        let failed = |reason: String| BrokerError::Start {
            command: self.command.clone(),
            reason,
        };
        let child = spawn(&self.words, self.data.path()).map_err(failed)?;
        self.guard = Guard::of_broker(group_of(&child), self.data.path());
        self.child = child;
        Ok(())
    }

    /// An error if its process has ended.
    pub fn check(&mut self) -> Result<(), BrokerError> {
        match self.child.try_wait() {
            Ok(Some(status)) => Err(self.silent(format!("ended with {status}"))),
            _ => Ok(()),
        }
    }

    /// Stops all of its processes where they are: they use no CPU and answer nobody until
    /// [`Self::resume`].
    pub fn pause(&self) {
        // Errors mean that it has ended, which the next run notices.
        let _ = killpg(group_of(&self.child), Signal::SIGSTOP);
    }

    pub fn resume(&self) {
        let _ = killpg(group_of(&self.child), Signal::SIGCONT);
    }

    fn wait_until_it_answers(&mut self) -> Result<(), BrokerError> {
        let deadline = Instant::now() + START_TIME_MAX;
        while Admin::connect(&self.bootstrap)
            .and_then(|admin| admin.describe_cluster())
            .is_err()
        {
            if interrupt::is_requested() {
                return Err(BrokerError::Interrupted);
            }
            self.check()?;
            if Instant::now() > deadline {
                let seconds = START_TIME_MAX.as_secs();
                return Err(self.silent(format!("did not answer within {seconds} s")));
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    fn silent(&self, what: String) -> BrokerError {
        BrokerError::Silent {
            command: self.command.clone(),
            what,
            output: self.last_output(),
        }
    }

    fn last_output(&self) -> String {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(self.data.path().join("output"))?;
            let length = file.metadata()?.len() as i64;
            file.seek(SeekFrom::Start((length - OUTPUT_BYTES_SHOWN).max(0) as u64))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
    }
}

impl Drop for LocalBroker {
    fn drop(&mut self) {
        let group = group_of(&self.child);
        // Errors mean that it has ended. One that is paused takes no signal but this.
        let _ = killpg(group, Signal::SIGTERM);
        let _ = killpg(group, Signal::SIGCONT);
        let deadline = Instant::now() + STOP_TIME_MAX;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(LOOK_INTERVAL);
        }
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// Runs a program in a process group of its own; what it says goes to a file in `folder`.
fn spawn(words: &[String], folder: &Path) -> Result<Child, String> {
    let (program, arguments) = words.split_first().ok_or("it is empty")?;
    let output = File::options()
        .create(true)
        .append(true)
        .open(folder.join("output"));
    let output = output.and_then(|file| Ok((file.try_clone()?, file)));
    let (stdout, stderr) = output.map_err(|error| error.to_string())?;
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .process_group(0)
        .spawn()
        .map_err(|error| error.to_string())
}

/// It was started as the leader of a group of its own.
fn group_of(child: &Child) -> Pid {
    Pid::from_raw(child.id() as i32)
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Words between white space; single or double quotes keep it.
fn split_words(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in text.chars() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".into());
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_would_without_doing_anything_else() {
        let words = split_words("a  'b c' d\"e f\"g '' $x").unwrap();
        assert_eq!(words, ["a", "b c", "de fg", "", "$x"]);
        assert!(split_words("a 'b").is_err());
    }

    #[test]
    fn a_command_that_ends_shows_what_it_said() {
        let error = LocalBroker::start(
            "sh -c 'echo no such option: {port} >&2; exit 3'",
            &std::env::temp_dir(),
        );
        let text = error.err().unwrap().to_string();
        assert!(
            text.contains("exit status: 3") && text.contains("no such option"),
            "{text}"
        );
    }

    #[test]
    fn a_command_that_is_not_there_is_named() {
        let error = LocalBroker::start("/nowhere/broker --port {port}", &std::env::temp_dir());
        assert!(error.err().unwrap().to_string().contains("/nowhere/broker"));
    }
}
