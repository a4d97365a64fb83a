//! What an open log knows of itself, split by what changes together:
//!
//! - [`Segments`]: which bytes there are, and in which files;
//! - [`Durability`]: how far they are appended, written and flushed;
//! - [`Life`]: whether it takes appends, and why not;
//! - [`Readers`]: what spares readers a look at the disk. Nothing depends on it.
//!
//! What changes more than one of them is a transition of [`State`], named for what happened.
//! Each ends with [`State::assert_invariants`]: a log that does not hold together must stop
//! before its next write or acknowledgement, not after.

mod durability;
mod life;
mod log_state;
mod readers;
mod segments;

pub(super) use durability::Durability;
pub(super) use life::Life;
pub(super) use log_state::State;
pub(super) use readers::Readers;
pub(super) use segments::{ActiveSegment, Directory, SealedSegment, Segments};
