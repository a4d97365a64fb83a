//! A broker process of the story's own: free port, temporary directory, killed on drop.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::WAIT_MAX;
use super::raw::Raw;

/// Groups form at once, and need no fifty partitions: what a story waits for is the broker.
/// The known records are of 2023, and retention would be right to take them away.
const USUAL: [(&str, &str); 3] = [
    ("log.retention.ms", "-1"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("offsets.topic.num.partitions", "4"),
];

pub struct Broker {
    port: u16,
    settings: Vec<(String, String)>,
    dir: TempDir,
    process: Option<Process>,
    /// What earlier processes on the same directory said.
    said_before: String,
}

struct Process {
    child: Child,
    said: Arc<Said>,
    reader: JoinHandle<()>,
    /// Hears that stderr is closed, which is when the process has ended.
    ended: Receiver<()>,
}

#[derive(Default)]
struct Said {
    stderr: Mutex<Vec<u8>>,
    more: Condvar,
}

impl Broker {
    /// Starts a broker with these settings on top of its defaults, and waits until it answers.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let mut broker = Self::new(settings);
        broker.start_again();
        broker
    }

    /// As [`Self::start`], on a copy of a data directory.
    pub fn start_on_copy(of: &Path, settings: &[(&str, &str)]) -> Self {
        let mut broker = Self::new(settings);
        copy_files(of, broker.dir.path());
        broker.start_again();
        broker
    }

    fn new(settings: &[(&str, &str)]) -> Self {
        Self {
            port: free_port(),
            settings: USUAL
                .iter()
                .chain(settings)
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            dir: TempDir::with_prefix("naru-story-").unwrap(),
            process: None,
            said_before: String::new(),
        }
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts the broker on the directory and port that it had before.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "the broker still runs");
        self.wait_for_port();
        let command = broker_command(self.port, self.dir.path(), &self.settings);
        self.process = Some(Process::spawn(command));
        let begun = Instant::now();
        while Raw::connect_to(self.port)
            .and_then(|mut raw| raw.api_versions())
            .is_err()
        {
            let process = self.process.as_mut().unwrap();
            if let Some(status) = process.child.try_wait().unwrap() {
                panic!("the broker ended while it started: {status}");
            }
            assert!(
                begun.elapsed() < WAIT_MAX,
                "the broker did not answer in time"
            );
            process.wait_for_word();
        }
    }

    /// After SIGKILL the kernel takes the rings down when the process is gone already, and they
    /// hold the listening sockets until then.
    fn wait_for_port(&self) {
        let begun = Instant::now();
        while TcpListener::bind(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < WAIT_MAX, "the port is never free again");
            // It is a matter of milliseconds, and no event tells of it.
            thread::yield_now();
        }
    }

    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn raw(&self) -> Raw {
        Raw::connect_to(self.port).unwrap()
    }

    /// SIGKILL: nothing of the process's own runs any more.
    pub fn kill_9(&mut self) {
        let status = self.stop(Signal::SIGKILL);
        assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "{status}");
    }

    /// SIGTERM, and the wait until the process has ended.
    pub fn terminate(&mut self) -> ExitStatus {
        self.stop(Signal::SIGTERM)
    }

    /// What the processes said that have ended.
    pub fn said(&self) -> &str {
        &self.said_before
    }

    /// Memory that the broker holds now, and the most that it has held since it started.
    pub fn resident_bytes(&self) -> (u64, u64) {
        let process = self.process.as_ref().unwrap();
        let status = fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap();
        let field = |name: &str| -> u64 {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
            kib * 1024
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// Waits until the broker holds this many connections of clients.
    pub fn wait_for_connections(&self, count: usize) {
        let begun = Instant::now();
        while self.connections() != count {
            let now = self.connections();
            assert!(
                begun.elapsed() < WAIT_MAX,
                "{now} connections are open, not {count}"
            );
            // No event tells of it.
            thread::yield_now();
        }
    }

    /// The connections to the broker's port that it has accepted and not closed.
    fn connections(&self) -> usize {
        let local_port = format!(":{:04X}", self.port);
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        let is_held = |line: &&str| {
            let mut fields = line.split_whitespace().skip(1);
            let mut next = || fields.next().unwrap_or_default();
            let (local, _remote, state) = (next(), next(), next());
            // 0A listens. No process has the socket of what is not accepted, or is closed.
            let inode = line.split_whitespace().nth(9).unwrap_or_default();
            local.ends_with(&local_port) && state != "0A" && inode != "0"
        };
        table.lines().skip(1).filter(is_held).count()
    }

    /// The CPU time that all of the broker's threads have used together, to 10 ms.
    pub fn cpu_time(&self) -> Duration {
        let process = self.process.as_ref().unwrap();
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.child.id())).unwrap();
        // The name, in parentheses, may hold blanks; utime and stime are fields 14 and 15.
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(|field| field.parse::<u64>().unwrap()).sum();
        // USER_HZ is 100 on Linux, whatever the kernel's own tick is.
        Duration::from_millis(ticks * 10)
    }

    /// Forgets the peak, so that `resident_bytes` tells of what comes from now on.
    pub fn forget_peak(&self) {
        let process = self.process.as_ref().unwrap();
        // 5 resets VmHWM to what is resident now (proc_pid_clear_refs(5)).
        fs::write(format!("/proc/{}/clear_refs", process.child.id()), "5").unwrap();
    }

    fn stop(&mut self, signal: Signal) -> ExitStatus {
        let mut process = self.process.take().unwrap();
        process.signal(signal);
        if process.ended.recv_timeout(WAIT_MAX).is_err() {
            self.process = Some(process);
            panic!("the broker did not end after {signal}");
        }
        let status = process.child.wait().unwrap();
        self.said_before.push_str(&process.said_at_the_end());
        status
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::SIGKILL);
            let _ = process.child.wait();
            self.said_before.push_str(&process.said_at_the_end());
        }
        if thread::panicking() {
            eprintln!("--- what the broker said\n{}---", self.said_before);
        }
    }
}

impl Process {
    fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stderr.take().unwrap();
        let said = Arc::new(Said::default());
        let sink = Arc::clone(&said);
        let (end, ended) = mpsc::channel();
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut chunk) {
                let mut stderr = sink.stderr.lock().unwrap();
                stderr.extend_from_slice(&chunk[..count]);
                sink.more.notify_all();
            }
            // Nobody listens any more when a story is over.
            let _ = end.send(());
        });
        Self {
            child,
            said,
            reader,
            ended,
        }
    }

    /// Waits until the process says something more, or for a moment: not every broker says
    /// that it serves now.
    fn wait_for_word(&self) {
        let stderr = self.said.stderr.lock().unwrap();
        let moment = Duration::from_millis(50);
        let _ = self.said.more.wait_timeout(stderr, moment).unwrap();
    }

    fn signal(&mut self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        // It may have ended by itself; the wait tells.
        let _ = kill(pid, signal);
    }

    /// Only once the process has ended, or this waits for it.
    fn said_at_the_end(self) -> String {
        let _ = self.reader.join();
        String::from_utf8_lossy(&self.said.stderr.lock().unwrap()).into_owned()
    }
}

/// Naru's own binary, or what `NARU_TEST_BROKER` names: PORT and DIR in it are filled in, and
/// the settings follow as key=value.
fn broker_command(port: u16, dir: &Path, settings: &[(String, String)]) -> Command {
    let dir = dir.to_str().unwrap();
    let Ok(peer) = std::env::var("NARU_TEST_BROKER") else {
        let mut command = Command::new(env!("CARGO_BIN_EXE_naru"));
        command.arg("start");
        command.args(["--set", &format!("listeners=PLAINTEXT://127.0.0.1:{port}")]);
        command.args(["--set", &format!("log.dirs={dir}")]);
        for (key, value) in settings {
            command.args(["--set", &format!("{key}={value}")]);
        }
        return command;
    };
    let mut words = peer
        .split_whitespace()
        .map(|word| word.replace("PORT", &port.to_string()).replace("DIR", dir));
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    command.args(settings.iter().map(|(key, value)| format!("{key}={value}")));
    command
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_files(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

/// A port that nobody listens on. It stays the broker's over restarts, as clients expect, so
/// it lies below the ports that the kernel gives to connections (32768 and up): a client
/// that tries while the broker is down must not end up holding it, or connected to itself.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let turn = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(turn < 10_000, "no port is free");
        // Test processes that run side by side begin at different places.
        let port = 12_000 + (std::process::id() * 131 + turn) % 20_000;
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
