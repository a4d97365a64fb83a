//! Records within a batch: read as views, or walked as they are decompressed. Nothing here
//! allocates from a length that a record declares.

mod error;
mod pieces;
pub(crate) mod read;
mod search;
pub(crate) mod source;
pub(crate) mod stream;
pub(crate) mod varint;
mod view;

pub use error::RecordError;
pub use pieces::{RecordFront, RecordPieces};
pub use search::{RecordSearch, first_record_at};
pub use view::{Headers, RecordView, Records};
