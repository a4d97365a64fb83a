//! One direction of a connection.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::time::Instant;

use bytes::{Buf, Bytes};

use crate::sync::Notify;

/// What is on its way; `None` stands for a link that is cut.
struct Segment {
    arrives: Option<Instant>,
    bytes: Bytes,
}

struct State {
    segments: VecDeque<Segment>,
    /// Bytes that are under way or wait to be read; and how many there may be.
    unread_bytes: usize,
    window_bytes: usize,
    /// When the last thing that was sent arrives, as nothing overtakes.
    last_arrives: Option<Instant>,
    /// The sender ended the stream; when that arrives.
    end: Option<Option<Instant>>,
    /// The connection is broken, as of then.
    failure: Option<(Instant, i32)>,
    /// The reader has shut its side: nothing of what arrives is wanted.
    is_unwanted: bool,
    is_dark: bool,
}

pub(super) struct Pipe {
    from: IpAddr,
    to: IpAddr,
    state: RefCell<State>,
    /// Whenever a reader or a writer may look again.
    pub changed: Notify,
}

/// What a look at a pipe comes to: an outcome, or when to look again at the latest.
pub(super) type Look<T> = Result<T, Option<Instant>>;

impl Pipe {
    pub fn new(from: IpAddr, to: IpAddr, window_bytes: usize) -> Self {
        Self {
            from,
            to,
            state: RefCell::new(State {
                segments: VecDeque::new(),
                unread_bytes: 0,
                window_bytes,
                last_arrives: None,
                end: None,
                failure: None,
                is_unwanted: false,
                is_dark: false,
            }),
            changed: Notify::new(),
        }
    }

    pub fn ends(&self) -> (IpAddr, IpAddr) {
        (self.from, self.to)
    }

    pub fn touches(&self, address: IpAddr) -> bool {
        self.from == address || self.to == address
    }

    pub fn is_open(&self) -> bool {
        let state = self.state.borrow();
        state.end.is_none() && state.failure.is_none() && !state.is_dark
    }

    pub fn is_dark(&self) -> bool {
        self.state.borrow().is_dark
    }

    pub fn has_unread(&self) -> bool {
        self.state.borrow().unread_bytes > 0
    }

    pub fn is_unwanted(&self) -> bool {
        self.state.borrow().is_unwanted
    }

    pub fn set_window(&self, bytes: usize) {
        self.state.borrow_mut().window_bytes = bytes.max(1);
        self.changed.notify_all();
    }

    /// Whether a read would not wait: how many bytes there are, 0 at the end.
    pub fn look_to_read(&self, now: Instant) -> Look<io::Result<usize>> {
        let state = self.state.borrow();
        if let Some((at, errno)) = state.failure
            && at <= now
        {
            return Ok(Err(io::Error::from_raw_os_error(errno)));
        }
        if state.is_unwanted {
            return Ok(Ok(0));
        }
        let has_arrived = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let arrived = state.segments.iter().take_while(|s| has_arrived(s.arrives));
        let bytes: usize = arrived.map(|segment| segment.bytes.len()).sum();
        if bytes > 0 {
            return Ok(Ok(bytes));
        }
        let next = state.segments.front().map(|segment| segment.arrives);
        if next.is_none() && state.end.is_some_and(has_arrived) {
            return Ok(Ok(0));
        }
        let failure = state.failure.map(|(at, _)| at);
        let next = next.or(state.end).flatten();
        Err([failure, next].into_iter().flatten().min())
    }

    /// Whether the end of the stream is here, after whatever is unread, or a failure.
    pub fn look_for_end(&self, now: Instant) -> Look<()> {
        let state = self.state.borrow();
        let ends = [state.failure.map(|(at, _)| at), state.end.flatten()];
        let end = ends.into_iter().flatten().min();
        match end {
            Some(at) if at <= now => Ok(()),
            _ if state.is_unwanted => Ok(()),
            later => Err(later),
        }
    }

    /// Takes up to `limit` bytes of what [`Self::look_to_read`] has found.
    pub fn read(&self, limit: usize, mut take: impl FnMut(&[u8])) {
        let mut state = self.state.borrow_mut();
        let mut left = limit;
        while left > 0
            && let Some(first) = state.segments.front_mut()
        {
            let count = left.min(first.bytes.len());
            take(&first.bytes[..count]);
            first.bytes.advance(count);
            if first.bytes.is_empty() {
                state.segments.pop_front();
            }
            state.unread_bytes -= count;
            left -= count;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// How many bytes may be written now.
    pub fn look_to_write(&self, now: Instant) -> Look<io::Result<usize>> {
        let state = self.state.borrow();
        if let Some((at, errno)) = state.failure
            && at <= now
        {
            return Ok(Err(io::Error::from_raw_os_error(errno)));
        }
        if state.end.is_some() {
            return Ok(Err(io::Error::from_raw_os_error(libc::EPIPE)));
        }
        match state.window_bytes.saturating_sub(state.unread_bytes) {
            0 => Err(state.failure.map(|(at, _)| at)),
            room => Ok(Ok(room)),
        }
    }

    /// Puts bytes on their way. `None` for a link that is cut.
    pub fn write(&self, bytes: Bytes, arrives: Option<Instant>) {
        let mut state = self.state.borrow_mut();
        if state.is_unwanted || state.is_dark {
            return;
        }
        state.unread_bytes += bytes.len();
        let arrives = state.in_order(arrives);
        state.segments.push_back(Segment { arrives, bytes });
        drop(state);
        self.changed.notify_all();
    }

    pub fn end(&self, arrives: Option<Instant>) {
        let mut state = self.state.borrow_mut();
        if state.end.is_some() || state.is_dark {
            return;
        }
        let arrives = state.in_order(arrives);
        state.end = Some(arrives);
        drop(state);
        self.changed.notify_all();
    }

    /// Breaks the connection at that time; what has not arrived by then never will.
    pub fn fail(&self, at: Instant, errno: i32) {
        let mut state = self.state.borrow_mut();
        if state.failure.is_none() {
            state.failure = Some((at, errno));
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The reader wants nothing more.
    pub fn refuse(&self) {
        let mut state = self.state.borrow_mut();
        state.is_unwanted = true;
        state.segments.clear();
        state.unread_bytes = 0;
        drop(state);
        self.changed.notify_all();
    }

    pub fn darken(&self) {
        self.state.borrow_mut().is_dark = true;
    }

    /// The link is mended: what it held arrives.
    pub fn release(&self, at: Instant) {
        let mut state = self.state.borrow_mut();
        let State {
            segments,
            end,
            last_arrives,
            ..
        } = &mut *state;
        let held = segments.iter_mut().map(|segment| &mut segment.arrives);
        for arrives in held.chain(end.as_mut()).filter(|at| at.is_none()) {
            *arrives = Some(at);
            *last_arrives = (*last_arrives).max(Some(at));
        }
        drop(state);
        self.changed.notify_all();
    }
}

impl State {
    /// Not before what was sent earlier; with it, if that is held.
    fn in_order(&mut self, arrives: Option<Instant>) -> Option<Instant> {
        let is_held = self.segments.back().is_some_and(|s| s.arrives.is_none());
        let arrives = arrives.filter(|_| !is_held)?;
        let arrives = self.last_arrives.map_or(arrives, |last| last.max(arrives));
        self.last_arrives = Some(arrives);
        Some(arrives)
    }
}
