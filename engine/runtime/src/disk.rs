//! The seam between the engine and storage: two small traits, completion-based.
//!
//! The ring is one implementation (`io::ring`), the maintenance thread's glommio
//! another, the seeded simulator a third. The engine never reaches a disk in any
//! other way, so whatever the simulator can do to a write, a test can do to the log.
//!
//! Invariants that every implementation keeps:
//! - Buffers belong to the implementation until the future resolves, and also when it
//!   is dropped before: that is why writes take owned [`Bytes`] and reads return them.
//! - A write is complete or an error; there are no short writes at this seam.
//! - A write that completed is visible to every later read and survives the death of
//!   the process. It survives a power cut only after a later `sync_data` succeeded.
//! - Names made, renamed or removed survive a power cut only after `sync_dir`.
//! - After `sync_file_system` all of both does.
//! - After a failed `sync_data` nothing is known: the caller fences, it never retries.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

/// The unit of direct I/O, in bytes: positions, lengths and addresses are multiples of it.
pub const BLOCK_BYTES: usize = 4096;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// Direct I/O for reading and writing: positions, lengths and buffer addresses are
    /// multiples of [`BLOCK_BYTES`]. The file must exist.
    Direct,
    /// As `Direct`, but the file is made, and must not exist yet.
    DirectNew,
    /// Buffered, for small files that are read whole. The file must exist.
    Buffered,
    /// Buffered, for small files that are written whole: made or cut to nothing.
    BufferedNew,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    pub name: String,
    pub is_dir: bool,
}

/// The room of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    pub total_bytes: u64,
    /// What is free for a user without privileges.
    pub usable_bytes: u64,
}

/// A place that holds files.
pub trait Disk: Clone + 'static {
    type File: File;

    fn open(&self, path: &Path, how: Open) -> impl Future<Output = io::Result<Self::File>>;

    /// Makes a directory and its missing parents. One that is there already is no error.
    fn create_dir_all(&self, path: &Path) -> impl Future<Output = io::Result<()>>;

    /// The names in a directory, in no order. A missing directory is `NotFound`.
    fn list(&self, path: &Path) -> impl Future<Output = io::Result<Vec<DirEntry>>>;

    /// Renames a file or a directory; what stood at `to` is replaced if it is a file.
    fn rename(&self, from: &Path, to: &Path) -> impl Future<Output = io::Result<()>>;

    fn remove_file(&self, path: &Path) -> impl Future<Output = io::Result<()>>;

    /// Removes a directory with all that it holds.
    fn remove_dir_all(&self, path: &Path) -> impl Future<Output = io::Result<()>>;

    /// Makes the names of a directory durable.
    fn sync_dir(&self, path: &Path) -> impl Future<Output = io::Result<()>>;

    /// Makes everything durable that was done before the call to the file system that holds
    /// `path`: one flush of the device instead of one for each file and directory. Others who use
    /// the file system share what it takes.
    fn sync_file_system(&self, path: &Path) -> impl Future<Output = io::Result<()>>;
}

/// An open file. Clones share it; it is closed with the last of them.
pub trait File: Clone + 'static {
    /// Writes all of `data`, one piece after the other, from `position` (bytes) on.
    fn write_at(&self, position: u64, data: Vec<Bytes>) -> impl Future<Output = io::Result<()>>;

    /// As [`Self::write_at`], and durable when it succeeds: this write, with what of the file's
    /// length and extents it needs, but no other write. After a failure nothing is known, as with
    /// [`Self::sync_data`].
    fn write_durable_at(
        &self,
        position: u64,
        data: Vec<Bytes>,
    ) -> impl Future<Output = io::Result<()>> {
        async move {
            self.write_at(position, data).await?;
            self.sync_data().await
        }
    }

    /// Reads up to `length` bytes from `position` on; fewer only at the end of the file.
    fn read_at(&self, position: u64, length: usize) -> impl Future<Output = io::Result<Bytes>>;

    /// `fdatasync`: every write that completed before the call is durable when it succeeds.
    fn sync_data(&self) -> impl Future<Output = io::Result<()>>;

    /// Reserves space; the file is at least `position + length` bytes long afterwards and
    /// the new part reads as zeros.
    fn allocate(&self, position: u64, length: u64) -> impl Future<Output = io::Result<()>>;

    /// Cuts the file to `length` bytes, or lengthens it with zeros.
    fn set_length(&self, length: u64) -> impl Future<Output = io::Result<()>>;

    fn length(&self) -> impl Future<Output = io::Result<u64>>;
}

/// What runs the engine's own tasks: the shard's executor, or the simulator's.
pub trait Spawn: Clone + 'static {
    fn spawn(&self, task: impl Future<Output = ()> + 'static);
}

/// Everything that the engine asks of the world.
pub trait Env: Disk + Spawn {}

impl<T: Disk + Spawn> Env for T {}

/// Reads a small file whole.
pub async fn read_file<D: Disk>(disk: &D, path: &Path) -> io::Result<Bytes> {
    let file = disk.open(path, Open::Buffered).await?;
    let length = file.length().await?;
    file.read_at(0, length as usize).await
}

/// Replaces a small file whole: after a power cut there is the old one or the new one.
pub async fn replace_file<D: Disk>(disk: &D, path: &Path, content: Bytes) -> io::Result<()> {
    let parent = path
        .parent()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a file without a directory"))?;
    let mut temporary = PathBuf::from(path).into_os_string();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let file = disk.open(&temporary, Open::BufferedNew).await?;
    file.write_at(0, vec![content]).await?;
    file.sync_data().await?;
    disk.rename(&temporary, path).await?;
    disk.sync_dir(parent).await
}
