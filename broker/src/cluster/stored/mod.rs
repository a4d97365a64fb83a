//! What the metadata looks like on the disk: types of their own, apart from the live ones.
//!
//! A live type changes with the code; a stored one never does. There is one struct for each kind
//! and version, its bytes are written by hand, and it becomes a live type by `From`.
//!
//! ```text
//! record  = kind u16 | version u16 | length u32 of the payload | payload
//! string  = length u32 | UTF-8          list   = count u32 | element*
//! option  = 0 u8, or 1 u8 | value       uuid   = 16 bytes, as RFC 9562 writes them
//! ```
//!
//! Integers are little-endian. How to change what is stored:
//! - A new command, or a new part of the state: the next free kind.
//! - Another field of one that there is: a new struct with the next version beside the old one.
//!   The old one is read for ever, the newest one is written.
//! - Either way, a golden file for it (`tests/golden`).
//!
//! A reader that meets a kind or a version that it does not know refuses the whole file, and says
//! what it found and what it knows: to leave a command out would be to build another state.

mod brokers_v1;
mod bytes;
mod command;
mod command_v1;
mod features_v1;
mod log_v1;
mod record;
mod resources_v1;
mod state;
mod state_v1;

pub use bytes::Malformed;
pub(super) use bytes::{Reader, Writer};
pub use command::{decode_commands, encode_commands};
pub(super) use log_v1::{decode_commands_v1, decode_state_v1};
pub(super) use record::Stored;
pub use record::{UnknownRecord, Unreadable};
pub(super) use state::{StoredState, decode_state, encode_state};
