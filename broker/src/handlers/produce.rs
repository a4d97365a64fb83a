//! Produce (KIP-98 and later, v3–v13): where record batches from outside are first
//! believed.
//!
//! Every batch is checked on the connection's shard and handed to its partition's owner
//! in one go, before the next request of the connection is looked at: batches of a
//! connection never overtake each other. Waiting for the acknowledgement comes after.

use std::rc::Rc;
use std::time::Duration;

use naru_record_batch::{Depth, Rejection, RejectionKind, Rules, validate};
use naru_wire::api::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceResponse,
};
use naru_wire::{ErrorCode, Str};

use super::dispatch::Context;
use crate::cluster::{Topic, TopicRef};
use crate::config::{RecordValidation, TimestampType};
use crate::net::{Answer, Reply};
use crate::partition::{
    AckError, Acks, AppendError, Appended, CheckedBatch, NO_EPOCH, PartitionId, SequenceError,
    ShardId, owner,
};
use crate::shard::{Call, Shard};

/// Produce versions from here on name topics by their id (KIP-516).
const TOPIC_IDS_SINCE: i16 = 13;

/// zstd came with this version (KIP-110).
const ZSTD_SINCE: i16 = 7;

/// The shortest wait for an `acks=all`, in ms. Kafka's clock starts when the batch is in the
/// leader's log; here it is flushed within that time, and a disk is not instantaneous.
const ACK_WAIT_MS_MIN: u64 = 100;

/// A batch on its way to a partition: its place in the response, and the batch.
struct Routed {
    place: Place,
    partition: PartitionId,
    batch: CheckedBatch,
}

/// Topic and partition as indexes into the request.
#[derive(Clone, Copy)]
struct Place {
    topic: usize,
    partition: usize,
}

type Outcome = Result<Appended, ErrorCode>;

pub fn start(context: Context, request: ProduceRequest) -> Answer {
    let acks = match request.acks {
        0 => Acks::None,
        1 => Acks::Leader,
        -1 => Acks::All,
        _ => {
            let response = refuse_all(&request, ErrorCode::InvalidRequiredAcks);
            return answer_now(context, response);
        }
    };
    let (mut response, routed) = check(&context, &request);
    let timeout_ms = u64::try_from(request.timeout_ms).unwrap_or_default();
    let wait_max = Duration::from_millis(timeout_ms.max(ACK_WAIT_MS_MIN));
    let calls = hand_over(&context.shard, routed, acks, wait_max);
    Box::pin(async move {
        for call in calls {
            for (place, outcome) in call.await {
                let slot =
                    &mut response.responses[place.topic].partition_responses[place.partition];
                fill(slot, outcome);
            }
        }
        if acks == Acks::None {
            return reply_to_acks_0(&response);
        }
        context.encode(&response)
    })
}

fn answer_now(context: Context, response: ProduceResponse) -> Answer {
    Box::pin(std::future::ready(context.encode(&response)))
}

/// With `acks=0` there is no answer; an error shows as a closed connection, as in Kafka.
fn reply_to_acks_0(response: &ProduceResponse) -> Reply {
    let failed = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partition_responses)
        .find(|partition| partition.error_code != ErrorCode::None);
    match failed {
        None => Reply::Nothing,
        Some(partition) => Reply::Close(format!(
            "a produce with acks=0 failed: {:?}",
            partition.error_code
        )),
    }
}

/// Checks every batch; the response has a place for each, filled in for the refused ones.
fn check(context: &Context, request: &ProduceRequest) -> (ProduceResponse, Vec<Routed>) {
    let image = context.shard.image();
    let now_ms = context.shard.now_ms();
    let mut routed = Vec::new();
    let mut response = ProduceResponse::default();
    for (topic_at, data) in request.topic_data.iter().enumerate() {
        let topic = if context.version() >= TOPIC_IDS_SINCE {
            image.topic(TopicRef::Id(data.topic_id))
        } else {
            image.topic(TopicRef::Name(&data.name))
        };
        let mut topic_response = TopicProduceResponse {
            name: data.name.clone(),
            topic_id: data.topic_id,
            ..Default::default()
        };
        for (partition_at, partition) in data.partition_data.iter().enumerate() {
            let place = Place {
                topic: topic_at,
                partition: partition_at,
            };
            let mut slot = PartitionProduceResponse {
                index: partition.index,
                base_offset: -1,
                ..Default::default()
            };
            match check_partition(context, topic.as_deref(), partition, now_ms) {
                Ok((partition, batch)) => routed.push(Routed {
                    place,
                    partition,
                    batch,
                }),
                Err(refusal) => refusal.fill(&mut slot),
            }
            topic_response.partition_responses.push(slot);
        }
        response.responses.push(topic_response);
    }
    (response, routed)
}

/// Why a batch is not taken.
enum Refusal {
    Code(ErrorCode),
    Batch(Rejection),
}

impl Refusal {
    fn fill(self, slot: &mut PartitionProduceResponse) {
        match self {
            Self::Code(code) => slot.error_code = code,
            Self::Batch(rejection) => {
                slot.error_code = error_code(rejection.kind());
                let message = Str::from(rejection.to_string());
                if let Some(index) = rejection.record_index() {
                    slot.record_errors.push(BatchIndexAndErrorMessage {
                        batch_index: index,
                        batch_index_error_message: Some(message.clone()),
                    });
                }
                slot.error_message = Some(message);
            }
        }
    }
}

fn check_partition(
    context: &Context,
    topic: Option<&Topic>,
    data: &PartitionProduceData,
    now_ms: i64,
) -> Result<(PartitionId, CheckedBatch), Refusal> {
    let Some(topic) = topic else {
        return Err(Refusal::Code(if context.version() >= TOPIC_IDS_SINCE {
            ErrorCode::UnknownTopicId
        } else {
            ErrorCode::UnknownTopicOrPartition
        }));
    };
    if topic.partition(data.index).is_none() {
        return Err(Refusal::Code(ErrorCode::UnknownTopicOrPartition));
    }
    if topic.is_internal() {
        // Only coordinators write there: what they read back must be their own.
        return Err(Refusal::Code(ErrorCode::InvalidTopicException));
    }
    let config = context.shard.topic_config(topic);
    let records = data.records.clone().unwrap_or_default();
    let rules = Rules {
        batch_bytes_max: config.message_bytes_max as usize,
        decompressed_bytes_max: config.decompressed_message_bytes_max as usize,
        depth: match context.shard.config.naru.validate_records {
            RecordValidation::Full => Depth::Full,
            RecordValidation::Header => Depth::HeaderAndCrc,
        },
        zstd_is_allowed: context.version() >= ZSTD_SINCE,
        needs_keys: config.cleanup_policy.compact,
        now_ms,
        timestamp_after_max_ms: clamped(config.timestamp_after_ms_max),
        timestamp_before_max_ms: clamped(config.timestamp_before_ms_max),
        checks_timestamps: config.timestamp_type == TimestampType::CreateTime,
    };
    let accepted = validate(&records, &rules).map_err(Refusal::Batch)?;
    if accepted.header.attributes.is_transactional() {
        // Transactions are not served yet, and no client can have been told otherwise.
        return Err(Refusal::Code(ErrorCode::TransactionalIdAuthorizationFailed));
    }
    let id = PartitionId {
        topic_id: topic.id,
        index: data.index,
    };
    let batch = CheckedBatch {
        bytes: records.slice(..accepted.batch_bytes),
        header: accepted.header,
        max_timestamp_ms: accepted.max_timestamp_ms,
    };
    Ok((id, batch))
}

fn clamped(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// Sends each owner its batches. They are in its queue when this returns.
fn hand_over(
    shard: &Rc<Shard>,
    routed: Vec<Routed>,
    acks: Acks,
    wait_max: Duration,
) -> Vec<Call<Vec<(Place, Outcome)>>> {
    let shards = shard.mesh.shards();
    let mut by_owner: Vec<(ShardId, Vec<Routed>)> = Vec::with_capacity(1);
    for one in routed {
        let target = owner(one.partition.topic_id, one.partition.index, shards);
        match by_owner.iter_mut().find(|(shard, _)| *shard == target) {
            Some((_, batches)) => batches.push(one),
            None => by_owner.push((target, vec![one])),
        }
    }
    let calls = by_owner.into_iter().map(|(target, batches)| {
        shard.mesh.call(shard, target, move |there| {
            append_all(there, batches, acks, wait_max)
        })
    });
    calls.collect()
}

/// Appends on the owner, at once and in order; the future waits for the acknowledgements,
/// for those of `acks=all` not longer than `wait_max`.
fn append_all(
    shard: &Rc<Shard>,
    batches: Vec<Routed>,
    acks: Acks,
    wait_max: Duration,
) -> impl Future<Output = Vec<(Place, Outcome)>> + use<> {
    let now_ms = shard.now_ms();
    let deadline = shard.io.now() + wait_max;
    let mut outcomes = Vec::with_capacity(batches.len());
    let mut waits = Vec::with_capacity(batches.len());
    for routed in batches {
        let outcome = match shard.leader(routed.partition, NO_EPOCH) {
            Ok(partition) => {
                let outcome = partition.append(&routed.batch, now_ms);
                if let Ok(appended) = &outcome {
                    // All flushes are asked for before the first is waited for.
                    let next_offset = appended.next_offset;
                    let acknowledged = partition.acknowledged_by(next_offset, acks, deadline);
                    waits.push((outcomes.len(), partition, acknowledged));
                }
                outcome.map_err(|error| append_error_code(&error))
            }
            Err(denial) => Err(denial.error_code),
        };
        outcomes.push((routed.place, outcome));
    }
    async move {
        for (at, partition, acknowledged) in waits {
            if let Err(error) = acknowledged.await {
                tracing::error!(topic = %partition.topic, "append failed: {error}");
                outcomes[at].1 = Err(ack_error_code(&error));
            }
        }
        outcomes
    }
}

fn fill(slot: &mut PartitionProduceResponse, outcome: Outcome) {
    match outcome {
        Ok(appended) => {
            slot.base_offset = appended.base_offset;
            slot.log_append_time_ms = appended.log_append_time_ms;
            slot.log_start_offset = appended.log_start_offset;
        }
        Err(code) => slot.error_code = code,
    }
}

fn append_error_code(error: &AppendError) -> ErrorCode {
    match error {
        AppendError::Sequence(SequenceError::OutOfOrderSequence { .. }) => {
            ErrorCode::OutOfOrderSequenceNumber
        }
        AppendError::Sequence(SequenceError::InvalidProducerEpoch { .. }) => {
            ErrorCode::InvalidProducerEpoch
        }
        AppendError::NotLeader => ErrorCode::NotLeaderOrFollower,
        AppendError::Log(_) => ErrorCode::KafkaStorageError,
    }
}

fn ack_error_code(error: &AckError) -> ErrorCode {
    match error {
        AckError::NotLeader => ErrorCode::NotLeaderOrFollower,
        AckError::TimedOut => ErrorCode::RequestTimedOut,
        AckError::Log(_) => ErrorCode::KafkaStorageError,
    }
}

fn error_code(kind: RejectionKind) -> ErrorCode {
    match kind {
        RejectionKind::InvalidRecord => ErrorCode::InvalidRecord,
        RejectionKind::CorruptMessage => ErrorCode::CorruptMessage,
        RejectionKind::MessageTooLarge => ErrorCode::MessageTooLarge,
        RejectionKind::InvalidTimestamp => ErrorCode::InvalidTimestamp,
        RejectionKind::UnsupportedCompressionType => ErrorCode::UnsupportedCompressionType,
    }
}

fn refuse_all(request: &ProduceRequest, code: ErrorCode) -> ProduceResponse {
    let responses = request.topic_data.iter().map(|topic| TopicProduceResponse {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partition_responses: topic
            .partition_data
            .iter()
            .map(|partition| PartitionProduceResponse {
                index: partition.index,
                error_code: code,
                base_offset: -1,
                ..Default::default()
            })
            .collect(),
    });
    ProduceResponse {
        responses: responses.collect(),
        ..Default::default()
    }
}
