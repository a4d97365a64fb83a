//! From what a directory holds to a log that can be opened.
//!
//! What recovery believes, in this order:
//! 1. A segment that has a later one is sealed: it was flushed and cut to its exact size
//!    before the later one was made. A bad batch in it is corruption.
//!    So is a gap: a segment begins where the one before it ends.
//! 2. The checkpoint: everything before its recovery point was flushed when it was
//!    written, and the name of its segment was durable. Recovery does not read there. A
//!    log that ends before the recovery point, or before the start that the checkpoint
//!    names, has lost data: nothing that a crash can do explains it, so it is refused like
//!    corruption. Only a segment older than all that are there may be missing: it was
//!    dropped, and the checkpoint is older than that. Nor does the clean flag alone say
//!    that no segment was started since; the tail is looked at all the same.
//! 3. The flushed mark: everything before it was flushed. A bad batch there is corruption,
//!    even if all that follows is good: the partition goes offline, and nothing is cut. A mark
//!    in a segment that is later than all that are there says that one is missing.
//! 4. After the mark, the first bad batch ends the log. Writes that were under way may
//!    have reached the device in any order and in pieces of 512 bytes, so good batches
//!    after a bad one are no sign of corruption there; none of them was acknowledged as
//!    flushed, unless within the mark's lag (at most [`mark::EVERY_BYTES`] of log).
//!
//! What is after the end is cut off before anything is served, so that it cannot come
//! back after a second crash; and the tail is flushed before anyone is told of it.
//! Before all that, what a cleaning has left is finished or forgotten: a segment that was
//! written again counts from when its name ends in `.swap`. Positions in segments that may
//! have been written again are not believed ([`CleanedMark`]): whatever was said of them,
//! they were flushed when the one after them was made.
//!
//! An index is never believed: one that does not fit is built again. Nor is a segment's
//! snapshot evidence of anything: where there is no checkpoint to begin from, recovery may
//! begin with the newest segment whose snapshot fits; where none does, with the oldest.

mod checkpoint;
mod cleaned;
pub(crate) mod mark;
mod recover;
mod scan;
mod snapshot;
mod swap;

pub use checkpoint::Checkpoint;
pub use cleaned::CleanedMark;
pub(crate) use recover::note_epoch;
pub use recover::{
    AbortedFound, ActiveFound, Recovered, RecoveryError, Replay, ReplayedMarker, SealedFound,
    recover, recover_unsynced,
};
pub(crate) use scan::{Window, scan};
pub use snapshot::SegmentSnapshot;
