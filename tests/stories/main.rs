//! Stories told from outside, against the real binary.
//!
//! One module per story. A story starts a broker of its own (see `harness`), talks to it
//! through librdkafka or through a bare socket, and never looks inside. With
//! `NARU_TEST_BROKER` another broker takes the place of Naru's; that is how a story is
//! proven right before Naru is judged by it:
//!
//! ```text
//! NARU_TEST_BROKER="$PWD/perf/peers/kafka/start PORT DIR" cargo test -p naru --test stories
//! ```
//!
//! `a_peer_that_hangs_up_ends_its_wait`, `hostile_bytes_do_not_hurt_others`,
//! `sigterm_drains_and_exits_zero`, `unknown_config_key_suggests_the_nearest` those of the admin
//! listener, of `naru verify` and of `naru doctor`, and the examples of docs/CLI.md ask for what
//! only Naru promises.
#![allow(clippy::unwrap_used)]

mod harness;

mod a_compacted_topic_keeps_the_newest_of_each_key;
mod a_larger_message_gets_message_too_large_and_the_connection_goes_on;
mod a_peer_that_hangs_up_ends_its_wait;
mod a_produce_that_a_deletion_overtakes_misses_its_topic;
mod a_topic_asked_for_is_unknown_and_comes_about;
mod a_topic_made_again_never_has_the_deleted_records;
mod a_transaction_begins_with_its_coordinator;
mod a_transaction_may_begin_before_the_markers_of_the_last;
mod a_waiting_fetch_leaves_the_broker_to_others;
mod acked_records_survive_kill_9;
mod an_old_data_directory_reads_as_it_was_left;
mod bombs_hold_up_nobody;
mod broker_configs_change_while_clients_go_on;
mod doctor_says_whether_this_machine_suits;
mod every_refused_record_is_named;
mod features_are_shown_and_finalized;
mod group_shares_a_topic_without_duplicates;
mod groups_have_configs_of_their_own;
mod hostile_bytes_do_not_hurt_others;
mod hundred_megabyte_record_round_trips_when_limits_are_raised;
mod idempotent_producer_survives_restart;
mod lag_is_what_the_clients_know;
mod long_lists_hold_up_nobody;
mod memory_holds_whatever_peers_do;
mod offsets_count_with_their_transaction;
mod offsets_go_by_name_and_by_id;
mod one_node_answers_its_operators;
mod partitions_are_administered;
mod paused_consumer_resumes_where_it_stopped;
mod produced_records_come_back_byte_for_byte;
mod sigterm_drains_and_exits_zero;
mod the_admin_listener_answers_what_its_document_says;
mod the_admin_listener_holds_up_nobody;
mod the_bench_reads_back_what_it_produced;
mod the_command_keeps_configs;
mod the_command_keeps_groups;
mod the_command_keeps_topics;
mod the_command_looks_into_logs_and_transactions;
mod the_command_produces_and_consumes;
mod the_docs_show_what_the_command_says;
mod the_metrics_are_those_that_the_docs_list;
mod topic_configs_change_while_clients_go_on;
mod topics_are_created_described_deleted;
mod topics_grow_while_clients_go_on;
mod transactions_are_whole;
mod unknown_config_key_suggests_the_nearest;
mod verify_says_what_is_damaged_and_where;
mod whoever_waits_for_a_group_hears_that_it_is_gone;
