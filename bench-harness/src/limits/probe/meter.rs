//! Time of the clock and of the CPU, from a beginning on.

use std::time::Instant;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;

use super::super::error::LimitsError;

/// Whose CPU time is meant.
#[derive(Clone, Copy)]
pub(super) enum Whose {
    /// All threads of the process; the kernel's workers for a ring are among them.
    Process,
    ThisThread,
}

/// Runs from when it is made.
pub(super) struct Meter {
    whose: Whose,
    began: Instant,
    cpu_s: f64,
}

impl Meter {
    pub fn start(whose: Whose) -> Result<Self, LimitsError> {
        Ok(Self {
            whose,
            began: Instant::now(),
            cpu_s: cpu_s(whose)?,
        })
    }

    pub fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64().max(1e-9)
    }

    pub fn cpu_s(&self) -> Result<f64, LimitsError> {
        Ok(cpu_s(self.whose)? - self.cpu_s)
    }
}

fn cpu_s(whose: Whose) -> Result<f64, LimitsError> {
    let who = match whose {
        Whose::Process => UsageWho::RUSAGE_SELF,
        Whose::ThisThread => UsageWho::RUSAGE_THREAD,
    };
    let usage: Usage = getrusage(who).map_err(|error| LimitsError::CpuTime(error.into()))?;
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
