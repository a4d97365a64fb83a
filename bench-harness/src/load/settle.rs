//! Between two runs: what the last one left in the page cache is not to cost the next.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::interrupt;

const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Writes everything to the disks that is not there yet, then waits for `pause`, or until somebody
/// wants the process to end. Does nothing for no pause.
pub fn settle(pause: Duration) {
    if pause.is_zero() {
        return;
    }
    nix::unistd::sync();
    let end = Instant::now() + pause;
    while !interrupt::is_requested() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        sleep(left.min(LOOK_INTERVAL));
    }
}
