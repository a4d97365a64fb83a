//! What a run keeps an eye on: the processes at both ends.

use std::io;

use super::clock::now_ns;
use super::control::Control;
use super::threads::THREADS_PREFIX;
use super::window::Sample;
use crate::kafka::address_of;
use crate::measure::{Process, thread_times};
use crate::outcome::Phase;

pub(super) struct Watch {
    client: Process,
    broker: Option<Process>,
}

impl Watch {
    /// Watches this process, and the broker at `bootstrap` if it runs on this machine.
    pub(super) fn on(bootstrap: &str) -> io::Result<Self> {
        let broker = address_of(bootstrap).ok().and_then(Process::listening_on);
        Ok(Self {
            client: Process::me()?,
            // One that belongs to somebody else cannot be looked at.
            broker: broker.filter(|broker| broker.snapshot().is_ok()),
        })
    }

    /// What both have used so far, and what has gone through; memory peaks begin anew.
    pub(super) fn begin(&self, control: &Control) -> io::Result<Sample> {
        // Where the kernel refuses, the peak is that since the process began.
        let _ = self.client.reset_peak();
        if let Some(broker) = &self.broker {
            let _ = broker.reset_peak();
        }
        self.sample(control)
    }

    /// What both have used so far, and what has gone through.
    pub(super) fn sample(&self, control: &Control) -> io::Result<Sample> {
        let broker = self.broker.as_ref().map(Process::snapshot).transpose()?;
        // The counters and the clock beside each other: reading /proc takes longer.
        let (acked, consumed, at_ns) = (control.acked.now(), control.consumed.now(), now_ns());
        Ok(Sample {
            at_ns,
            acked,
            consumed,
            usage: Phase {
                client: self.client.snapshot()?,
                broker,
            },
            threads: thread_times(THREADS_PREFIX),
        })
    }
}
