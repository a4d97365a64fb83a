//! A simulated disk and executor: one seed, one run, and every crash on the way.
//!
//! [`Sim::run`] runs futures on [`SimEnv`], which is an [`Env`](super::Env). Operations
//! complete in an order that follows from the seed. At any of them the world can end
//! ([`Sim::crash_at`]), and what a power cut or a kill leaves behind is a world of its own
//! ([`Sim::power_cut`], [`Sim::kill`]).
//!
//! What a power cut may do is what POSIX allows and devices do, and more than any one file
//! system does: a write that was not synced may be missing, there, or there in part
//! (512-byte sectors, any of them; [`Sim::tear_within_sectors`] tears these too); so may one
//! that was under way. A length that was not synced may be the old one. A name that was not
//! synced may be missing, or still there, independently of every other name. After a failed
//! `sync_data` the data is seen, but no later sync makes it safe. An operation whose future was
//! dropped may happen, or not, or a write in part, as with the ring; its buffers live until then.
//!
//! What it does not do: lose what was synced, or invent bytes that nobody wrote (that is
//! [`Sim::flip_bit`]'s part).
//!
//! A [`Simulation`] has more: several machines, each with such a disk, and a clock and a network
//! between them. Its threads are [`Handle`](super::Handle)s, so that whatever runs on a ring runs
//! there as it is.

mod clock;
mod content;
mod env;
mod faults;
mod history;
mod machine;
mod names;
pub(crate) mod net;
mod op_kind;
mod rng;
mod simulation;
mod storage;
mod trace;
mod world;

pub use op_kind::OpKind;

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bytes::Bytes;

pub use env::{SimEnv, SimFile};
pub use machine::Machine;
pub(crate) use machine::Seat;
pub use simulation::Simulation;
pub use trace::Digest;

use content::Tear;
use faults::Outcome;
use rng::Rng;
use storage::{Op, Storage};
use world::World;

use super::Open;

/// A simulated machine.
pub struct Sim(Rc<World>);

impl Sim {
    /// A machine with an empty disk.
    pub fn new(seed: u64) -> Self {
        Self(World::new(seed, Storage::new()))
    }

    /// What the tasks on it use.
    pub fn env(&self) -> SimEnv {
        SimEnv(Rc::clone(&self.0))
    }

    /// Runs until `main` is done. `None` when the world ended before, by
    /// [`Self::crash_at`]; nothing runs afterwards. Tasks that `main` leaves behind go on
    /// with the next call.
    ///
    /// # Panics
    /// When every task waits and no operation is under way: that would be for ever.
    pub fn run<T>(&self, main: impl Future<Output = T>) -> Option<T> {
        self.0.run(main)
    }

    /// How many operations were completed: all but reads and lists.
    pub fn operations(&self) -> u64 {
        self.0.state.borrow().changes_count
    }

    /// How many operations of one kind were completed.
    pub fn operations_of(&self, kind: OpKind) -> u64 {
        self.0.state.borrow().count_of(kind)
    }

    /// The world ends when `operation` of them were completed.
    pub fn crash_at(&self, operation: u64) {
        self.0.state.borrow_mut().crash_at = Some(operation);
    }

    /// How many steps were taken: operations of all kinds, and turns of tasks.
    pub fn steps(&self) -> u64 {
        self.0.state.borrow().history.steps()
    }

    /// A digest of what was done in which order. Equal ones: the same run.
    pub fn digest(&self) -> u64 {
        self.0.state.borrow().history.digest()
    }

    /// More steps than this, counted since the beginning, are a panic: something goes round
    /// in a circle.
    pub fn set_steps_max(&self, steps: u64) {
        self.0.state.borrow_mut().history.steps_max = steps;
    }

    /// Lets operation `number` (from 0, counted since the beginning) of one kind fail with
    /// `errno`. A write is done in part, a failed sync loses the data. `ENOSPC` is harmless
    /// for what was written before.
    pub fn fail(&self, kind: OpKind, number: u64, errno: i32) {
        let mut state = self.0.state.borrow_mut();
        state.faults.add_once(kind, number, errno);
    }

    /// As [`Self::fail`], with all of that kind from `number` on, until [`Self::heal`].
    pub fn fail_from(&self, kind: OpKind, number: u64, errno: i32) {
        let mut state = self.0.state.borrow_mut();
        let fails = Outcome::Fails(errno);
        state.faults.add_lasting(kind, number, None, fails);
    }

    /// Lets all of that kind fail from now on that touch `path` or what is below it, until
    /// [`Self::heal`].
    pub fn fail_below(&self, kind: OpKind, path: &Path, errno: i32) {
        let mut state = self.0.state.borrow_mut();
        let fails = Outcome::Fails(errno);
        state.faults.add_lasting(kind, 0, Some(path), fails);
    }

    /// From now on that kind (`SyncData`, `WriteDurable`, `SyncDir`, `SyncFileSystem`) reports
    /// success and makes nothing safe, until [`Self::heal`]: the negative control of tests that cut
    /// the power.
    pub fn lie_about(&self, kind: OpKind) {
        let mut state = self.0.state.borrow_mut();
        state.faults.add_lasting(kind, 0, None, Outcome::Lies);
    }

    /// Takes back every fault. What was lost by one stays lost.
    pub fn heal(&self) {
        self.0.state.borrow_mut().faults.clear();
    }

    /// From now on a write that is torn may be torn within a sector too, as by devices whose
    /// sectors are larger or smaller than they say.
    pub fn tear_within_sectors(&self) {
        self.0.state.borrow_mut().storage.tear = Tear::WithinSectors;
    }

    /// How much room all files together may still take, in bytes, by whole pages that were
    /// neither written nor reserved before; then it is `ENOSPC`, for a write after the part
    /// that fits. What is cut off or removed gives its room back.
    pub fn set_room(&self, bytes: u64) {
        self.0.state.borrow_mut().storage.set_room(bytes);
    }

    /// The machine after a power cut at this moment. Other seeds, other losses.
    pub fn power_cut(&self, seed: u64) -> Sim {
        let mut rng = Rng::new(seed);
        let mut storage = self.interrupted(&mut rng);
        storage.lose_power(&mut rng);
        Sim(World::new(rng.next(), storage))
    }

    /// The machine after the death of the process at this moment: what was written is
    /// there, synced or not, and what was under way may be.
    pub fn kill(&self, seed: u64) -> Sim {
        let mut rng = Rng::new(seed);
        let storage = self.interrupted(&mut rng);
        Sim(World::new(rng.next(), storage))
    }

    /// What is stored, with some of what is under way.
    fn interrupted(&self, rng: &mut Rng) -> Storage {
        let state = self.0.state.borrow();
        let mut storage = state.storage.clone();
        for under_way in &state.under_way {
            match (rng.below(3), &under_way.op) {
                // It makes no difference whether a flush was handed in.
                (_, Op::SyncData { .. } | Op::SyncDir { .. } | Op::SyncFileSystem { .. })
                | (0, _) => {}
                // The process is gone, the device has not failed: what is there can be made safe.
                (1, op) => storage.apply_in_part(op, rng),
                // Some fail now, as they would have: nothing is left of them.
                (_, op) => drop(storage.apply(op)),
            }
        }
        storage
    }

    /// What a file holds.
    pub fn content(&self, path: &Path) -> io::Result<Bytes> {
        let state = self.0.state.borrow();
        let file = &state.storage.files[state.storage.file(path)?];
        Ok(file.read(0, file.length() as usize))
    }

    /// Every file of a directory with its content, by name.
    pub fn contents(&self, dir: &Path) -> io::Result<Vec<(PathBuf, Bytes)>> {
        let names: Vec<PathBuf> = {
            let storage = &self.0.state.borrow().storage;
            let entries = storage.names.entries(storage.names.find_dir(dir)?);
            let files = entries.filter(|(_, node)| matches!(node, names::Node::File(_)));
            files.map(|(name, _)| dir.join(name)).collect()
        };
        let read = |path: PathBuf| self.content(&path).map(|content| (path, content));
        names.into_iter().map(read).collect()
    }

    /// Puts a file there, durable, or takes its content's place.
    pub fn put(&self, path: &Path, content: Bytes) -> io::Result<()> {
        let mut state = self.0.state.borrow_mut();
        let storage = &mut state.storage;
        let how = Open::BufferedNew;
        let path = path.to_owned();
        storage.apply(&Op::Open {
            path: path.clone(),
            how,
        })?;
        let file = storage.file(&path)?;
        storage.files[file].write(0, &[content]);
        storage.files[file].sync(u64::MAX);
        storage.sync_parent(&path)
    }

    /// Makes a directory and its missing parents, durably.
    pub fn make_dir(&self, path: &Path) -> io::Result<()> {
        let storage = &mut self.0.state.borrow_mut().storage;
        storage.names.make_dirs(path)?;
        path.ancestors()
            .filter(|at| at.parent().is_some())
            .try_for_each(|at| storage.sync_parent(at))
    }

    /// Takes a file away, durably.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.state.borrow_mut();
        state.storage.apply(&Op::RemoveFile(path.to_owned()))?;
        state.storage.sync_parent(path)
    }

    /// Turns over a bit of what is stored.
    pub fn flip_bit(&self, path: &Path, position: u64, bit: u8) -> io::Result<()> {
        let mut state = self.0.state.borrow_mut();
        let file = state.storage.file(path)?;
        state.storage.files[file].flip_bit(position, bit);
        Ok(())
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.0.end();
    }
}
