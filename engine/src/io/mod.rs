//! The engine's way to the world: the `Disk` seam, aligned buffers, the ring and its
//! executor, and the simulated disk.

mod buffer;
mod disk;

pub use buffer::{Aligned, Chunk};
pub use disk::{BLOCK_BYTES, DirEntry, Disk, Env, File, Open, Spawn, read_file, replace_file};
