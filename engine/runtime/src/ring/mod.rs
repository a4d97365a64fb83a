//! The io_uring of one thread: submission, completion, and who owns a buffer meanwhile.
//!
//! Invariants:
//! - A ring is made, entered and dropped by one thread (`SINGLE_ISSUER`); nothing here is
//!   `Send`.
//! - What the kernel may still touch is owned by the [`Op`] that waits for it, and by the
//!   driver once that future is dropped. It is freed at the completion, never before.
//! - Descriptors are closed through the ring, so a close is ordered after every operation
//!   that was queued before it and no queued operation meets a reused descriptor.
//! - Only this folder and `io/buffer.rs` contain `unsafe`.
//!
//! Deliberately absent: multishot receives with provided buffers and zero-copy sends, which
//! cost more than plain ones where this was designed, and registered files, which save one
//! reference count per operation and are not worth a second kind of descriptor so far.

mod config;
mod driver;
mod file_ops;
mod net_ops;
mod op;
mod pieces;
mod process;

pub use config::RingConfig;
pub(super) use driver::{Ring, Wait};
pub(super) use file_ops::{Durability, FileOps};
pub use process::{ignore_sigxfsz, set_niceness};
pub(super) use process::{length_of, to_glommio};
