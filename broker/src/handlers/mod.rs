//! What Naru answers: one file for each API.
//!
//! A request is decoded in `dispatch`, bounded by its frame, and first believed in its
//! handler: record batches in `produce`, names and numbers where they are used.

mod acls;
mod alter_broker_configs;
mod alter_configs;
mod alter_replica_log_dirs;
mod alter_resource_configs;
mod api_versions;
mod checks;
mod client_quotas;
mod config_changes;
mod config_resources;
mod create_partitions;
mod create_topics;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod dispatch;
mod elect_leaders;
mod fetch;
mod groups;
mod init_producer_id;
mod list_config_resources;
mod list_offsets;
mod metadata;
mod offset_for_leader_epoch;
mod partition_reassignments;
mod produce;
mod sasl_handshake;
mod topics;
mod transactions;
mod unregister_broker;
mod update_features;
mod user_scram_credentials;
mod verification;
mod write_txn_markers;

pub use dispatch::Requests;
