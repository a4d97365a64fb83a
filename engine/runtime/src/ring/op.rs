//! An operation in flight, as a future that owns what the kernel reads or writes.
#![allow(unsafe_code)]

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use io_uring::squeue;

use super::driver::{Key, Ring};

/// Resolves to the result and to what the operation borrowed from us.
///
/// Dropping it asks the kernel to cancel; the data is freed at the completion.
pub(in super::super) struct Op<T: 'static> {
    ring: Ring,
    /// `None` when the ring was closed already.
    key: Option<Key>,
    /// `None` once resolved.
    data: Option<T>,
}

/// Nothing in it is pinned: what the kernel sees is on the heap that `data` points to.
impl<T> Unpin for Op<T> {}

impl<T: 'static> Op<T> {
    /// # Safety
    /// `entry` points only into memory that `data` owns, whose addresses do not change when
    /// `data` moves, and that nobody else accesses in a conflicting way meanwhile.
    pub(super) unsafe fn new(ring: &Ring, entry: squeue::Entry, data: T) -> Self {
        // SAFETY: `data` is kept here until the operation is ready, or given to `abandon`.
        let key = unsafe { ring.submit(entry, false) };
        Self {
            ring: ring.clone(),
            key,
            data: Some(data),
        }
    }

    /// As [`Self::new`], for operations whose result is a descriptor.
    ///
    /// # Safety
    /// As for [`Self::new`].
    pub(super) unsafe fn new_fd(ring: &Ring, entry: squeue::Entry, data: T) -> Self {
        // SAFETY: as in `new`.
        let key = unsafe { ring.submit(entry, true) };
        Self {
            ring: ring.clone(),
            key,
            data: Some(data),
        }
    }
}

impl<T: 'static> Future for Op<T> {
    type Output = (io::Result<u32>, T);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match self.key {
            None => -libc::ECANCELED,
            Some(key) => match self.ring.poll(key, context.waker()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(result) => result,
            },
        };
        let Some(data) = self.data.take() else {
            unreachable!("an operation was polled after it was ready")
        };
        let result = u32::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result));
        Poll::Ready((result, data))
    }
}

impl<T: 'static> Drop for Op<T> {
    fn drop(&mut self) {
        if let (Some(key), Some(data)) = (self.key, self.data.take()) {
            self.ring.abandon(key, Box::new(data));
        }
    }
}
