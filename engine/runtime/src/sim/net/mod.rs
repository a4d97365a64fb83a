//! The network of a simulation: streams with delays that follow from the seed, that arrive in
//! pieces of any size, end, break, or stand still while a link is cut.
//!
//! It keeps TCP's promises: bytes arrive in order, once, or the connection ends. What it does not
//! have is loss that retransmission would hide; that looks like a delay.

mod connect;
mod network;
mod pipe;
mod socket;

pub(crate) use connect::SimListener;
pub(super) use network::Net;
pub(crate) use socket::SimSocket;
