//! A stream whose writes fail when its peer takes nothing for a while.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Wraps a stream.
pub struct Stalling<S> {
    stream: S,
    stall_max: Duration,
    /// When the peer will have taken nothing for too long, while a write waits for it.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncWrite + Unpin> Stalling<S> {
    pub fn new(stream: S, stall_max: Duration) -> Self {
        Self {
            stream,
            stall_max,
            deadline: None,
        }
    }

    fn bounded<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.deadline = None;
            return polled;
        }
        let stall_max = self.stall_max;
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(sleep(stall_max)));
        let is_late = deadline.as_mut().poll(context);
        is_late.map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stalling<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stalling<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.bounded(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.bounded(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn paused() -> tokio::runtime::Runtime {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap()
    }

    #[test]
    fn a_peer_that_takes_nothing_is_given_up_and_a_slow_one_is_not() {
        paused().block_on(async {
            let second = Duration::from_secs(1);
            let (near, mut far) = duplex(1);
            let mut near = Stalling::new(near, second);
            let slow = tokio::spawn(async move {
                let mut taken = [0];
                for _ in 0..4 {
                    sleep(second * 3 / 4).await;
                    far.read_exact(&mut taken).await.unwrap();
                }
                far
            });
            near.write_all(b"four").await.unwrap();
            let far = slow.await.unwrap();
            near.write_all(b"x").await.unwrap();
            let error = near.write_all(b"y").await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            drop(far);
        });
    }

    #[test]
    fn a_write_that_is_ready_sets_no_timer() {
        paused().block_on(async {
            let (near, _far) = duplex(8);
            let mut near = Stalling::new(near, Duration::from_secs(1));
            let mut context = Context::from_waker(Waker::noop());
            let written = Pin::new(&mut near).poll_write(&mut context, b"abc");
            assert!(matches!(written, Poll::Ready(Ok(3))));
            assert!(near.deadline.is_none());
        });
    }
}
