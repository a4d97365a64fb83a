//! A process of this machine, and what it has used so far.
//!
//! Everything comes from `/proc`; the process notices nothing of it. A snapshot is of all threads,
//! and figures that count up never go down from one snapshot of a [`Process`] to the next, whatever
//! its threads do. An id that was given to another process meanwhile is an error, not a figure.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use nix::sys::resource::{UsageWho, getrusage};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

use super::{listener, proc_text};
use crate::outcome::Usage;

/// Longest command line that reports show, in characters: a JVM's class path is longer than the
/// report.
const COMMAND_LINE_CHARS_MAX: usize = 300;

#[derive(Debug)]
pub struct Process {
    id: u32,
    started_ticks: u64,
    name: String,
    command_line: String,
    switches: Mutex<Switches>,
}

/// Context switches: voluntary and involuntary.
type Pair = (u64, u64);

/// The kernel keeps context switches by thread and drops them with the thread; what ended threads
/// were last seen with is kept here. Switches between that and the thread's end are not seen.
#[derive(Debug, Default)]
struct Switches {
    by_thread: BTreeMap<u32, Pair>,
    of_ended: Pair,
}

impl Switches {
    /// Takes what the threads that live now have counted, and gives the sum over all that ever
    /// were.
    fn take(&mut self, now: BTreeMap<u32, Pair>) -> Pair {
        for (thread, seen) in std::mem::replace(&mut self.by_thread, now) {
            // A lower count is a new thread with an old id.
            let lives = self
                .by_thread
                .get(&thread)
                .is_some_and(|count| count.0 >= seen.0 && count.1 >= seen.1);
            if !lives {
                self.of_ended = (self.of_ended.0 + seen.0, self.of_ended.1 + seen.1);
            }
        }
        let counts = self.by_thread.values();
        counts.fold(self.of_ended, |sum, count| {
            (sum.0 + count.0, sum.1 + count.1)
        })
    }
}

impl Process {
    /// The process that asks.
    ///
    /// # Errors
    /// When `/proc` is not mounted.
    pub fn me() -> io::Result<Self> {
        Self::from_pid(std::process::id())
    }

    /// The process that listens on `address`; `None` when that is another machine's address, when
    /// nobody listens there, or when it is a process of another user that may not be looked at.
    pub fn listening_on(address: SocketAddr) -> Option<Self> {
        Self::from_pid(listener::process_listening_on(address)?).ok()
    }

    /// # Errors
    /// When there is no such process.
    pub fn from_pid(id: u32) -> io::Result<Self> {
        let name = read(id, "comm")?.trim_end().to_owned();
        let arguments = fs::read(format!("/proc/{id}/cmdline"))?;
        let command_line = String::from_utf8_lossy(&arguments).replace('\0', " ");
        Ok(Self {
            id,
            started_ticks: stat_of(id)?.started_ticks,
            name,
            command_line: trimmed(command_line.trim_end()),
            switches: Mutex::default(),
        })
    }

    pub fn id(&self) -> u32 {
        self.id
    }

    /// As the kernel has it: up to 15 bytes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Arguments with blanks between them, cut to 300 characters.
    pub fn command_line(&self) -> &str {
        &self.command_line
    }

    /// Lets `rss_peak_bytes` begin anew at what is resident now. `false` when the kernel refuses (a
    /// process of another user, or a kernel without page monitoring): the peak is then the one
    /// since the process began.
    #[must_use]
    pub fn reset_peak(&self) -> bool {
        // proc(5), clear_refs: 5 resets the peak resident set size and nothing else.
        fs::write(format!("/proc/{}/clear_refs", self.id), "5").is_ok()
    }

    /// What the process has used since it began.
    ///
    /// # Errors
    /// When the process has ended or may not be looked at.
    pub fn snapshot(&self) -> io::Result<Usage> {
        let stat = stat_of(self.id)?;
        if stat.started_ticks != self.started_ticks {
            return Err(self.has_ended());
        }
        let status = read(self.id, "status")?;
        let io = read(self.id, "io")?;
        let kib = |key| proc_text::number(&status, key).map(|kib| kib * 1024);
        let device = |key| proc_text::number(&io, key).unwrap_or_default();
        let (voluntary, involuntary) = self.context_switches()?;
        // In ns, of all threads there were; the split is in ticks of 10 ms.
        let cpu = clock_getcpuclockid(Pid::from_raw(self.id as i32))?.now()?;
        let cpu_s = cpu.tv_sec() as f64 + cpu.tv_nsec() as f64 / 1e9;
        Ok(Usage {
            cpu_user_s: stat.cpu_user_s,
            cpu_system_s: cpu_s - stat.cpu_user_s,
            // A process that has ended, but was not waited for, has a status without memory.
            rss_bytes: kib("VmRSS").ok_or_else(|| self.has_ended())?,
            rss_peak_bytes: kib("VmHWM").ok_or_else(|| self.has_ended())?,
            context_switches_voluntary: voluntary,
            context_switches_involuntary: involuntary,
            device_write_bytes: device("write_bytes"),
            device_read_bytes: device("read_bytes"),
        })
    }

    /// How many file descriptors the process has open.
    ///
    /// # Errors
    /// When the process has ended or may not be looked at.
    pub fn open_files(&self) -> io::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.id))?.count())
    }

    fn context_switches(&self) -> io::Result<Pair> {
        if self.id == std::process::id() {
            // The own process can ask for the sum, which no ended thread is missing from.
            let usage = getrusage(UsageWho::RUSAGE_SELF)?;
            let count = |switches| u64::try_from(switches).unwrap_or_default();
            return Ok((
                count(usage.voluntary_context_switches()),
                count(usage.involuntary_context_switches()),
            ));
        }
        let mut now = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{}/task", self.id))? {
            let Some(thread) = entry?.file_name().to_str().and_then(|id| id.parse().ok()) else {
                continue;
            };
            // A thread may end between the listing and the reading.
            let Ok(status) = read(self.id, &format!("task/{thread}/status")) else {
                continue;
            };
            let count = |key| proc_text::number(&status, key);
            let both = count("voluntary_ctxt_switches").zip(count("nonvoluntary_ctxt_switches"));
            now.extend(both.map(|both| (thread, both)));
        }
        let mut switches = self.switches.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(switches.take(now))
    }

    fn has_ended(&self) -> io::Error {
        let message = format!("process {} ({}) has ended", self.id, self.name);
        io::Error::new(io::ErrorKind::NotFound, message)
    }
}

impl Usage {
    /// What was used from one snapshot to a later one of the same process. Memory is that of the
    /// later one.
    #[must_use]
    pub fn between(before: &Self, after: &Self) -> Self {
        let count = |of: fn(&Self) -> u64| of(after).saturating_sub(of(before));
        // The sum is exact; which part of it was the user's is known to a tick.
        let cpu_s = (after.cpu_s() - before.cpu_s()).max(0.0);
        let cpu_user_s = (after.cpu_user_s - before.cpu_user_s).clamp(0.0, cpu_s);
        Self {
            cpu_user_s,
            cpu_system_s: cpu_s - cpu_user_s,
            rss_bytes: after.rss_bytes,
            rss_peak_bytes: after.rss_peak_bytes,
            context_switches_voluntary: count(|usage| usage.context_switches_voluntary),
            context_switches_involuntary: count(|usage| usage.context_switches_involuntary),
            device_write_bytes: count(|usage| usage.device_write_bytes),
            device_read_bytes: count(|usage| usage.device_read_bytes),
        }
    }
}

fn read(process: u32, file: &str) -> io::Result<String> {
    let path = format!("/proc/{process}/{file}");
    // Names are bytes that a process chooses.
    let bytes = fs::read(&path)
        .map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn stat_of(process: u32) -> io::Result<proc_text::Stat> {
    let text = read(process, "stat")?;
    proc_text::stat(&text).ok_or_else(|| {
        let message = format!("/proc/{process}/stat has not the fields of proc(5)");
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

fn trimmed(text: &str) -> String {
    match text.char_indices().nth(COMMAND_LINE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn threads_that_end_keep_what_they_were_seen_with() {
        let mut switches = Switches::default();
        assert_eq!(switches.take([(1, (10, 1)), (2, (20, 2))].into()), (30, 3));
        assert_eq!(switches.take([(1, (15, 1))].into()), (35, 3));
        // Thread 2 is another one now.
        assert_eq!(switches.take([(1, (15, 1)), (2, (3, 0))].into()), (38, 3));
        assert_eq!(switches.take([(1, (15, 1)), (2, (1, 0))].into()), (39, 3));
    }

    #[test]
    fn work_and_writes_show_up_in_the_difference() {
        let process = Process::me().unwrap();
        let before = process.snapshot().unwrap();
        let mut file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let mut sum = 0_u64;
        let mut usage = Usage::default();
        // Bounded by what was used, not by the clock: a tick is 10 ms of CPU time.
        while usage.cpu_s() < 0.05 {
            sum = (0..1_000_000).fold(sum, |sum, n| std::hint::black_box(sum ^ n));
            usage = Usage::between(&before, &process.snapshot().unwrap());
        }
        file.write_all(&vec![1; 1 << 20]).unwrap();
        file.sync_data().unwrap();
        let after = process.snapshot().unwrap();
        usage = Usage::between(&before, &after);
        assert!(usage.device_write_bytes >= 1 << 20, "{usage:?}");
        assert!(usage.rss_bytes > 0 && usage.rss_peak_bytes >= usage.rss_bytes);
        assert!(after.context_switches_voluntary > 0);
    }

    #[test]
    fn cpu_time_is_known_to_less_than_a_tick() {
        let process = Process::me().unwrap();
        let before = process.snapshot().unwrap();
        let mut sum = 0_u64;
        loop {
            sum = (0..10_000).fold(sum, |sum, n| std::hint::black_box(sum ^ n));
            let used = Usage::between(&before, &process.snapshot().unwrap()).cpu_s();
            if used > 0.0 {
                // Other tests may work meanwhile, but not to a whole tick.
                let ticks = used * 100.0;
                assert!((ticks - ticks.round()).abs() > 1e-6, "{used}");
                return;
            }
        }
    }

    #[test]
    fn a_child_is_seen_while_it_lives_and_an_error_when_it_is_gone() {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let process = Process::from_pid(child.id()).unwrap();
        // Until the child has become `cat`, its name and memory are still ours.
        while Process::from_pid(child.id()).unwrap().name() != "cat" {
            std::thread::yield_now();
        }
        let first = process.snapshot().unwrap();
        input.write_all(b"hello\n").unwrap();
        let second = process.snapshot().unwrap();
        assert!(second.context_switches_voluntary >= first.context_switches_voluntary);
        assert!(first.rss_bytes > 0);
        drop(input);
        child.wait().unwrap();
        assert!(process.snapshot().is_err());
    }

    #[test]
    fn a_long_command_line_is_cut_between_characters() {
        assert_eq!(trimmed("short"), "short");
        let cut = trimmed(&"ä".repeat(400));
        assert_eq!(cut.chars().count(), COMMAND_LINE_CHARS_MAX + 1);
        let me = Process::me().unwrap();
        assert!(
            me.command_line()
                .starts_with(&std::env::args().next().unwrap()[..20])
        );
    }
}
