//! What a simulated disk holds, and what each operation does to it.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::content::Content;
use super::names::{Names, Node, NodeId};
use super::rng::Rng;
use crate::{DirEntry, Open};

/// An operation that was handed in.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Open {
        path: PathBuf,
        how: Open,
    },
    CreateDirAll(PathBuf),
    List(PathBuf),
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    RemoveFile(PathBuf),
    RemoveDirAll(PathBuf),
    SyncDir {
        path: PathBuf,
        until: u64,
    },
    Write {
        file: NodeId,
        position: u64,
        data: Vec<Bytes>,
        is_durable: bool,
    },
    Read {
        file: NodeId,
        position: u64,
        length: usize,
    },
    SyncData {
        file: NodeId,
        until: u64,
    },
    Allocate {
        file: NodeId,
        position: u64,
        length: u64,
    },
    SetLength {
        file: NodeId,
        length: u64,
    },
    Length {
        file: NodeId,
    },
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Done {
    Nothing,
    File(NodeId),
    Names(Vec<DirEntry>),
    Bytes(Bytes),
    Length(u64),
}

#[derive(Clone, Debug)]
pub(super) struct Storage {
    pub names: Names,
    pub files: Vec<Content>,
    /// What the files may still grow by, in bytes.
    pub room_bytes: u64,
}

impl Storage {
    pub fn new() -> Self {
        Self {
            names: Names::new(),
            files: Vec::new(),
            room_bytes: u64::MAX,
        }
    }

    pub fn apply(&mut self, op: &Op) -> io::Result<Done> {
        match op {
            Op::Open { path, how } => return self.open(path, *how).map(Done::File),
            Op::CreateDirAll(path) => self.names.make_dirs(path)?,
            Op::List(path) => return self.list(path).map(Done::Names),
            Op::Rename { from, to } => self.rename(from, to)?,
            Op::RemoveFile(path) => self.remove_file(path)?,
            Op::RemoveDirAll(path) => {
                let node = Node::Dir(self.names.find_dir(path)?);
                let slot = self.names.slot(path)?;
                self.names.change(node, Some(slot), None);
            }
            Op::SyncDir { path, until } => {
                let dir = self.names.find_dir(path)?;
                self.names.sync(dir, *until);
            }
            Op::Write {
                file,
                position,
                data,
                is_durable,
            } => {
                let bytes: usize = data.iter().map(Bytes::len).sum();
                self.take_room(*file, position + bytes as u64)?;
                self.files[*file].write(*position, data);
                if *is_durable {
                    self.files[*file].sync_last_write();
                }
            }
            Op::Read {
                file,
                position,
                length,
            } => return Ok(Done::Bytes(self.files[*file].read(*position, *length))),
            Op::SyncData { file, until } => self.files[*file].sync(*until),
            Op::Allocate {
                file,
                position,
                length,
            } => {
                let end = position + length;
                self.take_room(*file, end)?;
                if end > self.files[*file].length() {
                    self.files[*file].set_length(end);
                }
            }
            Op::SetLength { file, length } => {
                self.take_room(*file, *length)?;
                self.files[*file].set_length(*length);
            }
            Op::Length { file } => return Ok(Done::Length(self.files[*file].length())),
        }
        Ok(Done::Nothing)
    }

    /// An operation that did not succeed, or was under way at the end of the world: a
    /// write may be there in part, and what a failed sync was to make safe never will be.
    pub fn apply_failed(&mut self, op: &Op, rng: &mut Rng) {
        match op {
            Op::Write {
                file,
                position,
                data,
                is_durable,
            } => {
                self.files[*file].write_torn(*position, data, rng);
                if *is_durable {
                    self.files[*file].lose_changes();
                }
            }
            Op::SyncData { file, .. } => self.files[*file].lose_changes(),
            _ => {}
        }
    }

    /// The power is gone, and came back.
    pub fn lose_power(&mut self, rng: &mut Rng) {
        self.names.lose_power(rng);
        for file in &mut self.files {
            file.lose_power(rng);
        }
    }

    pub fn file(&self, path: &Path) -> io::Result<NodeId> {
        match self.names.find(path)? {
            Node::File(file) => Ok(file),
            Node::Dir(_) => Err(io::Error::from_raw_os_error(libc::EISDIR)),
        }
    }

    /// Makes the names around `path` safe.
    pub fn sync_parent(&mut self, path: &Path) -> io::Result<()> {
        let slot = self.names.slot(path)?;
        self.names.sync(slot.dir, u64::MAX);
        Ok(())
    }

    fn take_room(&mut self, file: NodeId, end: u64) -> io::Result<()> {
        let length = self.files[file].length();
        let grown = end.saturating_sub(length);
        if grown > self.room_bytes {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        self.room_bytes -= grown;
        Ok(())
    }

    fn open(&mut self, path: &Path, how: Open) -> io::Result<NodeId> {
        match (self.file(path), how) {
            (Ok(_), Open::DirectNew) => Err(io::Error::from_raw_os_error(libc::EEXIST)),
            (Ok(file), Open::BufferedNew) => {
                self.files[file].set_length(0);
                Ok(file)
            }
            (Ok(file), _) => Ok(file),
            (Err(error), _) if error.kind() != io::ErrorKind::NotFound => Err(error),
            (Err(error), Open::Direct | Open::Buffered) => Err(error),
            (Err(_), Open::DirectNew | Open::BufferedNew) => {
                let slot = self.names.slot(path)?;
                let file = self.files.len();
                self.files.push(Content::default());
                self.names.change(Node::File(file), None, Some(slot));
                Ok(file)
            }
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let dir = self.names.find_dir(path)?;
        let entries = self.names.entries(dir).map(|(name, node)| DirEntry {
            name: name.clone(),
            is_dir: matches!(node, Node::Dir(_)),
        });
        Ok(entries.collect())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = self.names.find(from)?;
        let replaced = self.names.find(to).ok();
        if matches!(
            (replaced, node),
            (Some(Node::Dir(_)), _) | (Some(_), Node::Dir(_))
        ) {
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        let (from, to) = (self.names.slot(from)?, self.names.slot(to)?);
        self.names.change(node, Some(from), Some(to));
        Ok(())
    }

    fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        let file = self.file(path)?;
        let slot = self.names.slot(path)?;
        self.names.change(Node::File(file), Some(slot), None);
        Ok(())
    }
}
