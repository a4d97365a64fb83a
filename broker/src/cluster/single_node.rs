//! A quorum of one node: the command log on files of its own, reached through the `Disk` seam, so
//! that the thread never waits and the simulator can break every step.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use naru_runtime::Disk;
use naru_runtime::sync::Semaphore;

use super::command::Command;
use super::command_log::{CommandLog, Committed, EntryId};
use super::error::{ClusterError, StorageError};
use super::features::{FinalizedFeatures, default_levels};
use super::image::ClusterImage;
use super::images::Images;
use super::log::{self, LogFile};
use super::replay::replay;
use super::state::{ClusterState, Outcome, Refusal};
use super::{files, frame, snapshot};

/// A snapshot is taken when the log has grown by this much, or by the last snapshot's size if that
/// is more, so that start is quick and the writing of snapshots stays in proportion.
pub const SNAPSHOT_AFTER_BYTES: u64 = 4 << 20;

/// A quorum of one node.
pub struct SingleNode<D: Disk> {
    disk: D,
    directory: PathBuf,
    images: Images,
    /// What the log may grow by before a snapshot is taken.
    snapshot_after_bytes: u64,
    /// Groups of commands are written one after the other.
    turn: Rc<Semaphore>,
    /// Taken out while it writes: a write that is given up half-way leaves none behind.
    writer: RefCell<Option<Writer<D::File>>>,
    /// Why no command is taken any more.
    fenced: RefCell<Option<Arc<str>>>,
}

/// What the log is written with.
struct Writer<F> {
    /// The images show it as it was after the last flush; it is ahead of them while one is under
    /// way, and for ever after one that failed.
    state: ClusterState,
    last: EntryId,
    log: LogFile<F>,
    /// The size of the log at which the next snapshot is taken.
    snapshot_at_bytes: u64,
}

type Answers = Vec<Result<Outcome, Refusal>>;

impl<D: Disk> SingleNode<D> {
    /// Opens the metadata in `directory`, or begins it; a torn tail of the log is cut. What an
    /// older broker has written is replaced by a snapshot and a log of today's version. A cluster
    /// that has no id yet gets the one given, one without features those of today.
    pub async fn open(
        disk: D,
        directory: &Path,
        node_id: i32,
        new_cluster_id: &str,
    ) -> Result<Self, StorageError> {
        let node = Self::open_with(disk, directory, node_id, SNAPSHOT_AFTER_BYTES).await?;
        if node.images.newest().cluster_id().is_none() {
            let cluster_id = new_cluster_id.to_owned();
            let named = node
                .propose(vec![Command::SetClusterId { cluster_id }])
                .await;
            named.map_err(|error| StorageError::Io {
                action: "name the cluster in",
                path: directory.to_owned(),
                source: std::io::Error::other(error),
            })?;
        }
        if !node.images.newest().features().is_set() {
            let command = Command::SetFeatureLevels {
                epoch_before: FinalizedFeatures::default().epoch(),
                levels: default_levels(),
            };
            let finalized = node.propose(vec![command]).await;
            finalized.map_err(|error| StorageError::Io {
                action: "finalize the features in",
                path: directory.to_owned(),
                source: std::io::Error::other(error),
            })?;
        }
        Ok(node)
    }

    pub(super) async fn open_with(
        disk: D,
        directory: &Path,
        node_id: i32,
        snapshot_after_bytes: u64,
    ) -> Result<Self, StorageError> {
        files::prepare_directory(&disk, directory).await?;
        let replayed = replay(&disk, directory).await?;
        let (state, last) = (replayed.state, replayed.last);
        let log = match replayed.log {
            Some(log) => log,
            None => begin(&disk, directory, last, &state).await?,
        };
        Ok(Self {
            images: Images::new(state.image(), Some(node_id)),
            turn: Semaphore::new(1),
            writer: RefCell::new(Some(Writer {
                state,
                last,
                log,
                snapshot_at_bytes: snapshot_after_bytes,
            })),
            snapshot_after_bytes,
            fenced: RefCell::new(None),
            directory: directory.to_owned(),
            disk,
        })
    }

    fn check(&self) -> Result<(), ClusterError> {
        match &*self.fenced.borrow() {
            None => Ok(()),
            Some(reason) => Err(ClusterError::Fenced {
                reason: Arc::clone(reason),
            }),
        }
    }

    /// The kernel may report a failed flush once and forget the pages: what the disk holds can no
    /// longer be known from here.
    fn fence(&self, error: &StorageError) -> Arc<str> {
        let reason: Arc<str> = error.to_string().into();
        tracing::error!(
            %error,
            "cluster metadata is fenced; restart the broker once the disk is sound"
        );
        *self.fenced.borrow_mut() = Some(Arc::clone(&reason));
        reason
    }

    /// What is told of commands that could not be written. Without room they are taken back: the
    /// log is cut to where it was, and the state is that of the image that was shown last. After
    /// any other failure, or if the cut fails too, the log is fenced.
    async fn give_up(&self, mut writer: Writer<D::File>, error: &StorageError) -> ClusterError {
        let taken_back = match error.is_no_room() {
            true => writer.log.cut_back().await,
            false => return self.unknown(error),
        };
        if let Err(error) = taken_back {
            return self.unknown(&error);
        }
        let shown = self.images.newest();
        writer.state = ClusterState::from_image(ClusterImage::clone(&shown));
        self.writer.replace(Some(writer));
        tracing::error!(%error, "a change of the cluster metadata is refused until there is room");
        ClusterError::NoRoom
    }

    fn unknown(&self, error: &StorageError) -> ClusterError {
        let reason = self.fence(error);
        ClusterError::OutcomeUnknown { reason }
    }

    /// Writes the entry and shows its image. Whatever is written before an error may be found by
    /// the next start.
    async fn commit(
        &self,
        writer: &mut Writer<D::File>,
        command_index: u64,
        commands: &[Command],
    ) -> Result<(), StorageError> {
        let entry = writer.last.next();
        let Some(frame) = frame::encode(entry, command_index, commands) else {
            let reason = "the commands are more than one frame takes";
            return Err(StorageError::corrupt(&self.directory, 0, reason));
        };
        writer.log.append(frame).await?;
        writer.last = entry;
        self.images.publish(writer.state.image());
        Ok(())
    }

    /// Until both files are written whole, the old ones count, and a failure costs nothing but
    /// space in the log. From the first rename on it fences.
    async fn take_snapshot(&self, writer: &mut Writer<D::File>) -> Result<(), StorageError> {
        let image = writer.state.image();
        let (disk, directory) = (&self.disk, &self.directory);
        let prepared = async {
            let snapshot = snapshot::prepare(disk, directory, writer.last, &image).await?;
            let log = log::prepare(disk, directory, writer.last.index + 1).await?;
            Ok::<_, StorageError>((snapshot, log))
        };
        let (snapshot, log) = match prepared.await {
            Ok(prepared) => prepared,
            Err(error) => {
                tracing::warn!(%error, "cannot write a snapshot of the cluster metadata; it is tried again later");
                let log_bytes = writer.log.bytes();
                writer.snapshot_at_bytes = log_bytes.saturating_add(self.snapshot_after_bytes);
                return Ok(());
            }
        };
        let bytes = snapshot.bytes;
        writer.log = switch(disk, directory, snapshot, log).await?;
        writer.snapshot_at_bytes = self.snapshot_after_bytes.max(bytes);
        Ok(())
    }
}

impl<D: Disk> CommandLog for SingleNode<D> {
    async fn propose(&self, commands: Vec<Command>) -> Result<Committed, ClusterError> {
        let _turn = self.turn.acquire(1).await;
        self.check()?;
        let Some(mut writer) = self.writer.take() else {
            return Err(ClusterError::Fenced {
                reason: "a write was given up half-way".into(),
            });
        };
        let first_index = writer.state.index() + 1;
        let (accepted, answers) = writer.apply(commands);
        if !accepted.is_empty() {
            let committed = self.commit(&mut writer, first_index, &accepted).await;
            if let Err(error) = committed {
                return Err(self.give_up(writer, &error).await);
            }
        }
        let index = writer.state.index();
        if writer.log.bytes() >= writer.snapshot_at_bytes {
            // The commands are durable, whatever becomes of the snapshot.
            if let Err(error) = self.take_snapshot(&mut writer).await {
                self.fence(&error);
            }
        }
        self.writer.replace(Some(writer));
        Ok(Committed { index, answers })
    }

    fn images(&self) -> Images {
        self.images.clone()
    }
}

impl<F> Writer<F> {
    /// Carries the commands out in memory; returns those that belong into the log.
    fn apply(&mut self, commands: Vec<Command>) -> (Vec<Command>, Answers) {
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
        (accepted, answers)
    }
}

/// Begins a log after that entry, with a snapshot of what came before.
async fn begin<D: Disk>(
    disk: &D,
    directory: &Path,
    last: EntryId,
    state: &ClusterState,
) -> Result<LogFile<D::File>, StorageError> {
    let log = log::prepare(disk, directory, last.index + 1).await?;
    if state.index() == 0 {
        return LogFile::publish(disk, log).await;
    }
    let snapshot = snapshot::prepare(disk, directory, last, &state.image()).await?;
    switch(disk, directory, snapshot, log).await
}

/// The new log gets its name before the snapshot: whichever of the two a crash leaves out, the
/// logs that remain continue the snapshot that remains.
async fn switch<D: Disk>(
    disk: &D,
    directory: &Path,
    snapshot: files::Prepared<D::File>,
    log: files::Prepared<D::File>,
) -> Result<LogFile<D::File>, StorageError> {
    let (new_log, new_snapshot) = (log.path.clone(), snapshot.path.clone());
    let log = LogFile::publish(disk, log).await?;
    snapshot.publish(disk).await?;
    if let Err(error) = remove_older(disk, directory, &new_log, &new_snapshot).await {
        tracing::warn!(%error, "old cluster metadata stays until the next snapshot");
    }
    Ok(log)
}

/// Removes the logs and snapshots that a newer snapshot has made needless.
async fn remove_older<D: Disk>(
    disk: &D,
    directory: &Path,
    new_log: &Path,
    new_snapshot: &Path,
) -> Result<(), StorageError> {
    let logs = files::indexed_files(disk, directory, log::PREFIX).await?;
    let snapshots = files::indexed_files(disk, directory, snapshot::PREFIX).await?;
    let old_logs = logs.into_iter().filter(|file| file.path < new_log);
    let old_snapshots = snapshots
        .into_iter()
        .filter(|file| file.path < new_snapshot);
    for old in old_logs.chain(old_snapshots) {
        let removed = disk.remove_file(&old.path).await;
        removed.map_err(StorageError::io("remove", &old.path))?;
    }
    Ok(())
}
