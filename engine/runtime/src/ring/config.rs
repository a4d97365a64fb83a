//! Setting up a ring, and saying what to do where the host refuses one.

use std::io;

use io_uring::IoUring;

/// The kernel's own bound on submission entries (`IORING_MAX_ENTRIES`).
const ENTRIES_MAX: u32 = 32_768;

/// The size of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingConfig {
    /// Submission entries, 1 to 32768; rounded up to a power of two by the kernel. More
    /// operations than this may be in flight: it bounds one turn, not the connections.
    pub entries: u32,
    /// Completion entries, at least `entries`, at most 65536. What does not fit waits in
    /// the kernel, at a cost.
    pub completion_entries: u32,
}

impl Default for RingConfig {
    fn default() -> Self {
        Self {
            entries: 1024,
            completion_entries: 8192,
        }
    }
}

/// Which set-up flags to ask for, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Linux 6.1: completions are worked off only when the owner asks for them.
    Deferred,
    /// Linux 5.19: no interrupt of the running thread for a completion.
    Cooperative,
    Plain,
}

pub(super) fn make(config: RingConfig) -> io::Result<IoUring> {
    if config.entries == 0 || config.entries > ENTRIES_MAX {
        return Err(refused(
            io::Error::from_raw_os_error(libc::EINVAL),
            format!(
                "{} ring entries were asked for; the kernel takes 1 to {ENTRIES_MAX}",
                config.entries
            ),
        ));
    }
    for style in [Style::Deferred, Style::Cooperative, Style::Plain] {
        match build(config, style) {
            Ok(ring) => {
                if style != Style::Deferred {
                    tracing::warn!(
                        ?style,
                        "the kernel refuses SINGLE_ISSUER with DEFER_TASKRUN (Linux 6.1); the ring runs in an older, slower mode"
                    );
                }
                if !ring.params().is_feature_ext_arg() || !ring.params().is_feature_nodrop() {
                    return Err(refused(
                        io::Error::from_raw_os_error(libc::ENOSYS),
                        "Linux 5.11 or newer is needed".to_owned(),
                    ));
                }
                return Ok(ring);
            }
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
            Err(error) => {
                let hint = hint(&error).to_owned();
                return Err(refused(error, hint));
            }
        }
    }
    Err(refused(
        io::Error::from_raw_os_error(libc::EINVAL),
        format!(
            "the kernel rejects a ring of {} submission and {} completion entries",
            config.entries, config.completion_entries
        ),
    ))
}

fn build(config: RingConfig, style: Style) -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder
        .dontfork()
        .setup_submit_all()
        .setup_cqsize(config.completion_entries.max(config.entries));
    match style {
        Style::Deferred => {
            builder
                .setup_single_issuer()
                .setup_defer_taskrun()
                .setup_coop_taskrun()
                .setup_taskrun_flag();
        }
        Style::Cooperative => {
            builder.setup_coop_taskrun().setup_taskrun_flag();
        }
        Style::Plain => {}
    }
    builder.build(config.entries)
}

/// Keeps the kind of the cause, so that callers can still tell what happened.
fn refused(cause: io::Error, hint: String) -> io::Error {
    io::Error::new(
        cause.kind(),
        format!("no io_uring could be set up: {cause}; {hint}"),
    )
}

fn hint(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "a seccomp filter, an LSM or the sysctl kernel.io_uring_disabled forbids it: \
             set kernel.io_uring_disabled=0, or run the container with a seccomp profile \
             that allows io_uring_setup, io_uring_enter and io_uring_register"
        }
        Some(libc::ENOSYS) => {
            "the kernel has no io_uring, or a seccomp filter hides it: Linux 5.11 or newer \
             is needed (6.1 or newer for full speed), and a container's seccomp profile must \
             allow io_uring_setup, io_uring_enter and io_uring_register"
        }
        Some(libc::ENOMEM) => {
            "the locked-memory or memory-cgroup limit is too low for the ring: raise \
             LimitMEMLOCK= in the systemd unit (`ulimit -l`), or ask for fewer ring entries"
        }
        Some(libc::EMFILE | libc::ENFILE) => {
            "no file descriptor is left: raise LimitNOFILE= in the systemd unit (`ulimit -n`)"
        }
        _ => "see io_uring_setup(2) for what this error means",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_ring_says_what_to_change() {
        let too_large = RingConfig {
            entries: 1 << 20,
            ..RingConfig::default()
        };
        let error = make(too_large).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("1 to 32768"), "{error}");

        let too_many_completions = RingConfig {
            entries: 8,
            completion_entries: 1 << 24,
        };
        let error = make(too_many_completions).err().unwrap();
        assert!(error.to_string().contains("completion entries"), "{error}");

        let forbidden = hint(&io::Error::from_raw_os_error(libc::EPERM));
        assert!(forbidden.contains("kernel.io_uring_disabled"));
        let locked = hint(&io::Error::from_raw_os_error(libc::ENOMEM));
        assert!(locked.contains("LimitMEMLOCK"));
    }
}
