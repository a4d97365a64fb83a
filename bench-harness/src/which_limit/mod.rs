//! `naru-bench which-limit`: what stands in the way of one record of N bytes, from the producer to
//! the consumer, and what to set where.

mod command;
mod framing;
mod paste;
mod path;
mod settings;

pub use command::{Args, WhichLimitError, execute};
pub use framing::{batch_bytes, java_estimate_bytes};
pub use paste::paste;
pub use path::{Client, Configs, Hurdle, Place, Scope, Stand, hurdles};
pub use settings::Settings;
