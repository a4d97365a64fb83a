//! Consumer groups under everything that ends a server: members of the consumer protocol (KIP-848)
//! and classic ones in the same group, so that it goes from one protocol to the other and back.
//! They come and go, are slow, crash, and return as static members, while a topic grows and
//! another one is deleted and made again.
//!
//! - A partition is in one member's hands at a time, as long as that one's session lasts.
//! - What the group has committed was processed up to there, record by record, by somebody.
//! - What was committed, and answered, does not go back; a topic that was made again begins anew.
//! - When all is over, every record that was acknowledged is processed.

mod accounts;
mod classic;
mod modern;
mod requests;
mod scene;

pub use scene::run;
