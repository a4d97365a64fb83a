//! The seam between those who propose commands and what makes them durable, and the quorum of
//! one behind it.
//!
//! A Raft library takes this place when there are more nodes: it then owns the log's entries and
//! calls `ClusterState::apply` on each member, and proposers see no difference.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::command::Command;
use super::disk;
use super::error::{ClusterError, StorageError};
use super::image::ClusterImage;
use super::log::{self, LogFile};
use super::snapshot;
use super::state::{ClusterState, Outcome, Refusal};

/// A snapshot is taken when the log has grown by this much, or by the last snapshot's size if that
/// is more, so that start is quick and the writing of snapshots stays in proportion.
pub const SNAPSHOT_AFTER_BYTES: u64 = 4 << 20;

/// Puts commands in order, makes them durable, and carries them out.
pub trait CommandLog {
    /// Carries the commands out in this order, as one group: one flush. Returns an answer for each
    /// when all that were accepted are durable.
    fn propose(
        &mut self,
        commands: Vec<Command>,
    ) -> impl Future<Output = Result<Vec<Result<Outcome, Refusal>>, ClusterError>>;

    /// The state after the last durable command.
    fn image(&self) -> Arc<ClusterImage>;
}

/// A quorum of one node, on files; blocks its thread while it writes.
#[derive(Debug)]
pub struct SingleNode {
    directory: PathBuf,
    state: ClusterState,
    /// The state as of the last flush. `state` is ahead of it only after a failed one.
    durable: Arc<ClusterImage>,
    log: LogFile,
    snapshot_after_bytes: u64,
    /// Why no command is taken any more.
    fenced: Option<Arc<str>>,
    /// Keeps other processes out of the directory.
    _lock: File,
}

impl SingleNode {
    /// Opens the metadata in `directory`, or begins it; a torn tail of the log is cut.
    pub fn open(directory: &Path) -> Result<Self, StorageError> {
        Self::open_with(directory, SNAPSHOT_AFTER_BYTES)
    }

    pub(super) fn open_with(
        directory: &Path,
        snapshot_after_bytes: u64,
    ) -> Result<Self, StorageError> {
        let lock = disk::open_directory(directory)?;
        disk::remove_temporaries(directory)?;
        // A rename that the last process did not live to flush is a fact from here on.
        disk::sync_directory(directory)?;
        let mut state = match disk::indexed_files(directory, snapshot::PREFIX)?.pop() {
            Some(newest) => ClusterState::from_image(snapshot::read(&newest.path, newest.index)?),
            None => ClusterState::default(),
        };
        let log = replay(directory, &mut state)?;
        Ok(Self {
            directory: directory.to_owned(),
            durable: Arc::new(state.image()),
            state,
            log,
            snapshot_after_bytes,
            fenced: None,
            _lock: lock,
        })
    }

    /// [`CommandLog::propose`] without the future.
    pub fn commit(
        &mut self,
        commands: Vec<Command>,
    ) -> Result<Vec<Result<Outcome, Refusal>>, ClusterError> {
        if let Some(reason) = &self.fenced {
            let reason = Arc::clone(reason);
            return Err(ClusterError::Fenced { reason });
        }
        let first_index = self.state.index() + 1;
        let mut accepted = Vec::with_capacity(commands.len());
        let mut answers = Vec::with_capacity(commands.len());
        for command in commands {
            // A refusal that is known beforehand is not worth a place in the log.
            let answer = match self.state.verify(&command) {
                Err(refusal) => Err(refusal),
                Ok(()) => {
                    let outcome = self.state.apply(self.state.index() + 1, &command);
                    accepted.push(command);
                    outcome
                }
            };
            answers.push(answer);
        }
        if !accepted.is_empty() {
            self.make_durable(first_index, &accepted)
                .map_err(|error| self.fence(&error))?;
        }
        Ok(answers)
    }

    pub fn durable_image(&self) -> Arc<ClusterImage> {
        Arc::clone(&self.durable)
    }

    fn make_durable(&mut self, index: u64, commands: &Vec<Command>) -> Result<(), StorageError> {
        self.log.append(index, commands)?;
        self.durable = Arc::new(self.state.image());
        if self.log.bytes() >= self.snapshot_after_bytes {
            self.take_snapshot()?;
        }
        Ok(())
    }

    /// The kernel may report a failed flush once and forget the pages: what the disk holds can no
    /// longer be known from here.
    fn fence(&mut self, error: &StorageError) -> ClusterError {
        let reason: Arc<str> = error.to_string().into();
        tracing::error!(%error, "cluster metadata is fenced; restart the broker once the disk is sound");
        self.fenced = Some(Arc::clone(&reason));
        ClusterError::Fenced { reason }
    }

    /// The new log gets its name before the snapshot: whichever of the two a crash leaves out, the
    /// logs that remain continue the snapshot that remains.
    fn take_snapshot(&mut self) -> Result<(), StorageError> {
        let index = self.durable.index;
        let prepared = snapshot::prepare(&self.directory, &self.durable)?;
        self.log = LogFile::create(&self.directory, index + 1)?;
        let file = prepared.publish()?;
        let bytes = file
            .metadata()
            .map_err(StorageError::io("look at", &self.directory))?
            .len();
        self.snapshot_after_bytes = self.snapshot_after_bytes.max(bytes);
        let logs = disk::indexed_files(&self.directory, log::PREFIX)?;
        let snapshots = disk::indexed_files(&self.directory, snapshot::PREFIX)?;
        let old_logs = logs.into_iter().filter(|file| file.index <= index);
        let old_snapshots = snapshots.into_iter().filter(|file| file.index < index);
        for old in old_logs.chain(old_snapshots) {
            fs::remove_file(&old.path).map_err(StorageError::io("remove", &old.path))?;
        }
        Ok(())
    }
}

impl CommandLog for SingleNode {
    async fn propose(
        &mut self,
        commands: Vec<Command>,
    ) -> Result<Vec<Result<Outcome, Refusal>>, ClusterError> {
        self.commit(commands)
    }

    fn image(&self) -> Arc<ClusterImage> {
        self.durable_image()
    }
}

/// Carries out what the logs hold beyond the state, and opens the last one at its end.
fn replay(directory: &Path, state: &mut ClusterState) -> Result<LogFile, StorageError> {
    let logs = disk::indexed_files(directory, log::PREFIX)?;
    let Some(last) = logs.last() else {
        if state.index() == 0 {
            return LogFile::create(directory, 1);
        }
        let path = disk::indexed_path(directory, log::PREFIX, state.index() + 1);
        return Err(StorageError::corrupt(&path, 0, "the file is missing"));
    };
    // Files that end before the snapshot was taken are left over from a crash while tidying up.
    let first_needed = logs
        .iter()
        .rposition(|file| file.index <= state.index() + 1)
        .ok_or_else(|| {
            let path = disk::indexed_path(directory, log::PREFIX, state.index() + 1);
            StorageError::corrupt(&path, 0, "the file is missing")
        })?;
    let mut expected = None;
    for file in logs.iter().skip(first_needed) {
        if expected.is_some_and(|index| index != file.index) {
            let reason = "the log before it does not lead up to it";
            return Err(StorageError::corrupt(&file.path, 0, reason));
        }
        let contents = log::read(&file.path, file.index)?;
        let mut next = file.index;
        for frame in &contents.frames {
            for (index, command) in (frame.index..).zip(&frame.commands) {
                next = index + 1;
                if index > state.index() {
                    // What was refused then is refused now, and changes nothing.
                    let _ = state.apply(index, command);
                }
            }
        }
        if file == last {
            return LogFile::reopen(&file.path, &contents);
        }
        if contents.is_torn() {
            let reason = "the file is cut short, though another follows it";
            return Err(StorageError::corrupt(&file.path, 0, reason));
        }
        expected = Some(next);
    }
    LogFile::create(directory, state.index() + 1)
}
