//! The JSON API under `/api/v1`: one file for each kind of thing, with its types and its handlers.
//!
//! The types are the API: their names and docs are what the OpenAPI document shows. Names have
//! their units last; offsets and epochs are Kafka's.

pub mod cluster;
pub mod configs;
pub mod connections;
pub mod groups;
pub mod logs;
pub mod memory;
mod page;
pub mod partitions;
pub mod topics;
pub mod transactions;

pub use page::Paged;
