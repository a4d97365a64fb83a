//! The load: producers and consumers on rings of their own, and what they measured.
//!
//! A run makes its topics, warms up, measures, and waits until consumers have everything; then it
//! counts what is missing. The clock of all latencies is this process's own, so producers and
//! consumers of a run share it.

mod clock;
mod consumer;
mod control;
mod fetched;
mod lane;
mod payload;
mod pending;
mod producer;
mod progress;
mod recorder;
mod run;
mod settle;
mod steady;
mod threads;
mod verify;
mod watch;
mod window;

pub use clock::unix_ms;
pub use payload::STAMP_BYTES;
pub use progress::Progress;
pub use recorder::Latencies;
pub use run::{LoadError, Options, run, run_with};
pub use settle::settle;
