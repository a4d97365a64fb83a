//! A run's peak of resident memory is its own, not that of what the process did before.
//!
//! Alone in its process: the peak is that of every thread.
#![allow(clippy::unwrap_used)]

use naru_bench::measure::Process;

#[test]
fn a_peak_is_forgotten_on_request() {
    let process = Process::me().unwrap();
    let ballast = std::hint::black_box(vec![1_u8; 64 << 20]);
    let with = process.snapshot().unwrap().rss_peak_bytes;
    drop(ballast);
    let still = process.snapshot().unwrap().rss_peak_bytes;
    assert!(still >= with);
    // Kernels without page monitoring refuse; there is nothing to see then.
    if process.reset_peak() {
        let anew = process.snapshot().unwrap().rss_peak_bytes;
        assert!(anew < with, "{anew} after {with}");
    }
}
