//! The answers of one connection, sent in the order of their requests.
//!
//! Produce requests of a connection overlap, so that a group commit can gather several;
//! answers wait here for their turn. Those that are ready together leave in one send.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::iter::Peekable;
use std::pin::Pin;
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use naru_runtime::sync::Notify;
use naru_runtime::{Handle, Socket};

use crate::memory::Reservation;

/// What a request comes to.
pub enum Reply {
    /// A whole frame, in pieces.
    Send(Vec<Bytes>),
    /// As `Send`, with the share of the budget that it holds until it is sent.
    SendHolding(Vec<Bytes>, Reservation),
    /// The client expects none (`acks=0`).
    Nothing,
    /// The connection cannot go on; the reason goes to the log.
    Close(String),
}

impl Reply {
    /// Keeps `memory` reserved until the reply is sent.
    pub fn holding(self, memory: Reservation) -> Self {
        match self {
            Self::Send(frame) => Self::SendHolding(frame, memory),
            other => other,
        }
    }
}

/// A reply that is being worked out.
pub type Answer = Pin<Box<dyn Future<Output = Reply>>>;

/// Produce requests of one connection that may be under way at once. The next one is not
/// read until the first is answered.
const ANSWERS_MAX: usize = 256;

/// What is given to the kernel at a time, in bytes, unless one piece is larger: whoever
/// takes a large answer slowly is seen to take it.
const SEND_BYTES_MAX: usize = 1 << 20;

/// Pieces that are gathered before they are sent (the kernel takes 1,024 at a time).
const PIECES_PER_SEND_MAX: usize = 512;

#[derive(Default)]
pub struct Outbox {
    answers: RefCell<VecDeque<Answer>>,
    /// Answers that are not sent yet, the one that is being waited for included.
    unsent: Cell<usize>,
    /// Since when the kernel has not taken anything of what is being sent.
    sending_since: Cell<Option<Instant>>,
    is_closed: Cell<bool>,
    pushed: Notify,
    sent: Notify,
}

impl Outbox {
    pub fn push(&self, answer: Answer) {
        self.unsent.set(self.unsent.get() + 1);
        self.answers.borrow_mut().push_back(answer);
        self.pushed.notify_all();
    }

    pub fn is_empty(&self) -> bool {
        self.unsent.get() == 0
    }

    /// Since when the peer has taken nothing of an answer that is being sent. `None` while
    /// nothing is: then it is the broker that is waited for, if anybody is.
    pub fn sending_since(&self) -> Option<Instant> {
        self.sending_since.get()
    }

    /// Waits until at most `unsent` answers are left, or the connection is over.
    pub async fn wait_below(&self, unsent: usize) {
        while self.unsent.get() > unsent && !self.is_closed.get() {
            self.sent.wait().await;
        }
    }

    pub async fn wait_for_room(&self) {
        self.wait_below(ANSWERS_MAX - 1).await;
    }

    /// No more answers will come; what is here is still sent.
    pub fn close(&self) {
        self.is_closed.set(true);
        self.pushed.notify_all();
        self.sent.notify_all();
    }

    pub fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// Sends answers until the outbox is closed and empty, or the connection breaks.
    ///
    /// `progress` is called whenever a send has completed, with its bytes, and with none when the
    /// answers of one have left.
    pub async fn run(
        &self,
        io: &Handle,
        socket: &Socket,
        progress: impl Fn(usize),
    ) -> Result<(), OutboxError> {
        loop {
            let Some(first) = self.next().await else {
                return Ok(());
            };
            let mut answered = 1;
            let mut pieces = Vec::new();
            let mut memory = Vec::new();
            let mut close = take(first.await, &mut pieces, &mut memory);
            while close.is_none() && pieces.len() < PIECES_PER_SEND_MAX {
                let Some(reply) = self.next_ready().await else {
                    break;
                };
                answered += 1;
                close = take(reply, &mut pieces, &mut memory);
            }
            let mut pieces = pieces.into_iter().peekable();
            while pieces.peek().is_some() {
                self.sending_since.set(Some(io.now()));
                let pieces = next_send(&mut pieces);
                let bytes = pieces.iter().map(Bytes::len).sum();
                socket.send_all(pieces).await?;
                progress(bytes);
            }
            self.sending_since.set(None);
            drop(memory);
            self.unsent.set(self.unsent.get() - answered);
            progress(0);
            self.sent.notify_all();
            if let Some(reason) = close {
                return Err(OutboxError::Closed(reason));
            }
        }
    }

    async fn next(&self) -> Option<Answer> {
        loop {
            if let Some(answer) = self.answers.borrow_mut().pop_front() {
                return Some(answer);
            }
            if self.is_closed.get() {
                return None;
            }
            self.pushed.wait().await;
        }
    }

    /// The next reply, if it is there without waiting.
    async fn next_ready(&self) -> Option<Reply> {
        let mut answer = self.answers.borrow_mut().pop_front()?;
        let reply = poll_fn(|context| match answer.as_mut().poll(context) {
            Poll::Ready(reply) => Poll::Ready(Some(reply)),
            Poll::Pending => Poll::Ready(None),
        })
        .await;
        if reply.is_none() {
            self.answers.borrow_mut().push_front(answer);
        }
        reply
    }
}

/// As many pieces as are sent at a time.
fn next_send(pieces: &mut Peekable<impl Iterator<Item = Bytes>>) -> Vec<Bytes> {
    let mut taken = Vec::new();
    let mut bytes = 0;
    while let Some(piece) =
        pieces.next_if(|piece| taken.is_empty() || bytes + piece.len() <= SEND_BYTES_MAX)
    {
        bytes += piece.len();
        taken.push(piece);
    }
    taken
}

/// Puts what is to be sent after `pieces`; the reason to close, if that is the reply.
fn take(reply: Reply, pieces: &mut Vec<Bytes>, memory: &mut Vec<Reservation>) -> Option<String> {
    match reply {
        Reply::Send(frame) => pieces.extend(frame),
        Reply::SendHolding(frame, held) => {
            pieces.extend(frame);
            memory.push(held);
        }
        Reply::Nothing => {}
        Reply::Close(reason) => return Some(reason),
    }
    None
}

#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    #[error("{0}")]
    Closed(String),
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
}
