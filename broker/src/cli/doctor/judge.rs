//! What the facts mean for a broker, and what to do.

use serde::Serialize;

use super::facts::Facts;

const GIB: u64 = 1 << 30;

/// What is taken of the disk before a broker that stands still is worth a warning.
const FREE_BYTES_MIN: u64 = 5 * GIB;

/// Connections and segments that are open together on a broker of some size.
const FILES_MIN: u64 = 65_536;
/// Fewer than this does not do for anything.
const FILES_FEW: u64 = 1_024;

/// What glommio locks for the maintenance thread, with some room.
const LOCKED_BYTES_MIN: u64 = 4 << 20;

/// How good something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Good,
    /// It works, and could work better or safer.
    Warning,
    /// The broker does not start, or does not keep what it promises.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What that means, and what to do; empty if it is good.
    pub advice: String,
}

impl Check {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, Verdict::Good, found, "")
    }

    fn warning(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warning, found, advice)
    }

    fn bad(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(name, Verdict::Bad, found, advice)
    }

    fn new(
        name: &'static str,
        verdict: Verdict,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            name,
            verdict,
            found: found.into(),
            advice: advice.into(),
        }
    }
}

pub fn judge(facts: &Facts) -> Vec<Check> {
    vec![
        kernel(facts),
        io_uring(facts),
        locked_memory(facts),
        files(facts),
        cores(facts),
        memory(facts),
        file_system(facts),
        direct_io(facts),
        device(facts),
        free_space(facts),
    ]
}

fn kernel(facts: &Facts) -> Check {
    let name = "kernel";
    let mut numbers = facts
        .kernel
        .split(|c: char| !c.is_ascii_digit())
        .map(str::parse::<u32>);
    let version = match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
        _ => {
            let advice = "the version is not known; Linux 6.1 or newer is wanted";
            return Check::warning(name, facts.kernel.clone(), advice);
        }
    };
    let found = format!("Linux {}", facts.kernel);
    if version < (5, 11) {
        return Check::bad(
            name,
            found,
            "io_uring lacks what the broker needs: Linux 5.11 or newer",
        );
    }
    if version < (6, 1) {
        let advice =
            "the ring runs in a slower mode (no DEFER_TASKRUN): Linux 6.1 or newer is better";
        return Check::warning(name, found, advice);
    }
    Check::good(name, found)
}

fn io_uring(facts: &Facts) -> Check {
    let name = "io_uring";
    let mut around = Vec::new();
    if let Some(disabled) = facts.io_uring_disabled.filter(|disabled| *disabled > 0) {
        around.push(format!("kernel.io_uring_disabled={disabled}"));
    }
    if facts.seccomp == Some(2) {
        around.push("a seccomp filter is active".to_owned());
    }
    let around = match around.is_empty() {
        true => String::new(),
        false => format!(" ({})", around.join(", ")),
    };
    match &facts.ring {
        Ok(()) => Check::good(name, format!("a ring can be made{around}")),
        Err(reason) => Check::bad(name, format!("refused{around}"), reason.clone()),
    }
}

fn locked_memory(facts: &Facts) -> Check {
    let name = "locked memory";
    match facts.locked_bytes_max {
        Some(bytes) if bytes < LOCKED_BYTES_MIN => Check::warning(
            name,
            format!("ulimit -l is {}", size(bytes)),
            "the maintenance thread may not get its buffers: raise LimitMEMLOCK= in the systemd \
             unit, or ulimit -l, to 8 MiB or more",
        ),
        Some(u64::MAX) => Check::good(name, "without a limit"),
        Some(bytes) => Check::good(name, format!("ulimit -l is {}", size(bytes))),
        None => Check::warning(name, "not known", "see ulimit -l; 8 MiB or more is wanted"),
    }
}

fn files(facts: &Facts) -> Check {
    let name = "file descriptors";
    let Some(max) = facts.files_max else {
        return Check::warning(name, "not known", "see ulimit -Hn; 65536 or more is wanted");
    };
    let found = format!("up to {max} (ulimit -Hn)");
    let advice = "each connection and each segment that is written or read takes one: raise \
                  LimitNOFILE= in the systemd unit, or ulimit -Hn";
    if max < FILES_FEW {
        Check::bad(name, found, advice)
    } else if max < FILES_MIN {
        Check::warning(name, found, advice)
    } else {
        Check::good(name, found)
    }
}

fn cores(facts: &Facts) -> Check {
    let name = "cores";
    let found = format!("{} cores for {} shards", facts.cores, facts.shards);
    if facts.shards > facts.cores {
        let advice = "shards that share a core wait for each other: lower naru.shards";
        return Check::warning(name, found, advice);
    }
    Check::good(name, found)
}

fn memory(facts: &Facts) -> Check {
    let name = "memory";
    let Some(bytes) = facts.memory_bytes else {
        return Check::warning(name, "not known", "naru.memory must fit into it");
    };
    let (whole, own) = (size(bytes), size(facts.naru_memory_bytes));
    let found = format!("{own} of {whole} (naru.memory)");
    if facts.naru_memory_bytes > bytes {
        return Check::bad(name, found, "there is not that much: lower naru.memory");
    }
    if facts.naru_memory_bytes > bytes / 4 * 3 {
        let advice = "the process takes more than naru.memory, for its code, connections and \
                      metadata: leave it a quarter of the machine, or it is killed when memory ends";
        return Check::warning(name, found, advice);
    }
    Check::good(name, found)
}

fn file_system(facts: &Facts) -> Check {
    let name = "file system";
    let Some(kind) = &facts.file_system else {
        return Check::warning(
            name,
            "not known",
            "ext4 and XFS are what the broker is tested on",
        );
    };
    let found = format!("{kind} at {}", facts.directory.display());
    match kind.as_str() {
        "ext4" | "xfs" => Check::good(name, found),
        "tmpfs" | "ramfs" => Check::warning(
            name,
            found,
            "memory: all of it is gone when the machine stops",
        ),
        "overlay" => Check::warning(
            name,
            found,
            "a container's own layer: it is gone with the container, and slow; mount a volume",
        ),
        kind if kind.starts_with("nfs") || kind == "cifs" || kind.starts_with("fuse") => {
            Check::warning(
                name,
                found,
                "what a flush means there is not known to the broker: use a local disk for data \
                 that must survive a power cut",
            )
        }
        _ => Check::warning(name, found, "the broker is tested on ext4 and XFS"),
    }
}

fn direct_io(facts: &Facts) -> Check {
    let name = "direct I/O";
    match &facts.direct {
        Ok(flushes) => Check::good(
            name,
            format!(
                "4 KiB written and flushed in {:.0?} (median), {:.0?} (longest of 21)",
                flushes.median, flushes.longest
            ),
        ),
        Err(reason) if reason.contains("O_DIRECT") => Check::warning(
            name,
            reason.clone(),
            "files are written through the page cache: as safe, at more CPU and memory",
        ),
        Err(reason) => Check::bad(
            name,
            reason.clone(),
            "the broker cannot keep data there: see its owner, its mode and whether it is mounted \
             read-only",
        ),
    }
}

fn device(facts: &Facts) -> Check {
    let name = "device";
    let device = &facts.device;
    let Some(disk) = &device.name else {
        let advice =
            "no block device is known for it: whether a flush reaches a disk cannot be told";
        return Check::warning(name, "not known", advice);
    };
    let cache = match device.write_cache.as_deref() {
        Some("write back") => "its write cache is flushed for every acks=all",
        Some("write through") => "it has no write cache, or one that survives a power cut",
        _ => "its write cache is not known",
    };
    let found = format!("{disk}: {cache}");
    if device.is_rotational == Some(true) {
        let advice = "a disk that turns, or one that says so: a flush takes milliseconds, so that \
                      producers need large batches or many requests in flight";
        return Check::warning(name, found, advice);
    }
    Check::good(name, found)
}

fn free_space(facts: &Facts) -> Check {
    let name = "free space";
    let (Some(free), Some(total)) = (facts.free_bytes, facts.total_bytes) else {
        return Check::warning(name, "not known", "see df");
    };
    let found = format!("{} of {}", size(free), size(total));
    if free < FREE_BYTES_MIN || free < total / 20 {
        let advice = "a full disk refuses records until there is room: free some, or bound topics \
                      by retention.bytes";
        return Check::warning(name, found, advice);
    }
    Check::good(name, found)
}

fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} bytes"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::device::Device;
    use super::super::facts::Flushes;
    use super::*;

    fn good() -> Facts {
        Facts {
            kernel: "6.18.5-arch1".into(),
            ring: Ok(()),
            io_uring_disabled: Some(0),
            seccomp: Some(0),
            locked_bytes_max: Some(8 << 20),
            files_max: Some(1 << 20),
            cores: 4,
            shards: 4,
            memory_bytes: Some(16 * GIB),
            naru_memory_bytes: 4 * GIB,
            directory: "/data".into(),
            file_system: Some("xfs".into()),
            free_bytes: Some(500 * GIB),
            total_bytes: Some(1000 * GIB),
            direct: Ok(Flushes {
                median: Duration::from_micros(80),
                longest: Duration::from_millis(2),
            }),
            device: Device {
                name: Some("nvme0n1".into()),
                write_cache: Some("write back".into()),
                is_rotational: Some(false),
            },
        }
    }

    /// The check that is not good, of which there must be one.
    fn complaint(change: impl FnOnce(&mut Facts)) -> Check {
        let mut facts = good();
        change(&mut facts);
        let checks = judge(&facts).into_iter();
        let mut complaints = checks.filter(|check| check.verdict != Verdict::Good);
        let complaint = complaints.next().expect("something is wrong");
        assert_eq!(complaints.next(), None);
        assert!(!complaint.advice.is_empty(), "{complaint:?}");
        complaint
    }

    #[test]
    fn a_machine_that_suits_gets_no_advice() {
        for check in judge(&good()) {
            assert_eq!(
                (check.verdict, check.advice.as_str()),
                (Verdict::Good, ""),
                "{check:?}"
            );
        }
    }

    #[test]
    fn what_keeps_a_broker_from_working_is_bad() {
        let old = complaint(|facts| facts.kernel = "5.10.0".into());
        assert_eq!((old.name, old.verdict), ("kernel", Verdict::Bad));
        let forbidden = complaint(|facts| {
            facts.ring = Err("set kernel.io_uring_disabled=0".into());
            facts.io_uring_disabled = Some(2);
            facts.seccomp = Some(2);
        });
        assert_eq!(
            (forbidden.name, forbidden.verdict),
            ("io_uring", Verdict::Bad)
        );
        let found = "refused (kernel.io_uring_disabled=2, a seccomp filter is active)";
        assert_eq!(forbidden.found, found);
        assert_eq!(
            complaint(|facts| facts.files_max = Some(256)).verdict,
            Verdict::Bad
        );
        assert_eq!(
            complaint(|facts| facts.memory_bytes = Some(GIB)).verdict,
            Verdict::Bad
        );
        let unwritable = complaint(|facts| facts.direct = Err("no file can be made".into()));
        assert_eq!(unwritable.verdict, Verdict::Bad);
    }

    #[test]
    fn what_could_be_better_is_a_warning() {
        let warns = |name: &str, change: fn(&mut Facts)| {
            let check = complaint(change);
            assert_eq!(
                (check.name, check.verdict),
                (name, Verdict::Warning),
                "{check:?}"
            );
        };
        warns("kernel", |facts| facts.kernel = "5.15.0-generic".into());
        warns("locked memory", |facts| {
            facts.locked_bytes_max = Some(64 << 10)
        });
        warns("file descriptors", |facts| facts.files_max = Some(4096));
        warns("cores", |facts| facts.cores = 2);
        warns("memory", |facts| facts.naru_memory_bytes = 15 * GIB);
        warns("file system", |facts| {
            facts.file_system = Some("overlay".into())
        });
        warns("file system", |facts| {
            facts.file_system = Some("nfs4".into())
        });
        warns("direct I/O", |facts| {
            facts.direct = Err("no direct I/O (O_DIRECT)".into())
        });
        warns("device", |facts| facts.device.is_rotational = Some(true));
        warns("device", |facts| facts.device = Device::default());
        warns("free space", |facts| facts.free_bytes = Some(GIB));
    }
}
