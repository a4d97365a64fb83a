//! The command from outside: a typo is no verdict, and whoever interrupts it finds no process and
//! no directory of it.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Far beyond what is expected: it bounds a failure.
const WAIT_MAX: Duration = Duration::from_secs(60);

fn bench(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_naru-bench"));
    command
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[track_caller]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}");
        thread::yield_now();
    }
}

fn lives(process: i32) -> bool {
    // A zombie that nobody waits for has ended, too.
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
    !matches!(state.chars().next(), None | Some('Z' | 'X'))
}

/// Starts a comparison whose broker never answers, and gives the signal when it is there.
fn interrupted_by(signal: Signal, broker: &str) {
    let place = tempfile::tempdir().unwrap();
    let notes = tempfile::tempdir().unwrap();
    let note = notes.path().join("pid");
    let broker = format!(
        "sh -c 'echo $$ > {0}.new; mv {0}.new {0}; {broker}' {{port}} {{data}}",
        note.display()
    );
    let data_dir = place.path().display().to_string();
    let mut command = bench(&["compare", "--a-command", &broker, "--b-command", &broker]);
    let mut command = command.args(["--data-dir", &data_dir]).spawn().unwrap();
    let read = || fs::read_to_string(&note).ok()?.trim().parse().ok();
    let process: i32 = wait_for("the broker is started", read);
    assert!(lives(process) && fs::read_dir(&place).unwrap().count() == 1);
    kill(Pid::from_raw(command.id() as i32), signal).unwrap();
    let status = wait_for("the command ends", || command.try_wait().unwrap());
    assert!(!status.success(), "{status}");
    wait_for("the broker ends", || (!lives(process)).then_some(()));
    assert_eq!(left_in(place.path()), Vec::<String>::new());
}

fn left_in(place: &Path) -> Vec<String> {
    let entries = fs::read_dir(place).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    entries
        .map(name)
        .map(|name| name.into_string().unwrap())
        .collect()
}

#[test]
fn ctrl_c_while_a_broker_starts_leaves_nothing() {
    interrupted_by(Signal::SIGINT, "exec sleep 600");
}

#[test]
fn sigterm_leaves_neither_the_broker_nor_what_it_has_started() {
    interrupted_by(Signal::SIGTERM, "sleep 600 & wait");
}

#[test]
fn a_typo_is_a_usage_error_and_not_a_verdict() {
    for words in [
        &["gate", "--bse", "x", "--head", "."][..],
        &["gate", "--base", "x", "--head", ".", "--rounds-max", "many"],
        &[
            "gate",
            "--base",
            "no-such-revision",
            "--head",
            "no-such-revision",
        ],
        &["no-such-command"],
    ] {
        let status = bench(words).status().unwrap();
        assert_eq!(status.code(), Some(3), "{words:?}");
    }
    assert_eq!(bench(&["gate", "--help"]).status().unwrap().code(), Some(0));
}
