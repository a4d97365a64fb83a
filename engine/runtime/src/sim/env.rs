//! The simulated machine as the engine sees it: the traits of `io::disk`.

use std::future::Future;
use std::io;
use std::path::Path;
use std::rc::Rc;

use bytes::Bytes;

use super::names::NodeId;
use super::storage::{Done, Op};
use super::world::World;
use crate::{BLOCK_BYTES, DirEntry, Disk, File, Open, Spawn};

/// The disk and the executor of a [`super::Sim`].
#[derive(Clone)]
pub struct SimEnv(pub(super) Rc<World>);

/// An open file on it.
#[derive(Clone)]
pub struct SimFile {
    world: Rc<World>,
    node: NodeId,
    is_direct: bool,
}

impl Spawn for SimEnv {
    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.0.spawn(task);
    }
}

impl SimEnv {
    async fn change(&self, op: Op) -> io::Result<()> {
        self.0.submit(op).await.map(drop)
    }
}

impl Disk for SimEnv {
    type File = SimFile;

    async fn open(&self, path: &Path, how: Open) -> io::Result<SimFile> {
        let path = path.to_owned();
        match self.0.submit(Op::Open { path, how }).await? {
            Done::File(node) => Ok(SimFile {
                world: Rc::clone(&self.0),
                node,
                is_direct: matches!(how, Open::Direct | Open::DirectNew),
            }),
            other => unreachable!("opening gave {other:?}"),
        }
    }

    async fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.change(Op::CreateDirAll(path.to_owned())).await
    }

    async fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        match self.0.submit(Op::List(path.to_owned())).await? {
            Done::Names(names) => Ok(names),
            other => unreachable!("listing gave {other:?}"),
        }
    }

    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.change(Op::Rename { from, to }).await
    }

    async fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change(Op::RemoveFile(path.to_owned())).await
    }

    async fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.change(Op::RemoveDirAll(path.to_owned())).await
    }

    async fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let until = self.0.state.borrow().storage.names.changes_count();
        let path = path.to_owned();
        self.change(Op::SyncDir { path, until }).await
    }

    async fn sync_file_system(&self, path: &Path) -> io::Result<()> {
        let (names_until, files_until) = self.0.state.borrow().storage.changes_counts();
        let path = path.to_owned();
        self.change(Op::SyncFileSystem {
            path,
            names_until,
            files_until,
        })
        .await
    }
}

impl SimFile {
    /// Direct I/O takes whole blocks only; the kernel would answer `EINVAL`.
    fn check(&self, what: &str, number: u64) {
        assert!(
            !self.is_direct || number.is_multiple_of(BLOCK_BYTES as u64),
            "{what} {number} of direct I/O is no multiple of a block"
        );
    }

    async fn change(&self, op: Op) -> io::Result<()> {
        self.world.submit(op).await.map(drop)
    }

    async fn write(&self, position: u64, data: Vec<Bytes>, is_durable: bool) -> io::Result<()> {
        self.check("position", position);
        for piece in &data {
            self.check("length", piece.len() as u64);
            self.check("address", piece.as_ptr() as u64);
        }
        let file = self.node;
        self.change(Op::Write {
            file,
            position,
            data,
            is_durable,
        })
        .await
    }
}

impl File for SimFile {
    async fn write_at(&self, position: u64, data: Vec<Bytes>) -> io::Result<()> {
        self.write(position, data, false).await
    }

    async fn write_durable_at(&self, position: u64, data: Vec<Bytes>) -> io::Result<()> {
        self.write(position, data, true).await
    }

    async fn read_at(&self, position: u64, length: usize) -> io::Result<Bytes> {
        self.check("position", position);
        self.check("length", length as u64);
        let file = self.node;
        let read = Op::Read {
            file,
            position,
            length,
        };
        match self.world.submit(read).await? {
            Done::Bytes(bytes) => Ok(bytes),
            other => unreachable!("reading gave {other:?}"),
        }
    }

    async fn sync_data(&self) -> io::Result<()> {
        let file = self.node;
        let until = self.world.state.borrow().storage.files[file].changes_count();
        self.change(Op::SyncData { file, until }).await
    }

    async fn allocate(&self, position: u64, length: u64) -> io::Result<()> {
        let file = self.node;
        self.change(Op::Allocate {
            file,
            position,
            length,
        })
        .await
    }

    async fn set_length(&self, length: u64) -> io::Result<()> {
        let file = self.node;
        self.change(Op::SetLength { file, length }).await
    }

    async fn length(&self) -> io::Result<u64> {
        match self.world.submit(Op::Length { file: self.node }).await? {
            Done::Length(length) => Ok(length),
            other => unreachable!("the length was {other:?}"),
        }
    }
}
