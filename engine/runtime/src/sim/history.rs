//! What a simulation did so far: how many steps, and a digest of their order, by which two
//! runs are told apart or found to be one.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;

use super::storage::Op;

pub(super) struct History {
    steps: u64,
    /// One more is a panic.
    pub steps_max: u64,
    order: DefaultHasher,
}

impl Default for History {
    fn default() -> Self {
        Self {
            steps: 0,
            steps_max: u64::MAX,
            order: DefaultHasher::new(),
        }
    }
}

impl History {
    pub fn steps(&self) -> u64 {
        self.steps
    }

    pub fn digest(&self) -> u64 {
        self.order.finish()
    }

    /// It is the turn of a task.
    pub fn note_turn(&mut self, task: usize) {
        task.hash(&mut self.order);
        self.note_step();
    }

    /// An operation completed.
    pub fn note_operation(&mut self, op: &Op, is_ok: bool) {
        let order = &mut self.order;
        (op.kind() as usize, is_ok).hash(order);
        match op {
            Op::Open { path, .. }
            | Op::CreateDirAll(path)
            | Op::List(path)
            | Op::RemoveFile(path)
            | Op::RemoveDirAll(path) => path.hash(order),
            Op::SyncDir { path, until } => (path, until).hash(order),
            Op::SyncFileSystem {
                path,
                names_until,
                files_until,
            } => (path, names_until, files_until).hash(order),
            Op::Rename { from, to } => (from, to).hash(order),
            Op::Write {
                file,
                position,
                data,
                ..
            } => {
                let bytes: usize = data.iter().map(Bytes::len).sum();
                (file, position, bytes).hash(order);
            }
            Op::Read {
                file,
                position,
                length,
            } => (file, position, length).hash(order),
            Op::SyncData { file, until } => (file, until).hash(order),
            Op::Allocate {
                file,
                position,
                length,
            } => (file, position, length).hash(order),
            Op::SetLength { file, length } => (file, length).hash(order),
            Op::Length { file } => file.hash(order),
        }
        self.note_step();
    }

    fn note_step(&mut self) {
        self.steps += 1;
        assert!(
            self.steps <= self.steps_max,
            "more than {} steps: something goes round in a circle",
            self.steps_max
        );
    }
}
