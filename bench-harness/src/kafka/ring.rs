//! A ring for one conversation or one thread of load.

use std::io::{self, ErrorKind};
use std::thread::sleep;
use std::time::{Duration, Instant};

use naru_runtime::{RingConfig, Runtime};

/// How long memory for a ring may take to become free: the kernel gives back what ended rings have
/// locked (`ulimit -l`) a little after they are closed.
const MEMORY_TIME_MAX: Duration = Duration::from_secs(5);

const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// A runtime with a ring of the default size.
pub(crate) fn new_runtime() -> io::Result<Runtime> {
    let deadline = Instant::now() + MEMORY_TIME_MAX;
    loop {
        match Runtime::new(RingConfig::default()) {
            Err(error) if error.kind() == ErrorKind::OutOfMemory && Instant::now() < deadline => {
                sleep(LOOK_INTERVAL);
            }
            made => return made,
        }
    }
}
