//! The `Disk` seam on glommio, for the maintenance thread.
//!
//! Data is copied between our buffers and glommio's once, in steps that fit its registered
//! memory: a background job trades that CPU for glommio's scheduling. Directory work runs
//! on glommio's blocking thread. A file on a file system that refuses direct I/O is opened
//! buffered.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bytes::{Buf, Bytes};
use glommio::GlommioError;
use glommio::io::{BufferedFile, DmaFile, OpenOptions};

use super::buffer::Aligned;
use super::disk::{BLOCK_BYTES, DirEntry, Disk, File, Open, Space, Spawn};
use super::ring::length_of;

/// One read or write moves at most this much. Several fit into the registered memory.
const STEP_BYTES: usize = 256 << 10;

/// The modes of new files and directories, before the umask; as on the ring.
const FILE_MODE: u32 = 0o640;
const DIRECTORY_MODE: u32 = 0o750;

/// The disk as jobs on the maintenance thread see it. Works only there.
#[derive(Clone, Debug)]
pub struct GlommioDisk {
    /// Keeps it on its thread.
    _local: Rc<()>,
}

/// A file that was opened on the maintenance thread.
#[derive(Clone)]
pub struct GlommioFile {
    inner: Rc<Inner>,
}

enum Inner {
    Direct(DmaFile),
    Buffered(BufferedFile),
}

/// Takes the cause out of glommio's wrapping, with its error number.
fn plain(error: GlommioError<()>) -> io::Error {
    match error {
        GlommioError::IoError(source) | GlommioError::EnhancedIoError { source, .. } => source,
        other => other.into(),
    }
}

async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let path = path.to_owned();
    glommio::executor().spawn_blocking(move || work(path)).await
}

impl GlommioDisk {
    /// For the thread of the executor that runs it.
    pub(super) fn new() -> Self {
        Self {
            _local: Rc::new(()),
        }
    }

    /// The room of the file system that holds `path`.
    pub async fn space(&self, path: &Path) -> io::Result<Space> {
        blocking(path, |path| super::blocking::space(&path)).await
    }
}

impl Disk for GlommioDisk {
    type File = GlommioFile;

    async fn open(&self, path: &Path, how: Open) -> io::Result<GlommioFile> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(FILE_MODE);
        let opened = match how {
            Open::Direct => options.dma_open(path).await,
            Open::DirectNew => options.create_new(true).dma_open(path).await,
            Open::Buffered | Open::BufferedNew => {
                let is_new = how == Open::BufferedNew;
                options.create(is_new).truncate(is_new);
                return Ok(GlommioFile::buffered(
                    options.buffered_open(path).await.map_err(plain)?,
                ));
            }
        };
        match opened.map_err(plain) {
            Ok(file) => Ok(GlommioFile {
                inner: Rc::new(Inner::Direct(file)),
            }),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                // No direct I/O here. A file that had to be new was made by the refused
                // call.
                options.create_new(false);
                let file = options.buffered_open(path).await.map_err(plain)?;
                Ok(GlommioFile::buffered(file))
            }
            Err(error) => Err(error),
        }
    }

    async fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        blocking(path, |path| {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(DIRECTORY_MODE)
                .create(path)
        })
        .await
    }

    async fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        blocking(path, |path| super::blocking::list(&path)).await
    }

    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        glommio::io::rename(from, to).await.map_err(plain)
    }

    async fn remove_file(&self, path: &Path) -> io::Result<()> {
        glommio::io::remove(path).await.map_err(plain)
    }

    async fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        blocking(path, std::fs::remove_dir_all).await
    }

    async fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // Not glommio's own: that is an fdatasync, which need not cover a new name.
        blocking(path, |path| std::fs::File::open(path)?.sync_all()).await
    }

    async fn sync_file_system(&self, path: &Path) -> io::Result<()> {
        blocking(path, |path| super::blocking::sync_file_system(&path)).await
    }
}

impl Spawn for GlommioDisk {
    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        glommio::spawn_local(task).detach();
    }
}

impl GlommioFile {
    fn buffered(file: BufferedFile) -> Self {
        Self {
            inner: Rc::new(Inner::Buffered(file)),
        }
    }

    /// One write of what `rest` begins with; returns how much of it went out.
    async fn write_step(&self, position: u64, rest: &mut Pieces) -> io::Result<usize> {
        let length = rest.left.min(STEP_BYTES);
        match &*self.inner {
            Inner::Direct(file) => {
                let mut buffer = file.alloc_dma_buffer(length);
                buffer.trim_to_size(length);
                rest.copy_to(buffer.as_bytes_mut());
                file.write_at(buffer, position).await.map_err(plain)
            }
            Inner::Buffered(file) => {
                let mut buffer = vec![0; length];
                rest.copy_to(&mut buffer);
                file.write_at(buffer, position).await.map_err(plain)
            }
        }
    }
}

/// Pieces that are written one after the other.
struct Pieces {
    pieces: std::collections::VecDeque<Bytes>,
    left: usize,
}

impl Pieces {
    /// Fills `target` from the front, which stays where it is.
    fn copy_to(&self, target: &mut [u8]) {
        let mut target = target;
        for piece in &self.pieces {
            let count = piece.len().min(target.len());
            let (now, later) = target.split_at_mut(count);
            now.copy_from_slice(&piece[..count]);
            target = later;
        }
    }

    fn advance(&mut self, count: usize) {
        self.left -= count;
        let mut count = count;
        while let Some(first) = self.pieces.front_mut() {
            if count < first.len() {
                first.advance(count);
                break;
            }
            count -= first.len();
            self.pieces.pop_front();
        }
    }
}

impl File for GlommioFile {
    async fn write_at(&self, position: u64, data: Vec<Bytes>) -> io::Result<()> {
        let mut rest = Pieces {
            left: data.iter().map(Bytes::len).sum(),
            pieces: data.into(),
        };
        let mut position = position;
        while rest.left > 0 {
            let count = self.write_step(position, &mut rest).await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            rest.advance(count);
            position += count as u64;
        }
        Ok(())
    }

    async fn read_at(&self, position: u64, length: usize) -> io::Result<Bytes> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let mut buffer = Aligned::new(length);
        let mut filled = 0;
        while filled < length {
            let step = (length - filled).min(STEP_BYTES);
            let from = position + filled as u64;
            let read = match &*self.inner {
                Inner::Direct(file) => file.read_at_aligned(from, step).await,
                Inner::Buffered(file) => file.read_at(from, step).await,
            };
            let read = read.map_err(plain)?;
            let count = read.len().min(step);
            buffer[filled..filled + count].copy_from_slice(&read[..count]);
            filled += count;
            // Inside a block a direct read stops only at the end of the file.
            let is_direct = matches!(&*self.inner, Inner::Direct(_));
            if count == 0 || (is_direct && count % BLOCK_BYTES != 0) {
                break;
            }
        }
        buffer.set_length(filled);
        Ok(buffer.freeze())
    }

    async fn sync_data(&self) -> io::Result<()> {
        match &*self.inner {
            Inner::Direct(file) => file.fdatasync().await,
            Inner::Buffered(file) => file.fdatasync().await,
        }
        .map_err(plain)
    }

    /// Reserves from byte 0 on, as glommio has no position here: the same space in the end.
    async fn allocate(&self, position: u64, length: u64) -> io::Result<()> {
        let end = position + length;
        match &*self.inner {
            Inner::Direct(file) => file.pre_allocate(end, false).await,
            Inner::Buffered(file) => file.pre_allocate(end, false).await,
        }
        .map_err(plain)
    }

    async fn set_length(&self, length: u64) -> io::Result<()> {
        match &*self.inner {
            Inner::Direct(file) => file.truncate(length).await,
            Inner::Buffered(file) => file.truncate(length).await,
        }
        .map_err(plain)
    }

    async fn length(&self) -> io::Result<u64> {
        // Not glommio's own: that asks by name, and the name may be another's by now.
        match &*self.inner {
            Inner::Direct(file) => length_of(file),
            Inner::Buffered(file) => length_of(file),
        }
    }
}

impl fmt::Debug for GlommioFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.inner {
            Inner::Direct(file) => file.fmt(f),
            Inner::Buffered(file) => file.fmt(f),
        }
    }
}
