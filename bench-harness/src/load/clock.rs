//! The one clock of a run: nanoseconds since the process first asked.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Both clocks at the same moment.
static BEGIN: LazyLock<(Instant, i64)> = LazyLock::new(|| (Instant::now(), unix_ms()));

/// Monotonic, in ns.
pub(super) fn now_ns() -> u64 {
    let since = BEGIN.0.elapsed();
    since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos())
}

/// The instant that [`now_ns`] called `ns`.
pub(super) fn instant(ns: u64) -> Instant {
    BEGIN.0 + Duration::from_nanos(ns)
}

/// The timestamp of a record that is sent at `ns`: the wall clock may step meanwhile, this does
/// not.
pub(super) fn timestamp_ms(ns: u64) -> i64 {
    BEGIN.1 + (ns / 1_000_000) as i64
}

/// Unix time, in ms.
pub fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
