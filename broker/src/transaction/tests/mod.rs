//! The coordinator as its clients see it: one file for each kind of request, one for what Kafka
//! got wrong once, and a model that is asked at random and crashes anywhere.

mod add;
mod end;
mod expiry;
mod init;
mod kafka_bugs;
mod model;
mod settled;
mod world;

use super::metadata::Metadata;
use super::*;
use world::{ABORT, COMMIT, World, of, producer};
