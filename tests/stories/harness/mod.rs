//! What the stories share: a broker of their own, clients, bare sockets, known records.
//!
//! Nothing here sleeps for a fixed time: every wait is for an event and has a limit, past
//! which the story fails with what it was waiting for.

mod admin;
mod ask;
mod broker;
mod command;
pub mod configs;
mod consumer;
pub mod http;
mod producer;
mod raw;
mod records;
pub mod schema;

use std::time::Duration;

pub use admin::{block_on, create_topic, delete_topic, topic_config, try_delete_topic};
pub use ask::{ask, topic_id};
pub use broker::{Broker, free_port};
pub use command::{Said, command, naru, naru_reading};
pub use consumer::{Read, client, read_all, read_until_end, reader};
pub use producer::Load;
pub use raw::{Fetch, Fetched, Raw, batch};
pub use raw::{api_versions_request, find_coordinator_request, join_group_request};
pub use raw::{list_offsets_request, metadata_request, produce_request, request};
pub use records::{FIRST_MS, noise, record};

/// How long a story waits for any one event. Only a broken broker takes this long, so it
/// is generous: the machine may be busy with other tests.
pub const WAIT_MAX: Duration = Duration::from_secs(60);
