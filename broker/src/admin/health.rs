//! Whether the process lives (`/healthz`) and whether clients can be sent to it (`/readyz`).

use std::sync::atomic::{AtomicU8, Ordering};

use naru_engine::log::Fence;
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::Problem;
use super::call::Call;

/// How far the broker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Its shards read their logs; it does not listen yet.
    Recovering,
    Serving,
    Stopping,
}

/// What the thread that starts and stops the broker tells the admin thread.
#[derive(Debug)]
pub struct Progress(AtomicU8);

impl Default for Progress {
    fn default() -> Self {
        Self(AtomicU8::new(Phase::Recovering as u8))
    }
}

impl Progress {
    pub fn enter(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Release);
    }

    pub fn phase(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            0 => Phase::Recovering,
            1 => Phase::Serving,
            _ => Phase::Stopping,
        }
    }
}

/// Why clients should not be sent here; `None` when they may.
pub fn reason_not_ready(phase: Phase, fence: &Fence) -> Option<String> {
    match phase {
        Phase::Recovering => Some("the shards read their logs; no listener is open yet".into()),
        Phase::Stopping => Some("the broker is stopping".into()),
        // A fenced directory acknowledges nothing any more, whatever is asked.
        Phase::Serving => fence.check().err().map(|error| error.to_string()),
    }
}

/// The process runs and answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Health {
    /// Always `ok`: whatever is not ok does not answer.
    status: &'static str,
}

/// Clients can be sent to this broker.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Readiness {
    /// Always `ready`; what is not ready answers 503, with the reason as `detail`.
    status: &'static str,
}

pub async fn healthz(_: Call) -> Result<Health, Problem> {
    Ok(Health { status: "ok" })
}

pub async fn readyz(call: Call) -> Result<Readiness, Problem> {
    let broker = &call.broker;
    match reason_not_ready(broker.progress.phase(), &broker.fence) {
        None => Ok(Readiness { status: "ready" }),
        Some(reason) => Err(Problem::unavailable(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_sent_here_only_while_it_serves() {
        let (progress, fence) = (Progress::default(), Fence::new("/data".into()));
        let reason = |progress: &Progress| reason_not_ready(progress.phase(), &fence);
        assert!(reason(&progress).unwrap().contains("read their logs"));
        progress.enter(Phase::Serving);
        assert_eq!(reason(&progress), None);
        progress.enter(Phase::Stopping);
        assert!(reason(&progress).unwrap().contains("stopping"));
    }
}
