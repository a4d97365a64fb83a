//! Disks and files on the ring.
//!
//! Two rare calls block the thread: listing a directory (the ring has no such operation)
//! and removing a directory tree. `fstat` is called directly too: the inode of an open file
//! is in memory, while the ring would hand the call to a worker thread.

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::rc::Rc;
use std::sync::Once;
use std::time::Instant;

use bytes::Bytes;

use super::buffer::Aligned;
use super::disk::{DirEntry, Disk, File, Open};
use super::ring::{Durability, FileOps, Ring};

/// A file on the ring of the thread that opened it.
#[derive(Clone)]
pub struct RingFile {
    inner: Rc<Inner>,
}

struct Inner {
    ring: Ring,
    /// `None` only while it is dropped.
    file: Option<OwnedFd>,
    fd: RawFd,
    is_direct: bool,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            self.ring.close(file);
        }
    }
}

fn open_flags(how: Open) -> i32 {
    match how {
        Open::Direct => libc::O_RDWR | libc::O_DIRECT,
        Open::DirectNew => libc::O_RDWR | libc::O_DIRECT | libc::O_CREAT | libc::O_EXCL,
        Open::Buffered => libc::O_RDWR,
        Open::BufferedNew => libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC,
    }
}

/// Said once for a process: the data is as safe, the CPU cost is not the same.
fn warn_of_buffered(path: &Path) {
    static WARNING: Once = Once::new();
    WARNING.call_once(|| {
        tracing::warn!(
            path = %path.display(),
            "this file system has no direct I/O (O_DIRECT); files are written through the page cache"
        );
    });
}

/// Its disk.
#[derive(Clone)]
pub(super) struct RingDisk(pub(super) Ring);

impl Disk for RingDisk {
    type File = RingFile;

    async fn open(&self, path: &Path, how: Open) -> io::Result<RingFile> {
        let flags = open_flags(how);
        let mut is_direct = flags & libc::O_DIRECT != 0;
        let file = match self.0.open(path, flags).await {
            Err(error) if is_direct && error.raw_os_error() == Some(libc::EINVAL) => {
                warn_of_buffered(path);
                is_direct = false;
                // The refused call has made the file already, hence no O_EXCL; a file that
                // was there before is refused with EEXIST, not EINVAL.
                self.0
                    .open(path, flags & !(libc::O_DIRECT | libc::O_EXCL))
                    .await?
            }
            opened => opened?,
        };
        Ok(RingFile {
            inner: Rc::new(Inner {
                ring: self.0.clone(),
                fd: file.as_raw_fd(),
                file: Some(file),
                is_direct,
            }),
        })
    }

    async fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        // From the innermost one that is missing, outwards, and back.
        let mut missing = Vec::new();
        for ancestor in path.ancestors() {
            if ancestor.as_os_str().is_empty() {
                break;
            }
            match self.0.make_dir(ancestor).await {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    // A file in the way is an error, as for `std::fs::create_dir_all`.
                    if missing.is_empty() && !ancestor.is_dir() {
                        return Err(error);
                    }
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(ancestor),
                Err(error) => return Err(error),
            }
        }
        for directory in missing.into_iter().rev() {
            match self.0.make_dir(directory).await {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    async fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        super::blocking::list(path)
    }

    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to).await
    }

    async fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.0.unlink(path).await
    }

    async fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir_all(path)
    }

    async fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY;
        let directory = self.0.open(path, flags).await?;
        let synced = self.0.sync(directory.as_raw_fd(), false).await;
        self.0.close(directory);
        synced
    }

    /// Blocks: rings have no operation for it. Broker and engine ask for it on the maintenance
    /// thread only.
    async fn sync_file_system(&self, path: &Path) -> io::Result<()> {
        super::blocking::sync_file_system(path)
    }
}

impl File for RingFile {
    async fn write_at(&self, position: u64, data: Vec<Bytes>) -> io::Result<()> {
        let Inner { ring, fd, .. } = &*self.inner;
        ring.write_all(*fd, position, data, Durability::Later).await
    }

    async fn write_durable_at(&self, position: u64, data: Vec<Bytes>) -> io::Result<()> {
        let Inner { ring, fd, .. } = &*self.inner;
        let durability = Durability::WithTheWrite;
        let begun = Instant::now();
        let written = ring.write_all(*fd, position, data, durability).await;
        ring.flushes().record_duration(begun.elapsed());
        written
    }

    async fn read_at(&self, position: u64, length: usize) -> io::Result<Bytes> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let Inner {
            ring,
            fd,
            is_direct,
            ..
        } = &*self.inner;
        let buffer = Aligned::new(length);
        let buffer = ring.read(*fd, *is_direct, position, buffer).await?;
        Ok(buffer.freeze())
    }

    async fn sync_data(&self) -> io::Result<()> {
        let Inner { ring, fd, .. } = &*self.inner;
        let begun = Instant::now();
        let synced = ring.sync(*fd, true).await;
        ring.flushes().record_duration(begun.elapsed());
        synced
    }

    async fn allocate(&self, position: u64, length: u64) -> io::Result<()> {
        self.inner
            .ring
            .allocate(self.inner.fd, position, length)
            .await
    }

    async fn set_length(&self, length: u64) -> io::Result<()> {
        match self.inner.ring.truncate(self.inner.fd, length).await {
            // Linux before 6.9 has no such operation on the ring; the call is rare.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                let file = self.inner.file.as_ref();
                let file = file.ok_or(io::ErrorKind::NotFound)?;
                let length = i64::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
                Ok(nix::unistd::ftruncate(file, length)?)
            }
            result => result,
        }
    }

    async fn length(&self) -> io::Result<u64> {
        let file = self.inner.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        Ok(nix::sys::stat::fstat(file)?.st_size as u64)
    }
}

impl fmt::Debug for RingFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingFile")
            .field("fd", &self.inner.fd)
            .field("is_direct", &self.inner.is_direct)
            .finish_non_exhaustive()
    }
}
