//! The `Disk` seam of a [`Handle`]: the ring's, or the simulated one.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use super::backend::Backend;
use super::disk::{DirEntry, Disk, File, Open, Space};
use super::executor::yield_now;
use super::glommio_disk::GlommioDisk;
use super::ring_disk::{RingDisk, RingFile};
use super::runtime::Handle;
use super::sim::{SimEnv, SimFile};

/// A file of a real disk, or of a simulated one.
#[derive(Clone)]
pub enum EitherFile<F> {
    Real(F),
    Sim(SimFile),
}

/// A real disk, or a simulated one.
#[derive(Clone)]
pub enum EitherDisk<D> {
    Real(D),
    Sim(SimEnv),
}

impl Handle {
    fn disk(&self) -> EitherDisk<RingDisk> {
        match self.backend() {
            Backend::Ring(ring) => EitherDisk::Real(RingDisk(ring.clone())),
            Backend::Sim(seat) => EitherDisk::Sim(seat.disk().clone()),
        }
    }
}

impl Disk for Handle {
    type File = EitherFile<RingFile>;

    async fn open(&self, path: &Path, how: Open) -> io::Result<Self::File> {
        self.disk().open(path, how).await
    }

    async fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk().create_dir_all(path).await
    }

    async fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.disk().list(path).await
    }

    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk().rename(from, to).await
    }

    async fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.disk().remove_file(path).await
    }

    async fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk().remove_dir_all(path).await
    }

    async fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.disk().sync_dir(path).await
    }

    async fn sync_file_system(&self, path: &Path) -> io::Result<()> {
        self.disk().sync_file_system(path).await
    }
}

impl EitherDisk<GlommioDisk> {
    /// The room of the file system that holds `path`. A simulated disk does not say.
    pub async fn space(&self, path: &Path) -> io::Result<Space> {
        match self {
            Self::Real(disk) => disk.space(path).await,
            Self::Sim(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

impl EitherDisk<GlommioDisk> {
    /// Lets others have their turn for so long. A simulated disk takes its own time: there this
    /// is a turn of the others, no more.
    pub async fn sleep(&self, duration: Duration) {
        match self {
            Self::Real(_) => glommio::timer::sleep(duration).await,
            Self::Sim(_) => yield_now().await,
        }
    }
}

impl<D: Disk> Disk for EitherDisk<D> {
    type File = EitherFile<D::File>;

    async fn open(&self, path: &Path, how: Open) -> io::Result<Self::File> {
        Ok(match self {
            Self::Real(disk) => EitherFile::Real(disk.open(path, how).await?),
            Self::Sim(disk) => EitherFile::Sim(disk.open(path, how).await?),
        })
    }

    async fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Real(disk) => disk.create_dir_all(path).await,
            Self::Sim(disk) => disk.create_dir_all(path).await,
        }
    }

    async fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        match self {
            Self::Real(disk) => disk.list(path).await,
            Self::Sim(disk) => disk.list(path).await,
        }
    }

    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        match self {
            Self::Real(disk) => disk.rename(from, to).await,
            Self::Sim(disk) => disk.rename(from, to).await,
        }
    }

    async fn remove_file(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Real(disk) => disk.remove_file(path).await,
            Self::Sim(disk) => disk.remove_file(path).await,
        }
    }

    async fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Real(disk) => disk.remove_dir_all(path).await,
            Self::Sim(disk) => disk.remove_dir_all(path).await,
        }
    }

    async fn sync_dir(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Real(disk) => disk.sync_dir(path).await,
            Self::Sim(disk) => disk.sync_dir(path).await,
        }
    }

    async fn sync_file_system(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Real(disk) => disk.sync_file_system(path).await,
            Self::Sim(disk) => disk.sync_file_system(path).await,
        }
    }
}

impl<F: File> File for EitherFile<F> {
    async fn write_at(&self, position: u64, data: Vec<Bytes>) -> io::Result<()> {
        match self {
            Self::Real(file) => file.write_at(position, data).await,
            Self::Sim(file) => file.write_at(position, data).await,
        }
    }

    async fn write_durable_at(&self, position: u64, data: Vec<Bytes>) -> io::Result<()> {
        match self {
            Self::Real(file) => file.write_durable_at(position, data).await,
            Self::Sim(file) => file.write_durable_at(position, data).await,
        }
    }

    async fn read_at(&self, position: u64, length: usize) -> io::Result<Bytes> {
        match self {
            Self::Real(file) => file.read_at(position, length).await,
            Self::Sim(file) => file.read_at(position, length).await,
        }
    }

    async fn sync_data(&self) -> io::Result<()> {
        match self {
            Self::Real(file) => file.sync_data().await,
            Self::Sim(file) => file.sync_data().await,
        }
    }

    async fn allocate(&self, position: u64, length: u64) -> io::Result<()> {
        match self {
            Self::Real(file) => file.allocate(position, length).await,
            Self::Sim(file) => file.allocate(position, length).await,
        }
    }

    async fn set_length(&self, length: u64) -> io::Result<()> {
        match self {
            Self::Real(file) => file.set_length(length).await,
            Self::Sim(file) => file.set_length(length).await,
        }
    }

    async fn length(&self) -> io::Result<u64> {
        match self {
            Self::Real(file) => file.length().await,
            Self::Sim(file) => file.length().await,
        }
    }
}
