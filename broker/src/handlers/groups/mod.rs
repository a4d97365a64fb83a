//! The APIs of consumer groups, of the classic and of the consumer protocol (KIP-848): each request
//! is brought to the shard that coordinates its group.

mod consumer_describe;
mod consumer_heartbeat;
mod delete;
mod describe;
mod find;
mod heartbeat;
mod join;
mod leave;
mod list;
mod named;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod route;
mod sync;
mod txn_offset_commit;

pub use consumer_describe::handle as consumer_describe;
pub use consumer_heartbeat::handle as consumer_heartbeat;
pub use delete::handle as delete;
pub use describe::handle as describe;
pub use find::handle as find;
pub use heartbeat::handle as heartbeat;
pub use join::handle as join;
pub use leave::handle as leave;
pub use list::handle as list;
pub use offset_commit::handle as commit_offsets;
pub use offset_delete::handle as delete_offsets;
pub use offset_fetch::handle as fetch_offsets;
pub use sync::handle as sync;
pub use txn_offset_commit::handle as commit_offsets_in_transaction;
