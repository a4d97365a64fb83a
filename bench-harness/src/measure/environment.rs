//! What a result was measured on: machine, disk, programs. Stored with every result, since results
//! are published.
//!
//! Invariant: nothing in it names the host, a user or a directory; hence no mount point, and only
//! those mount options whose values say how the file system works.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use nix::sys::stat::{major, minor};
use serde::{Deserialize, Serialize};

use super::proc_text::{self, Mount};

/// Mount options that are kept with their value; of others with a value nothing is kept (addresses,
/// users, paths).
const OPTIONS_WITH_VALUE: [&str; 14] = [
    "allocsize",
    "barrier",
    "commit",
    "compress",
    "compress-force",
    "data",
    "discard",
    "errors",
    "huge",
    "logbsize",
    "logbufs",
    "size",
    "space_cache",
    "stripe",
];

const UNKNOWN: &str = "unknown";

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Environment {
    /// Release and architecture.
    pub kernel: String,
    pub cpu_model: String,
    /// Those that this process may use.
    pub cores: usize,
    pub memory_bytes: u64,
    /// The disk below the directory that was asked about.
    pub disk: Option<DiskOf>,
    pub bench_version: String,
    /// The commit of Naru's tree, when run inside one; `-dirty` after it when the tree has
    /// changes.
    pub commit: Option<String>,
    /// UTC, RFC 3339.
    pub date: String,
    /// What the caller knows of the broker: `address`, `cluster.id`, `software`, its configs. Empty
    /// if none took part.
    #[serde(default)]
    pub broker: BTreeMap<String, String>,
}

/// Where a directory's bytes go.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct DiskOf {
    /// `/dev/…`, or the kind of file system for one without a device.
    pub device: String,
    pub file_system: String,
    pub mount_options: Vec<String>,
    /// `write back` or `write through`: whether a flush has anything to do. `None` when the kernel
    /// does not say.
    pub write_cache: Option<String>,
}

impl Environment {
    /// This machine, with the disk below `dir`. What cannot be found out is "unknown" or absent.
    pub fn of(dir: &Path) -> Self {
        let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        Self {
            kernel: kernel(),
            // Some architectures other than x86-64 have no such line.
            cpu_model: proc_text::line(&cpu_info, "model name")
                .unwrap_or(UNKNOWN)
                .into(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: proc_text::number(&memory, "MemTotal").unwrap_or_default() * 1024,
            disk: DiskOf::directory(dir),
            bench_version: env!("CARGO_PKG_VERSION").into(),
            commit: commit(),
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            broker: BTreeMap::new(),
        }
    }
}

fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease");
    let release = release.as_deref().map_or(UNKNOWN, str::trim);
    format!("Linux {release} {}", std::env::consts::ARCH)
}

impl DiskOf {
    /// `None` when the directory does not exist or `/proc` does not know its mount.
    pub fn directory(dir: &Path) -> Option<Self> {
        let dir = dir.canonicalize().ok()?;
        let device = fs::metadata(&dir).ok()?.dev();
        let number = format!("{}:{}", major(device), minor(device));
        let text = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let mount = mount_of(proc_text::mounts(&text), &number, &dir)?;
        Some(Self::mounted(&mount))
    }

    fn mounted(mount: &Mount) -> Self {
        let is_device = mount.source.starts_with("/dev/");
        let shown = |option: &&String| {
            let key = option.split_once('=').map(|(key, _)| key);
            key.is_none_or(|key| OPTIONS_WITH_VALUE.contains(&key))
        };
        Self {
            // The source of a network file system is a host, that of an overlay anything.
            device: if is_device {
                mount.source.clone()
            } else {
                mount.file_system.clone()
            },
            file_system: mount.file_system.clone(),
            mount_options: mount.options.iter().filter(shown).cloned().collect(),
            write_cache: is_device
                .then(|| write_cache(&mount.device_number))
                .flatten(),
        }
    }
}

/// The mount with the device's number that is nearest above `dir`; btrfs numbers its subvolumes
/// otherwise, so without one just the nearest.
fn mount_of(mounts: Vec<Mount>, number: &str, dir: &Path) -> Option<Mount> {
    let above = mounts
        .into_iter()
        .filter(|mount| dir.starts_with(&mount.mount_point));
    above.max_by_key(|mount| (mount.device_number == number, mount.mount_point.len()))
}

fn write_cache(device_number: &str) -> Option<String> {
    let device = format!("/sys/dev/block/{device_number}");
    // A partition has no queue of its own, the disk around it has.
    let queue = ["queue", "../queue"].map(|queue| format!("{device}/{queue}/write_cache"));
    let text = queue
        .iter()
        .find_map(|path| fs::read_to_string(path).ok())?;
    Some(text.trim().into())
}

/// Asks git, in the current directory, and only if that is Naru's tree: another project's commit
/// would say nothing.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    git(&["ls-files", "--error-unmatch", ":/bench-harness/Cargo.toml"])?;
    git(&[
        "describe",
        "--always",
        "--exclude=*",
        "--abbrev=12",
        "--dirty",
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described_and_reads_back() {
        let directory = tempfile::tempdir().unwrap();
        let environment = Environment::of(directory.path());
        assert!(environment.memory_bytes > 1 << 20 && environment.cores > 0);
        assert!(environment.kernel.starts_with("Linux "));
        assert!(environment.disk.is_some());
        let text = serde_json::to_string(&environment).unwrap();
        assert_eq!(
            serde_json::from_str::<Environment>(&text).unwrap(),
            environment
        );
    }

    #[test]
    fn what_names_hosts_users_or_directories_is_left_out() {
        let texts = "30 1 0:50 / /home/alice/share rw,relatime - nfs4 storage.example:/alice rw,vers=4.2,addr=192.0.2.7\n\
                     31 1 0:51 / /m rw - overlay overlay rw,lowerdir=/home/alice/a,commit=5\n";
        for mount in proc_text::mounts(texts) {
            let text = serde_json::to_string(&DiskOf::mounted(&mount)).unwrap();
            for secret in ["alice", "example", "192.0.2.7"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
        let overlay = DiskOf::mounted(&proc_text::mounts(texts)[1]);
        assert_eq!(overlay.mount_options, ["rw", "commit=5"]);
    }

    #[test]
    fn the_nearest_mount_with_the_right_device_wins() {
        let texts = "1 0 8:1 / / rw - ext4 /dev/a rw\n\
                     2 0 8:2 / /data rw - xfs /dev/b rw\n\
                     3 0 8:3 / /data rw - xfs /dev/c rw\n";
        let find = |number: &str, dir: &str| {
            mount_of(proc_text::mounts(texts), number, Path::new(dir)).map(|mount| mount.source)
        };
        assert_eq!(find("8:2", "/data/x").unwrap(), "/dev/b");
        assert_eq!(find("8:1", "/database").unwrap(), "/dev/a");
        assert_eq!(find("0:99", "/data/x").unwrap(), "/dev/c");
    }
}
