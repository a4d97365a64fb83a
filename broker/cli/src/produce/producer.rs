//! [`Producer`]: gathers the records of each partition and has them appended, batch by batch.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use naru_client::{Acks, Cluster, KafkaError, Partition, ProducerId, Topic};
use naru_record_batch::{BatchBuilder, Codec, NewRecord, RecordHeader};
use naru_wire::ErrorCode;

use super::input::Input;
use super::partitioner;
use crate::failure::Failure;

/// A batch is sent when its records have gathered this much.
const BATCH_BYTES: usize = 256 << 10;

/// Between two tries, while a leader moves or a broker is away.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Of every record.
pub struct Settings {
    pub codec: Codec,
    pub acks: Acks,
    pub partition: Option<usize>,
    pub headers: Vec<(String, String)>,
}

/// Where the records of a partition went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    pub records: u64,
    /// `None` with acks=0: nobody says.
    pub offsets: Option<(i64, i64)>,
}

pub struct Producer<'a> {
    cluster: &'a mut Cluster,
    topic: Topic,
    settings: Settings,
    /// With acks=all: what makes a repetition harmless.
    producer_id: Option<ProducerId>,
    sequences: BTreeMap<usize, i32>,
    gathered: BTreeMap<usize, Vec<Gathered>>,
    gathered_bytes: BTreeMap<usize, usize>,
    /// Where records without a key go until the next batch is sent.
    turn: usize,
    written: BTreeMap<usize, Written>,
}

struct Gathered {
    timestamp_ms: i64,
    input: Input,
}

impl<'a> Producer<'a> {
    /// # Errors
    /// When no broker gives a producer's id.
    pub fn new(
        cluster: &'a mut Cluster,
        topic: Topic,
        settings: Settings,
    ) -> Result<Self, KafkaError> {
        let producer_id = match settings.acks {
            Acks::All => Some(cluster.init_producer_id()?),
            _ => None,
        };
        Ok(Self {
            cluster,
            topic,
            settings,
            producer_id,
            sequences: BTreeMap::new(),
            gathered: BTreeMap::new(),
            gathered_bytes: BTreeMap::new(),
            turn: 0,
            written: BTreeMap::new(),
        })
    }

    pub fn written(&self) -> &BTreeMap<usize, Written> {
        &self.written
    }

    /// Takes a record, and sends its partition's batch if that is full.
    ///
    /// # Errors
    /// When a batch is refused.
    pub fn push(&mut self, timestamp_ms: i64, input: Input) -> Result<(), Failure> {
        let partitions = self.topic.leaders.len();
        let partition = match (self.settings.partition, &input.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => partitioner::of_key(key, partitions),
            (None, None) => self.turn % partitions.max(1),
        };
        let size = |field: &Option<Vec<u8>>| field.as_ref().map_or(0, Vec::len);
        let gathered_bytes = self.gathered_bytes.entry(partition).or_default();
        *gathered_bytes += size(&input.key) + size(&input.value);
        let is_full = *gathered_bytes >= BATCH_BYTES;
        let gathered = self.gathered.entry(partition).or_default();
        gathered.push(Gathered {
            timestamp_ms,
            input,
        });
        match is_full {
            true => self.flush(partition),
            false => Ok(()),
        }
    }

    /// Sends what has gathered.
    ///
    /// # Errors
    /// When a batch is refused.
    pub fn flush_all(&mut self) -> Result<(), Failure> {
        let partitions: Vec<usize> = self.gathered.keys().copied().collect();
        partitions
            .into_iter()
            .try_for_each(|partition| self.flush(partition))
    }

    fn flush(&mut self, partition: usize) -> Result<(), Failure> {
        self.turn = self.turn.wrapping_add(1);
        self.gathered_bytes.remove(&partition);
        match self.gathered.remove(&partition) {
            Some(records) => self.send(partition, &records),
            None => Ok(()),
        }
    }

    /// What is too large only because we put it together is sent in halves.
    fn send(&mut self, partition: usize, records: &[Gathered]) -> Result<(), Failure> {
        let sequence = self.sequences.get(&partition).copied().unwrap_or_default();
        let batch = self.build(records, sequence)?;
        let size = batch.len();
        match self.append(partition, &batch) {
            Ok(offset) => {
                self.note(partition, records.len(), offset);
                Ok(())
            }
            Err(error) if is_too_large(&error) && records.len() > 1 => {
                let (first, second) = records.split_at(records.len() / 2);
                self.send(partition, first)?;
                self.send(partition, second)
            }
            Err(error) if is_too_large(&error) => Err(self.too_large(error, size)),
            Err(error) => Err(error.into()),
        }
    }

    fn build(&self, records: &[Gathered], sequence: i32) -> Result<Bytes, Failure> {
        let mut builder = BatchBuilder::new(self.settings.codec);
        if let Some(producer) = self.producer_id {
            builder = builder.producer(producer.id, producer.epoch, sequence);
        }
        let headers = self.settings.headers.iter();
        let headers: Vec<RecordHeader<'_>> = headers
            .map(|(name, value)| (name.as_str(), Some(value.as_bytes())))
            .collect();
        for record in records {
            builder.push(&NewRecord {
                timestamp_ms: record.timestamp_ms,
                key: record.input.key.as_deref(),
                value: record.input.value.as_deref(),
                headers: &headers,
            });
        }
        let built = builder.build();
        built
            .map(Bytes::from)
            .map_err(|error| Failure::new(error.to_string()))
    }

    /// Tries until it is clear what became of the batch. Only a batch that has a producer's id can
    /// be sent again when the connection broke.
    fn append(&mut self, partition: usize, batch: &Bytes) -> Result<Option<i64>, KafkaError> {
        let place: Partition = (self.topic.name.clone(), partition as i32);
        let deadline = Instant::now() + self.cluster.settings().request_time_max;
        loop {
            let leader = self.topic.leaders.get(partition).copied().unwrap_or(-1);
            let acks = self.settings.acks;
            let error = match self.cluster.produce(leader, &place, batch.clone(), acks) {
                Err(error) => error,
                written => return written,
            };
            // The first try was written, though its answer was lost.
            if error.code() == Some(ErrorCode::DuplicateSequenceNumber) {
                return Ok(None);
            }
            let is_harmless = self.producer_id.is_some()
                && matches!(
                    error,
                    KafkaError::Broken { .. } | KafkaError::Unreachable { .. }
                );
            if !(error.is_passing() || is_harmless) || Instant::now() > deadline {
                return Err(error);
            }
            sleep(RETRY_INTERVAL);
            let names = [self.topic.name.clone()];
            if let Ok(mut found) = self.cluster.topics(&names)
                && let Some(topic) = found.pop()
            {
                self.topic = topic;
            }
        }
    }

    fn note(&mut self, partition: usize, count: usize, offset: Option<i64>) {
        let sequence = self.sequences.entry(partition).or_default();
        // Sequences wrap from the largest to 0 (KIP-98).
        *sequence = ((i64::from(*sequence) + count as i64) & i64::from(i32::MAX)) as i32;
        let written = self.written.entry(partition).or_default();
        written.records += count as u64;
        if let Some(first) = offset {
            let last = first + count as i64 - 1;
            let begin = written.offsets.map_or(first, |(begin, _)| begin);
            written.offsets = Some((begin, last));
        }
    }

    fn too_large(&mut self, error: KafkaError, size: usize) -> Failure {
        let topic = self.topic.name.to_string();
        let limit = crate::config::topic_value(self.cluster, &topic, "max.message.bytes");
        let failure = Failure::from(error);
        match limit {
            Ok(Some(limit)) => failure.advise(format!(
                "the record takes {size} bytes, topic {topic} has max.message.bytes={limit}: \
                 `naru config set topic {topic} max.message.bytes={size}` would take it"
            )),
            _ => failure,
        }
    }
}

fn is_too_large(error: &KafkaError) -> bool {
    use ErrorCode::{MessageTooLarge, RecordListTooLarge};
    matches!(error.code(), Some(MessageTooLarge | RecordListTooLarge))
}
