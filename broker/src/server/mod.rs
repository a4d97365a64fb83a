//! The broker as a whole: its parts are put together, brought up in order and taken down in
//! order.
//!
//! The order is [`assembly`]'s. Where the parts run is the others' business: on threads with
//! rings in production ([`Server`]), on the threads of one simulated machine in tests
//! ([`SimulatedServer`]).

mod assembly;
mod error;
mod simulated;
mod threads;

pub use error::StartError;
pub use simulated::SimulatedServer;
pub use threads::Server;
