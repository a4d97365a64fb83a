//! A disk that cannot be written to: for tools that look at what a stopped broker has left.
//! Whatever they call, nothing changes.
//!
//! Its operations block and are complete when they return, so that it needs no ring and no runtime:
//! [`ReadOnlyDisk::run`] runs what is written against the `Disk` seam.

use std::future::Future;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::disk::{DirEntry, Disk, File, Open};

#[derive(Clone, Debug, Default)]
pub struct ReadOnlyDisk;

/// An open file of it.
#[derive(Clone, Debug)]
pub struct ReadOnlyFile(Rc<std::fs::File>);

impl ReadOnlyDisk {
    /// Runs a future that waits for nothing but this disk.
    pub fn run<T>(future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            // It is pending only where it yields.
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
        }
    }
}

fn refused() -> io::Error {
    io::ErrorKind::ReadOnlyFilesystem.into()
}

impl Disk for ReadOnlyDisk {
    type File = ReadOnlyFile;

    async fn open(&self, path: &Path, how: Open) -> io::Result<ReadOnlyFile> {
        match how {
            Open::Direct | Open::Buffered => Ok(ReadOnlyFile(Rc::new(std::fs::File::open(path)?))),
            Open::DirectNew | Open::BufferedNew => Err(refused()),
        }
    }

    async fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Err(refused())
    }

    async fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        super::blocking::list(path)
    }

    async fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(refused())
    }

    async fn remove_file(&self, _: &Path) -> io::Result<()> {
        Err(refused())
    }

    async fn remove_dir_all(&self, _: &Path) -> io::Result<()> {
        Err(refused())
    }

    async fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Err(refused())
    }

    async fn sync_file_system(&self, _: &Path) -> io::Result<()> {
        Err(refused())
    }
}

impl File for ReadOnlyFile {
    async fn write_at(&self, _: u64, _: Vec<Bytes>) -> io::Result<()> {
        Err(refused())
    }

    async fn read_at(&self, position: u64, length: usize) -> io::Result<Bytes> {
        // What a file claims to hold is not believed before it is read.
        let there = self.length().await?.saturating_sub(position);
        let length = length.min(usize::try_from(there).unwrap_or(usize::MAX));
        let mut bytes = vec![0; length];
        let mut done = 0;
        while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, position + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(done);
        Ok(bytes.into())
    }

    async fn sync_data(&self) -> io::Result<()> {
        Err(refused())
    }

    async fn allocate(&self, _: u64, _: u64) -> io::Result<()> {
        Err(refused())
    }

    async fn set_length(&self, _: u64) -> io::Result<()> {
        Err(refused())
    }

    async fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, b"0123456789").unwrap();
        ReadOnlyDisk::run(async {
            let disk = ReadOnlyDisk;
            let file = disk.open(&path, Open::Direct).await.unwrap();
            assert_eq!(file.read_at(4, 100).await.unwrap(), "456789");
            assert_eq!(file.read_at(20, 5).await.unwrap(), "");
            assert_eq!(disk.list(dir.path()).await.unwrap().len(), 1);
            assert!(file.write_at(0, vec![Bytes::from("x")]).await.is_err());
            assert!(file.set_length(0).await.is_err());
            assert!(
                disk.open(&dir.path().join("new"), Open::BufferedNew)
                    .await
                    .is_err()
            );
            assert!(disk.remove_file(&path).await.is_err());
        });
        assert_eq!(std::fs::read(&path).unwrap(), b"0123456789");
    }
}
