//! What a simulated disk holds, and what each operation does to it.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::content::{Content, Tear};
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
    SyncFileSystem {
        path: PathBuf,
        names_until: u64,
        /// Of each file that there is.
        files_until: Vec<u64>,
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
    /// What all files may take together, in bytes.
    limit_bytes: u64,
    pub tear: Tear,
}

impl Storage {
    pub fn new() -> Self {
        Self {
            names: Names::new(),
            files: Vec::new(),
            limit_bytes: u64::MAX,
            tear: Tear::default(),
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
            Op::SyncFileSystem {
                path,
                names_until,
                files_until,
            } => {
                self.names.find_dir(path)?;
                self.names.sync_all(*names_until);
                for (file, until) in self.files.iter_mut().zip(files_until) {
                    file.sync(*until);
                }
            }
            Op::Write {
                file,
                position,
                data,
                is_durable,
            } => {
                let end = position + bytes_of(data);
                let fits_to = self.fits_to(*file, *position, end);
                self.write_until(*file, *position, data, fits_to);
                if fits_to < end {
                    return Err(io::Error::from_raw_os_error(libc::ENOSPC));
                }
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
                if self.fits_to(*file, *position, end) < end {
                    return Err(io::Error::from_raw_os_error(libc::ENOSPC));
                }
                self.files[*file].reserve(*position, end);
            }
            // What it lengthens a file by is a hole: it takes room when it is written.
            Op::SetLength { file, length } => self.files[*file].set_length(*length),
            Op::Length { file } => return Ok(Done::Length(self.files[*file].length())),
        }
        Ok(Done::Nothing)
    }

    /// As [`Self::apply`], but nothing becomes safe by it, whatever it says.
    pub fn apply_lying(&mut self, op: &Op) -> io::Result<Done> {
        match op {
            Op::SyncData { .. } | Op::SyncDir { .. } | Op::SyncFileSystem { .. } => {
                Ok(Done::Nothing)
            }
            Op::Write {
                file,
                position,
                data,
                is_durable: true,
            } => self.apply(&Op::Write {
                file: *file,
                position: *position,
                data: data.clone(),
                is_durable: false,
            }),
            op => self.apply(op),
        }
    }

    /// An operation that did not succeed, or was under way at the end of the world: a
    /// write may be there in part, and what a failed sync was to make safe never will be.
    pub fn apply_failed(&mut self, op: &Op, rng: &mut Rng) {
        self.apply_in_part(op, rng);
        match op {
            Op::SyncData { file, .. }
            | Op::Write {
                file,
                is_durable: true,
                ..
            } => self.files[*file].lose_changes(),
            Op::SyncFileSystem { .. } => self.files.iter_mut().for_each(Content::lose_changes),
            _ => {}
        }
    }

    /// A write that ended somewhere: cancelled, or short of room. It says nothing of others.
    pub fn apply_in_part(&mut self, op: &Op, rng: &mut Rng) {
        if let Op::Write {
            file,
            position,
            data,
            ..
        } = op
        {
            // It takes no room that is not there.
            let end = position + bytes_of(data);
            if self.fits_to(*file, *position, end) == end {
                self.files[*file].write_torn(*position, data, self.tear, rng);
            }
        }
    }

    /// The power is gone, and came back.
    pub fn lose_power(&mut self, rng: &mut Rng) {
        self.names.lose_power(rng);
        for file in &mut self.files {
            file.lose_power(self.tear, rng);
        }
    }

    /// How much all files may still take together; `u64::MAX` is no limit.
    pub fn set_room(&mut self, room_bytes: u64) {
        self.limit_bytes = self.taken_bytes().saturating_add(room_bytes);
    }

    /// What the files take that have a name. One that lost its last name gives its room back
    /// at once, open or not.
    fn taken_bytes(&self) -> u64 {
        let files = self.names.files();
        let taken = files
            .iter()
            .map(|(_, file)| self.files[*file].taken_bytes());
        taken.sum()
    }

    fn fits_to(&self, file: NodeId, position: u64, end: u64) -> u64 {
        if self.limit_bytes == u64::MAX {
            return end;
        }
        let room_bytes = self.limit_bytes.saturating_sub(self.taken_bytes());
        self.files[file].fits_to(position, end, room_bytes)
    }

    /// Writes what of `data` is before `until`.
    fn write_until(&mut self, file: NodeId, position: u64, data: &[Bytes], until: u64) {
        let mut left = until.saturating_sub(position) as usize;
        let mut kept = Vec::with_capacity(data.len());
        for piece in data {
            let length = piece.len().min(left);
            left -= length;
            if length > 0 {
                kept.push(piece.slice(..length));
            }
        }
        if !kept.is_empty() {
            self.files[file].write(position, &kept);
        }
    }

    /// The paths that an operation touches.
    pub fn paths_of(&self, op: &Op) -> Vec<PathBuf> {
        match op {
            Op::Open { path, .. }
            | Op::CreateDirAll(path)
            | Op::List(path)
            | Op::RemoveFile(path)
            | Op::RemoveDirAll(path)
            | Op::SyncDir { path, .. }
            | Op::SyncFileSystem { path, .. } => vec![path.clone()],
            Op::Rename { from, to } => vec![from.clone(), to.clone()],
            Op::Write { file, .. }
            | Op::Read { file, .. }
            | Op::SyncData { file, .. }
            | Op::Allocate { file, .. }
            | Op::SetLength { file, .. }
            | Op::Length { file } => self.names.path_of(*file).into_iter().collect(),
        }
    }

    pub fn file(&self, path: &Path) -> io::Result<NodeId> {
        match self.names.find(path)? {
            Node::File(file) => Ok(file),
            Node::Dir(_) => Err(io::Error::from_raw_os_error(libc::EISDIR)),
        }
    }

    /// How often names were changed, and each file, up to now.
    pub fn changes_counts(&self) -> (u64, Vec<u64>) {
        let files = self.files.iter().map(Content::changes_count);
        (self.names.changes_count(), files.collect())
    }

    /// Makes the names around `path` safe.
    pub fn sync_parent(&mut self, path: &Path) -> io::Result<()> {
        let slot = self.names.slot(path)?;
        self.names.sync(slot.dir, u64::MAX);
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

fn bytes_of(data: &[Bytes]) -> u64 {
    data.iter().map(|piece| piece.len() as u64).sum()
}
