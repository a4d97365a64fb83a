//! What a run shows while it goes: a bar on a terminal, a line every few seconds elsewhere, or
//! nothing.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Where a run is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    pub phase: &'static str,
    /// 0 to 1.
    pub done: f64,
    pub acked: u64,
    pub acked_bytes: u64,
    pub consumed: u64,
}

enum Shown {
    Nothing,
    Bar(ProgressBar),
    Lines(Cell<Option<Instant>>),
}

/// Shows how far a run is, on standard error.
pub struct Progress {
    title: String,
    shown: Shown,
    last: Cell<Option<(Instant, State)>>,
}

impl Progress {
    pub fn hidden() -> Self {
        Self::new(String::new(), Shown::Nothing)
    }

    pub fn titled(title: impl Into<String>) -> Self {
        let shown = if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(1000);
            if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:30.cyan/dim} {msg}") {
                bar.set_style(style);
            }
            Shown::Bar(bar)
        } else {
            Shown::Lines(Cell::new(None))
        };
        Self::new(title.into(), shown)
    }

    fn new(title: String, shown: Shown) -> Self {
        Self {
            title,
            shown,
            last: Cell::new(None),
        }
    }

    pub(super) fn show(&self, state: State) {
        let now = Instant::now();
        match &self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) => {
                bar.set_prefix(self.title.clone());
                bar.set_position((state.done * 1000.0) as u64);
                bar.set_message(self.message(now, state));
            }
            Shown::Lines(shown) => {
                if shown.get().is_none_or(|shown| now - shown >= LINE_INTERVAL) {
                    shown.set(Some(now));
                    eprintln!(
                        "{} {:3.0}% {}",
                        self.title,
                        state.done * 100.0,
                        self.message(now, state)
                    );
                }
            }
        }
    }

    /// Rates since the last message.
    fn message(&self, now: Instant, state: State) -> String {
        let (since, before) = self.last.get().unwrap_or((now, state));
        let seconds = (now - since).as_secs_f64();
        if seconds >= 0.5 || self.last.get().is_none() {
            self.last.set(Some((now, state)));
        }
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds.max(0.001);
        format!(
            "{}: {:.0} records/s, {:.1} MB/s acknowledged; {} produced, {} consumed",
            state.phase,
            rate(state.acked, before.acked),
            rate(state.acked_bytes, before.acked_bytes) / 1e6,
            state.acked,
            state.consumed,
        )
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}
