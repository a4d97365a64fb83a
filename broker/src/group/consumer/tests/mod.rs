//! KIP-848 groups, told as stories: what members ask, what they are answered, what is in the log.

mod bugs;
mod classic;
mod fencing;
mod joining;
mod progress;
mod random;
mod replay;
mod settings;
pub mod world;
