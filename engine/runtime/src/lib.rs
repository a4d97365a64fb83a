//! The engine's way to the world: the `Disk` seam, aligned buffers, the ring and its
//! executor, sockets, and the simulated machines.

mod backend;
mod blocking;
mod buffer;
mod disk;
mod either_disk;
mod executor;
mod glommio_disk;
mod handover;
mod maintenance;
mod metrics;
mod read_only_disk;
mod ring;
mod ring_disk;
mod ring_socket;
mod runtime;
pub mod sim;
mod socket;
pub mod sync;
#[cfg(test)]
mod tests;
mod timers;
mod wake;

pub use buffer::{Aligned, Chunk, Guard, pooled_bytes, set_pool_bytes_max};
pub use disk::{
    BLOCK_BYTES, DirEntry, Disk, Env, File, Open, Space, Spawn, read_file, replace_file,
};
pub use either_disk::{EitherDisk, EitherFile};
pub use executor::{Task, yield_now};
pub use glommio_disk::{GlommioDisk, GlommioFile};
pub use handover::{Handed, Handover, handover};
pub use maintenance::{Maintenance, MaintenanceDisk, MaintenanceError, MaintenanceHandle};
pub use metrics::{Counter, Distribution, Histogram, ThreadTimes};
pub use read_only_disk::{ReadOnlyDisk, ReadOnlyFile};
pub use ring::{RingConfig, ignore_sigxfsz, set_niceness};
pub use ring_disk::RingFile;
pub use runtime::{Elapsed, Handle, Runtime, Sleep};
pub use socket::{Listener, Socket, SocketBuffers};
pub use wake::RemoteWaker;
