//! Fetch (v4–v18): record batches from the log, as they lie there.
//!
//! A round reads what there is; if that is less than `min.bytes`, the fetch waits for more
//! and reads again. Bytes of a batch are never parsed on the way to a consumer.

mod answer;
mod handle;
mod read;
mod reserved;
mod wait;

pub use handle::handle;
