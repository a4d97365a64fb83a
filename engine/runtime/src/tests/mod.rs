//! Stories about the ring, its executor and the disks behind the seam.
mod disks;
mod runtime;
mod sockets;
