//! The one clock of a run: nanoseconds since the process first asked.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Monotonic, in ns.
pub(super) fn now_ns() -> u64 {
    let since = BEGIN.elapsed();
    since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos())
}

/// The instant that [`now_ns`] called `ns`.
pub(super) fn instant(ns: u64) -> Instant {
    *BEGIN + Duration::from_nanos(ns)
}

/// Unix time, in ms: what records are stamped with.
pub fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
