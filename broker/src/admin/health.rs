//! Whether the process lives (`/healthz`) and whether clients can be sent to it (`/readyz`).

use std::iter::Sum;
use std::sync::atomic::{AtomicU8, Ordering};

use naru_engine::log::Fence;
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::Problem;
use super::call::Call;
use crate::shard::Shard;

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

/// Partitions whose groups or transactions are read back still: whoever asks for one of those is
/// told to come again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loading {
    pub groups: usize,
    pub transactions: usize,
}

impl Loading {
    pub fn of(shard: &Shard) -> Self {
        Self {
            groups: shard.coordinators.loading(),
            transactions: shard.transactions.loading(),
        }
    }
}

impl Sum for Loading {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            groups: sum.groups + one.groups,
            transactions: sum.transactions + one.transactions,
        })
    }
}

/// Why clients should not be sent here; `None` when they may.
pub fn reason_not_ready(phase: Phase, fence: &Fence, loading: Loading) -> Option<String> {
    let Loading {
        groups,
        transactions,
    } = loading;
    match phase {
        Phase::Recovering => Some("the shards read their logs; no listener is open yet".into()),
        Phase::Stopping => Some("the broker is stopping".into()),
        // A fenced directory acknowledges nothing any more, whatever is asked.
        Phase::Serving => match fence.check() {
            Err(error) => Some(error.to_string()),
            Ok(()) if loading == Loading::default() => None,
            Ok(()) => Some(format!(
                "{groups} partitions of __consumer_offsets and {transactions} of \
                 __transaction_state are still read back"
            )),
        },
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
    let phase = broker.progress.phase();
    let loading = match phase {
        Phase::Serving => {
            let loading = broker.ask(async |shard| Loading::of(&shard)).await?;
            loading.into_iter().sum()
        }
        // The shards have other things to do, and the answer is known.
        Phase::Recovering | Phase::Stopping => Loading::default(),
    };
    match reason_not_ready(phase, &broker.fence, loading) {
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
        let reason = |progress: &Progress, loading| {
            reason_not_ready(progress.phase(), &fence, loading).unwrap_or_default()
        };
        let read = Loading::default();
        assert!(reason(&progress, read).contains("read their logs"));
        progress.enter(Phase::Serving);
        assert_eq!(reason(&progress, read), "");
        let all = [(1, 0), (2, 7)].map(|(groups, transactions)| Loading {
            groups,
            transactions,
        });
        let told = "3 partitions of __consumer_offsets and 7 of __transaction_state are still \
                    read back";
        assert_eq!(reason(&progress, all.into_iter().sum()), told);
        progress.enter(Phase::Stopping);
        assert!(reason(&progress, read).contains("stopping"));
    }
}
