//! A segment: one file of record batches, back to back, named by its first offset.

mod name;
mod space;

pub use name::{
    CHECKPOINT_FILE, CLEANED_FILE, FLUSHED_FILE, METADATA_FILE, aborted_path, belongs_to,
    cleaned_path, deleted_path, index_path, is_leftover_name, keys_path, parse_keys_name,
    parse_log_name, parse_snapshot_name, parse_swap_name, segment_path, snapshot_path, swap_path,
};
pub use space::{Ahead, Space};
