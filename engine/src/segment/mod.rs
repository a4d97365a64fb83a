//! A segment: one file of record batches, back to back, named by its first offset.

mod name;
mod space;

pub use name::{
    CHECKPOINT_FILE, FLUSHED_FILE, METADATA_FILE, aborted_path, deleted_path, index_path,
    parse_log_name, parse_snapshot_name, segment_path, snapshot_path,
};
pub use space::{Ahead, Space};
