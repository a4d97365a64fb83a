//! A run's peak of resident memory is its own, not that of what the process did before.
//!
//! Alone in its process: the peak is that of every thread.
#![allow(clippy::unwrap_used)]

use naru_bench::measure::Process;

#[test]
fn a_peak_is_forgotten_on_request() {
    let process = Process::me().unwrap();
    let ballast = std::hint::black_box(vec![1_u8; 64 << 20]);
    // The kernel counts pages by CPU and adds them up now and then, so a peak is exact only to some
    // of them.
    let clearly_below = |peak: u64, other: u64| peak + (32 << 20) < other;
    let with = process.snapshot().unwrap().rss_peak_bytes;
    drop(ballast);
    let still = process.snapshot().unwrap().rss_peak_bytes;
    assert!(!clearly_below(still, with), "{still} after {with}");
    // Kernels without page monitoring refuse; there is nothing to see then.
    if process.reset_peak() {
        let anew = process.snapshot().unwrap().rss_peak_bytes;
        assert!(clearly_below(anew, with), "{anew} after {with}");
    }
}
