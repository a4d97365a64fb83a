//! A partition and the model of its log, step by step.

use std::collections::BTreeSet;
use std::rc::Rc;

use bytes::Bytes;
use naru_engine::log::{AbortedTransaction, Log, LogConfig};
use naru_engine::recovery::{Recovered, Replay, recover};
use naru_record_batch::{
    BatchBuilder, BatchHeader, CheckedBatch, Codec, EndTransactionMarker, TransactionResult,
};
use naru_runtime::Handle;

use super::super::super::{
    Acks, Appended, Checkpointed, Isolation, Marker, MarkerError, Partition, PartitionState,
    Producers, Verification, VerificationRequest,
};
use super::super::{LEADER, dir, open, shared};
use super::model::{Entry, Kind, Model};

/// A few batches fill a segment.
pub const SEGMENT_BYTES: u64 = 1_500;
const VALUE_BYTES: usize = 150;
pub const READ_BYTES: usize = 1 << 20;

pub fn config() -> LogConfig {
    LogConfig {
        segment_bytes: SEGMENT_BYTES,
        ..LogConfig::default()
    }
}

/// Recovers as a shard does.
pub async fn recovered(io: &Handle) -> (Recovered, PartitionState) {
    let mut state = PartitionState::default();
    let mut replay = |replay: Replay<'_>| match replay {
        Replay::UserState(bytes) => {
            let found = Checkpointed::decode(bytes).unwrap();
            state.producers = Producers::from_bytes(found.producers, 0).unwrap();
            state.high_watermark = found.high_watermark.unwrap();
        }
        Replay::Batch(header) => state.producers.replay(header, 0),
        Replay::Marker(replayed) => {
            let (header, marker) = (replayed.header, replayed.marker);
            if let Some(aborted) = state.producers.replay_marker(header, marker, 0) {
                replayed.aborted(aborted);
            }
        }
    };
    let found = recover(io, &dir(), 0, &mut replay).await.unwrap();
    (found, state)
}

/// One segment's worth of reading, as a consumer of committed records gets it.
pub struct Read {
    pub headers: Vec<BatchHeader>,
    pub aborted: Vec<AbortedTransaction>,
    /// The base offsets of the batches that it gives to the application.
    pub visible: Vec<i64>,
    pub next_offset: i64,
}

pub struct World {
    pub io: Handle,
    pub log: Log<Handle>,
    pub partition: Rc<Partition>,
    pub model: Model,
    /// Whether markers have an epoch of their own.
    pub bumps_epochs: bool,
    /// The last stable offset that was seen last: it never goes back.
    stable: i64,
}

pub fn batch(id: i64, epoch: i16, sequence: i32, kind: Kind) -> CheckedBatch {
    let mut builder = BatchBuilder::new(Codec::None).producer(id, epoch, sequence);
    if kind == Kind::Transactional {
        builder = builder.transactional();
    }
    builder.push_pair(0, None, Some(&[7; VALUE_BYTES]));
    builder.build_checked().unwrap()
}

impl World {
    pub fn new(io: &Handle, bumps_epochs: bool) -> Self {
        let log = Log::create(io.clone(), dir(), config(), shared());
        Self::of(
            io,
            log,
            PartitionState::default(),
            Model::default(),
            bumps_epochs,
        )
    }

    fn of(
        io: &Handle,
        log: Log<Handle>,
        state: PartitionState,
        model: Model,
        bumps_epochs: bool,
    ) -> Self {
        Self {
            io: io.clone(),
            partition: open(io, log.clone(), state, LEADER),
            log,
            model,
            bumps_epochs,
            stable: 0,
        }
    }

    /// The partition as a start finds it; of the model stays what the log has.
    pub async fn restarted(io: &Handle, mut model: Model, bumps_epochs: bool) -> Self {
        let (found, state) = recovered(io).await;
        if found == Recovered::default() {
            model.cut(0);
            let log = Log::create(io.clone(), dir(), config(), shared());
            return Self::of(io, log, state, model, bumps_epochs);
        }
        let log = Log::open(io.clone(), dir(), found, config(), shared());
        let log = log.await.unwrap();
        model.cut(log.end_offset());
        Self::of(io, log, state, model, bumps_epochs)
    }

    /// Appends the next batch of a producer, verified as its coordinator would have it.
    pub fn send(&mut self, id: i64, kind: Kind) -> Appended {
        let sender = self.model.sender(id);
        let batch = batch(id, sender.epoch, sender.next_sequence, kind);
        let request = VerificationRequest {
            producer_id: id,
            producer_epoch: sender.epoch,
            base_sequence: sender.next_sequence,
            bumps_epochs: self.bumps_epochs,
        };
        let verification = match kind {
            Kind::Transactional => self
                .partition
                .begin_verification(request, 0)
                .map_or(Verification::None, Verification::Confirmed),
            _ => Verification::None,
        };
        let appended = self.partition.append_verified(&batch, verification, 0);
        let appended = appended.unwrap_or_else(|error| panic!("{sender:?}: {error}"));
        self.note(appended, id, sender.epoch, kind);
        appended
    }

    pub fn marker(&self, id: i64, result: TransactionResult) -> Marker {
        let epoch = self.model.sender(id).epoch;
        Marker {
            producer_id: id,
            producer_epoch: epoch + i16::from(self.bumps_epochs),
            coordinator_epoch: 3,
            result,
            transaction_version: if self.bumps_epochs { 2 } else { 0 },
        }
    }

    pub fn end(&mut self, id: i64, result: TransactionResult) -> Appended {
        let marker = self.marker(id, result);
        self.append_marker(&marker).unwrap()
    }

    pub fn append_marker(&mut self, marker: &Marker) -> Result<Appended, MarkerError> {
        let appended = self.partition.append_marker(marker, 0)?;
        let kind = Kind::Marker(marker.result);
        self.note(appended, marker.producer_id, marker.producer_epoch, kind);
        Ok(appended)
    }

    fn note(&mut self, appended: Appended, producer_id: i64, epoch: i16, kind: Kind) {
        assert_eq!(appended.base_offset, self.model.end_offset());
        self.model.entries.push(Entry {
            base_offset: appended.base_offset,
            next_offset: appended.next_offset,
            producer_id,
            epoch,
            kind,
        });
    }

    /// The next batch of a producer was appended elsewhere.
    pub fn note_plain(&mut self, producer_id: i64) {
        let base_offset = self.model.end_offset();
        assert_eq!(self.log.end_offset(), base_offset + 1);
        self.model.entries.push(Entry {
            base_offset,
            next_offset: base_offset + 1,
            producer_id,
            epoch: self.model.sender(producer_id).epoch,
            kind: Kind::Plain,
        });
    }

    /// All that was appended is committed.
    pub async fn commit(&self) {
        let end = self.model.end_offset();
        self.partition.acknowledged(end, Acks::All).await.unwrap();
    }

    /// What a consumer of committed records reads from `from` on.
    pub async fn read(&self, from: i64) -> Read {
        let read = self
            .partition
            .read(from, READ_BYTES, true, Isolation::ReadCommitted);
        let read = read.await.unwrap();
        assert!(read.end.last_stable_offset <= read.end.high_watermark);
        let mut rest = Bytes::from(read.records.concat());
        let aborted = read.aborted.expect("it is told of committed records");
        let mut found = Read {
            headers: Vec::new(),
            visible: Vec::new(),
            next_offset: from,
            aborted: aborted.clone(),
        };
        // As Kafka's consumer does it: in the order of first offsets, until the marker.
        let mut pending = aborted;
        pending.sort_by_key(|transaction| transaction.first_offset);
        let mut pending = pending.into_iter().peekable();
        let mut dropped = BTreeSet::new();
        while !rest.is_empty() {
            let header = BatchHeader::parse(&rest).unwrap();
            let bytes = rest.split_to(header.size_bytes());
            while let Some(next) = pending.next_if(|t| t.first_offset <= header.last_offset()) {
                dropped.insert(next.producer_id);
            }
            let id = header.producer_id;
            let marker = EndTransactionMarker::parse(&header, &bytes);
            if let Some(marker) = marker {
                if marker.result == TransactionResult::Abort {
                    dropped.remove(&id);
                }
            } else if !header.attributes.is_transactional() || !dropped.contains(&id) {
                found.visible.push(header.base_offset);
            }
            found.next_offset = header.next_offset();
            found.headers.push(header);
        }
        found
    }

    /// Holds everything that the partition says against the model.
    pub async fn check(&mut self) {
        let ends = self.partition.ends();
        let expected = self.model.last_stable_offset(ends.high_watermark);
        assert_eq!(ends.last_stable_offset, expected, "{:?}", self.model);
        assert!(expected >= self.stable, "it went back from {}", self.stable);
        self.stable = expected;
        let bases = self.model.entries.iter().map(|entry| entry.base_offset);
        for from in bases.take_while(|&base| base < expected) {
            let read = self.read(from).await;
            let end = read.next_offset;
            assert!(
                from < end && end <= expected,
                "{from} to {end} of {expected}"
            );
            let told = (&read.aborted, &read.visible);
            let (aborted, visible) = (self.model.aborted(from, end), self.model.visible(from, end));
            assert_eq!(
                told,
                (&aborted, &visible),
                "{from} to {end}: {:?}",
                self.model
            );
        }
        for active in self.partition.active_producers() {
            let sender = self.model.sender(active.producer_id);
            let is_open = active.open_from.is_some();
            assert_eq!((active.epoch, is_open), (sender.epoch, sender.is_open));
        }
    }

    /// Closes the partition and opens it again.
    pub async fn restart(self) -> Self {
        self.partition.close().await.unwrap();
        let Self {
            io,
            model,
            bumps_epochs,
            stable,
            ..
        } = self;
        let mut again = Self::restarted(&io, model, bumps_epochs).await;
        assert!(again.partition.last_stable_offset() >= stable);
        again.stable = stable;
        again
    }

    /// As a follower whose leader does not have what is after `offset`.
    pub async fn truncate(self, offset: i64) -> Self {
        self.commit().await;
        self.partition.close().await.unwrap();
        let Self {
            io,
            mut model,
            bumps_epochs,
            ..
        } = self;
        let (found, _) = recovered(&io).await;
        if found == Recovered::default() {
            return Self::restarted(&io, model, bumps_epochs).await;
        }
        let log = Log::open(io.clone(), dir(), found, config(), shared());
        let log = log.await.unwrap();
        let end = log.truncate_to(offset).await.unwrap();
        drop(log);
        model.cut(end);
        Self::restarted(&io, model, bumps_epochs).await
    }
}
