//! What is observed beside the records: what processes of this machine use, and what the machine
//! is.

mod environment;
mod listener;
mod proc_text;
mod process;
mod threads;

pub use environment::{DiskOf, Environment};
pub use process::Process;
pub use threads::thread_times;
