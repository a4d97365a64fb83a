//! What Naru answers: one file for each API.
//!
//! A request is decoded in `dispatch`, bounded by its frame, and first believed in its
//! handler: record batches in `produce`, names and numbers where they are used.

mod alter_configs;
mod api_versions;
mod checks;
mod create_topics;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_log_dirs;
mod dispatch;
mod fetch;
mod groups;
mod init_producer_id;
mod list_offsets;
mod metadata;
mod offset_for_leader_epoch;
mod produce;
mod topics;
mod transactions;
mod update_features;

pub use dispatch::Requests;
