//! `naru-bench which-limit`: what stands in the way of one record of N bytes, from the producer to
//! the consumer, and what to set where.

mod command;
mod framing;
mod path;
mod settings;

pub use command::{Args, WhichLimitError, execute};
pub use framing::{batch_bytes, java_estimate_bytes};
pub use path::{Configs, Hurdle, hurdles};
pub use settings::Settings;
