//! The server.
pub mod cluster;
pub mod config;
