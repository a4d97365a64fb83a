//! The process as the kernel sees it, from `/proc/self`.

use std::fs;

/// `USER_HZ`: 100 on Linux, whatever the kernel's own tick is.
const TICKS_PER_SECOND: f64 = 100.0;

/// What is not known is `None`.
#[derive(Debug, Default)]
pub struct Process {
    pub cpu_seconds: Option<f64>,
    pub resident_bytes: Option<u64>,
    pub open_fds: Option<usize>,
    pub fds_max: Option<u64>,
    pub start_seconds: Option<f64>,
}

impl Process {
    pub fn read() -> Self {
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        let (stat, boot) = (text("/proc/self/stat"), text("/proc/stat"));
        Self {
            cpu_seconds: cpu_seconds(&stat),
            resident_bytes: resident_bytes(&text("/proc/self/status")),
            // The entry of this look is one too many.
            open_fds: fs::read_dir("/proc/self/fd")
                .ok()
                .map(|open| open.count() - 1),
            fds_max: fds_max(&text("/proc/self/limits")),
            start_seconds: start_seconds(&stat, &boot),
        }
    }
}

/// A field of `stat`, by its number in proc_pid_stat(5). The second, the name, may hold blanks.
fn stat_field(stat: &str, number: usize) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let field = after_name.split_whitespace().nth(number.checked_sub(3)?)?;
    field.parse().ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    let ticks = stat_field(stat, 14)? + stat_field(stat, 15)?;
    Some(ticks / TICKS_PER_SECOND)
}

fn start_seconds(stat: &str, boot: &str) -> Option<f64> {
    let booted = boot.lines().find_map(|line| line.strip_prefix("btime "))?;
    let booted: f64 = booted.trim().parse().ok()?;
    Some(booted + stat_field(stat, 22)? / TICKS_PER_SECOND)
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

fn fds_max(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_texts_are_read() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 0 0 0 0 0 150 50 0 0 20 0 9 0 1000 0";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(start_seconds(stat, "cpu 1\nbtime 5000\n"), Some(5010.0));
        assert_eq!(resident_bytes("VmHWM: 9 kB\nVmRSS:\t   3 kB\n"), Some(3072));
        assert_eq!(
            fds_max("Max open files            1024   4096   files\n"),
            Some(1024)
        );
        assert_eq!(fds_max(""), None);
    }

    #[test]
    fn this_process_is_known() {
        let process = Process::read();
        assert!(process.resident_bytes > Some(1 << 16), "{process:?}");
        assert!(process.start_seconds > Some(1e9), "{process:?}");
        assert!(process.open_fds > Some(2), "{process:?}");
    }
}
