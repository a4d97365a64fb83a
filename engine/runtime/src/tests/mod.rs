//! Stories about the ring, its executor and the disks behind the seam.
#![allow(clippy::unwrap_used)]

mod disks;
mod runtime;
mod sockets;
