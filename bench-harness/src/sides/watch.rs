//! What a broker and this process used between two moments, and what was done meanwhile.

use std::time::{Duration, Instant};

use naru_runtime::Handle;

use super::report::{Sample, SidesError, figure};
use crate::interrupt;
use crate::kafka::address_of;
use crate::measure::Process;
use crate::outcome::{Better, Usage};

const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Lets the load go on for so long, unless somebody wants the process to end.
pub async fn wait(handle: &Handle, span: Duration) -> Result<(), SidesError> {
    let end = handle.now() + span;
    while handle.now() < end {
        if interrupt::is_requested() {
            return Err(SidesError::Interrupted);
        }
        let left = end.saturating_duration_since(handle.now());
        handle.sleep(left.min(LOOK_INTERVAL)).await;
    }
    Ok(())
}

/// Looks at a broker of this machine.
pub struct Watch {
    broker: Process,
    me: Process,
}

pub struct Moment {
    at: Instant,
    done: u64,
    broker: Usage,
    client: Usage,
}

#[derive(Clone, Copy, Debug)]
pub struct Window {
    seconds: f64,
    done: u64,
    broker: Usage,
    client: Usage,
}

impl Watch {
    pub fn on(bootstrap: &str) -> Result<Self, SidesError> {
        let broker = Process::listening_on(address_of(bootstrap)?);
        Ok(Self {
            broker: broker.ok_or_else(|| {
                SidesError::Unfit(format!("no process of this machine is at {bootstrap}"))
            })?,
            me: Process::me().map_err(SidesError::io("this process"))?,
        })
    }

    /// Now, when so much is done.
    pub fn sample(&self, done: u64) -> Result<Moment, SidesError> {
        let broker = self.broker.snapshot();
        let client = self.me.snapshot();
        Ok(Moment {
            at: Instant::now(),
            done,
            broker: broker.map_err(SidesError::io("the broker"))?,
            client: client.map_err(SidesError::io("this process"))?,
        })
    }
}

impl Window {
    pub fn between(from: &Moment, to: &Moment) -> Self {
        assert!(to.done >= from.done, "what is done stays done");
        Self {
            seconds: to.at.saturating_duration_since(from.at).as_secs_f64(),
            done: to.done - from.done,
            broker: Usage::between(&from.broker, &to.broker),
            client: Usage::between(&from.client, &to.client),
        }
    }

    /// Adds the rate, and what each of what was done has cost.
    pub fn add_to(&self, sample: &mut Sample, what: &str) {
        let each_us = |usage: &Usage| usage.cpu_s() * 1e6 / self.done.max(1) as f64;
        let switches = self.broker.context_switches_voluntary as f64 / self.done.max(1) as f64;
        let rate = self.done as f64 / self.seconds.max(1e-9);
        let per = format!("/{what}");
        sample.figures.extend([
            figure(&format!("{what}s"), "/s", Better::Higher, rate),
            figure(
                "broker CPU",
                &format!("µs{per}"),
                Better::Lower,
                each_us(&self.broker),
            ),
            figure(
                "broker CPU",
                "of a core",
                Better::Lower,
                self.broker.cpu_s() / self.seconds.max(1e-9),
            ),
            figure("broker's waits", &per, Better::Lower, switches),
            figure(
                "client CPU",
                &format!("µs{per}"),
                Better::Lower,
                each_us(&self.client),
            ),
            figure(
                "broker memory",
                "MB",
                Better::Lower,
                self.broker.rss_bytes as f64 / 1e6,
            ),
        ]);
    }
}
