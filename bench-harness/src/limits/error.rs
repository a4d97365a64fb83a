//! What can keep limits from being measured or kept.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum LimitsError {
    #[error(
        "{path}: cannot make files for the probes here ({source}); name another directory with --dir"
    )]
    Directory { path: PathBuf, source: io::Error },
    #[error(
        "{path}: {what} failed: {source} (the probes need direct I/O and 128 MiB of room; --dir names another directory)"
    )]
    Disk {
        path: PathBuf,
        what: String,
        source: io::Error,
    },
    #[error("a connection over 127.0.0.1 failed: {0}")]
    Loopback(io::Error),
    #[error("the CPU time used could not be asked for: {0}")]
    CpuTime(io::Error),
    #[error("{path} could not be written: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("there is no place to keep the limits in: set XDG_CACHE_HOME or HOME")]
    NoCacheDirectory,
}
