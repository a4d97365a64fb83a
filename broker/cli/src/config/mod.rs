//! `naru config`: what is set where on topics, brokers, groups and client metrics; and changing it.

mod alter;
mod command;
mod describe;
mod get;
mod resource;
mod source;

pub use command::{ConfigCommand, run};
pub use describe::{describe, topic_value};
pub use resource::Resource;
pub use source::ConfigSource;
