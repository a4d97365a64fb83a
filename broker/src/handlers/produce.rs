//! Produce (KIP-98 and later, v3–v13): where record batches from outside are first
//! believed.
//!
//! Every batch is checked, and then all are handed to their partitions' owners in one go,
//! before the next request of the connection is looked at: batches of a connection never
//! overtake each other. Small ones are checked at once, on the connection's shard. What may
//! begin a transaction in its partition is verified with the transaction's coordinator on the
//! way ([`super::verification`]). Waiting for the acknowledgement comes after.

use std::rc::Rc;
use std::time::Duration;

use naru_engine::log::LogError;
use naru_record_batch::{CheckedBatch, Depth, Rejection, RejectionKind, Rules};
use naru_wire::api::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceResponse,
};
use naru_wire::{ErrorCode, Str};

use super::checks::Checks;
use super::dispatch::Context;
use super::topics::log_error_code;
use super::verification::verify;
use crate::cluster::{Topic, TopicRef};
use crate::config::{RecordValidation, TimestampType};
use crate::net::{Answer, Reply, Start};
use crate::partition::{
    AckError, Acks, AppendError, Appended, NO_EPOCH, PartitionId, ProducerError, ShardId,
    Verification, owner,
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
pub(super) struct Routed {
    pub place: Place,
    pub partition: PartitionId,
    pub batch: CheckedBatch,
    /// What speaks for a batch that begins a transaction in the partition.
    pub verification: Verification,
}

impl Routed {
    pub fn is_transactional(&self) -> bool {
        self.batch.header().attributes.is_transactional()
    }
}

/// Topic and partition as indexes into the request.
#[derive(Clone, Copy)]
pub(super) struct Place {
    topic: usize,
    partition: usize,
}

impl Place {
    fn slot(self, response: &mut ProduceResponse) -> &mut PartitionProduceResponse {
        &mut response.responses[self.topic].partition_responses[self.partition]
    }
}

type Outcome = Result<Appended, ErrorCode>;

#[expect(
    clippy::async_yields_async,
    reason = "the connection awaits the answer later, beside the next request"
)]
pub fn start(context: Context, request: ProduceRequest) -> Start {
    let acks = match request.acks {
        0 => Acks::None,
        1 => Acks::Leader,
        -1 => Acks::All,
        _ => {
            let response = refuse_all(&request, ErrorCode::InvalidRequiredAcks);
            return Start::Overlapping(answer_now(context, response));
        }
    };
    let timeout_ms = u64::try_from(request.timeout_ms).unwrap_or_default();
    let wait_max = Duration::from_millis(timeout_ms.max(ACK_WAIT_MS_MIN));
    let (response, mut checks) = begin_checks(&context, &request);
    let mut produce = Produce {
        context,
        response,
        transactional_id: request.transactional_id,
        acks,
        wait_max,
    };
    if checks.run_now() {
        let routed = produce.accept(checks);
        if routed.iter().any(Routed::is_transactional) {
            return Start::InOrder(Box::pin(produce.verify_and_append(routed)));
        }
        return Start::Overlapping(produce.append(routed));
    }
    Start::InOrder(Box::pin(async move {
        checks.finish(&produce.context.shard).await;
        let routed = produce.accept(checks);
        produce.verify_and_append(routed).await
    }))
}

/// A request that is under way.
struct Produce {
    context: Context,
    response: ProduceResponse,
    transactional_id: Option<Str>,
    acks: Acks,
    wait_max: Duration,
}

impl Produce {
    /// The batches that were found good; why the others are not is in the response.
    fn accept(&mut self, checks: Checks<(Place, PartitionId)>) -> Vec<Routed> {
        let mut routed = Vec::new();
        for ((place, partition), verdict) in checks.into_verdicts() {
            match verdict {
                Ok(batch) => routed.push(Routed {
                    place,
                    partition,
                    batch,
                    verification: Verification::None,
                }),
                Err(rejection) => refuse(place.slot(&mut self.response), &rejection),
            }
        }
        routed
    }

    async fn verify_and_append(mut self, mut routed: Vec<Routed>) -> Answer {
        if routed.iter().any(Routed::is_transactional) {
            let transactional_id = self.transactional_id.as_deref();
            let refused = verify(&self.context, transactional_id, self.wait_max, &mut routed);
            for (place, code) in refused.await {
                place.slot(&mut self.response).error_code = code;
            }
        }
        self.append(routed)
    }

    /// Hands over what was found good; the answer waits for what comes of it.
    fn append(self, routed: Vec<Routed>) -> Answer {
        let Self {
            context,
            mut response,
            acks,
            wait_max,
            ..
        } = self;
        let calls = hand_over(&context.shard, routed, acks, wait_max);
        Box::pin(async move {
            for call in calls {
                for (place, outcome) in call.await {
                    let outcome = outcome.map_err(|code| gone_by_id(&context, code));
                    fill(place.slot(&mut response), outcome);
                }
            }
            if acks == Acks::None {
                return reply_to_acks_0(&response);
            }
            context.encode(&response)
        })
    }
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

/// The checks of every batch that has a partition; the response has a place for each,
/// filled in for those that have none.
fn begin_checks(
    context: &Context,
    request: &ProduceRequest,
) -> (ProduceResponse, Checks<(Place, PartitionId)>) {
    let image = context.shard.image();
    let now_ms = context.shard.now_ms();
    let mut checks = Checks::default();
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
            match rules_of(context, topic.as_deref(), partition, now_ms) {
                Ok((id, rules)) => {
                    let records = partition.records.clone().unwrap_or_default();
                    checks.push((place, id), records, &rules);
                }
                Err(code) => slot.error_code = code,
            }
            topic_response.partition_responses.push(slot);
        }
        response.responses.push(topic_response);
    }
    (response, checks)
}

/// Says why a batch is not taken.
fn refuse(slot: &mut PartitionProduceResponse, rejection: &Rejection) {
    slot.error_code = error_code(rejection.kind());
    slot.error_message = Some(Str::from(rejection.to_string()));
    let refused = rejection.refused_records().iter();
    let named = refused.map(|record| BatchIndexAndErrorMessage {
        batch_index: record.index,
        batch_index_error_message: Some(Str::from(record.reason.to_string())),
    });
    slot.record_errors = named.collect();
}

/// Where the batch belongs, and what is asked of it there.
fn rules_of(
    context: &Context,
    topic: Option<&Topic>,
    data: &PartitionProduceData,
    now_ms: i64,
) -> Result<(PartitionId, Rules), ErrorCode> {
    let Some(topic) = topic else {
        return Err(if context.version() >= TOPIC_IDS_SINCE {
            ErrorCode::UnknownTopicId
        } else {
            ErrorCode::UnknownTopicOrPartition
        });
    };
    if topic.partition(data.index).is_none() {
        return Err(ErrorCode::UnknownTopicOrPartition);
    }
    if topic.is_internal() {
        // Only coordinators write there: what they read back must be their own.
        return Err(ErrorCode::InvalidTopicException);
    }
    let config = context.shard.topic_config(topic);
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
    let id = PartitionId {
        topic_id: topic.id,
        index: data.index,
    };
    Ok((id, rules))
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
                let (batch, verification) = (&routed.batch, routed.verification);
                let outcome = partition.append_verified(batch, verification, now_ms);
                if let Ok(appended) = &outcome {
                    let header = routed.batch.header();
                    let (bytes, records) = (header.size_bytes(), header.records_count);
                    shard.metrics.appended(bytes, records);
                    // All flushes are asked for before the first is waited for.
                    let next_offset = appended.next_offset;
                    let acknowledged = partition.acknowledged_by(next_offset, acks, deadline);
                    waits.push((outcomes.len(), partition, acknowledged));
                }
                outcome.map_err(|error| append_error_code(shard, routed.partition, &error))
            }
            Err(denial) => Err(denial.error_code),
        };
        outcomes.push((routed.place, outcome));
    }
    let shard = Rc::clone(shard);
    async move {
        for (at, partition, acknowledged) in waits {
            if let Err(error) = acknowledged.await {
                let code = ack_error_code(&shard, partition.id, &error);
                // Of a full disk the log tells itself, and not once for each batch.
                let is_told = matches!(error, AckError::Log(LogError::Full { .. }));
                if !is_told && code != ErrorCode::UnknownTopicOrPartition {
                    tracing::error!(topic = %partition.topic, "append failed: {error}");
                }
                outcomes[at].1 = Err(code);
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

/// A topic that was there when the batch was checked, and was deleted before it was stored, is
/// missed as the request named it.
fn gone_by_id(context: &Context, code: ErrorCode) -> ErrorCode {
    if code == ErrorCode::UnknownTopicOrPartition && context.version() >= TOPIC_IDS_SINCE {
        return ErrorCode::UnknownTopicId;
    }
    code
}

fn append_error_code(shard: &Shard, id: PartitionId, error: &AppendError) -> ErrorCode {
    match error {
        AppendError::Producer(error) => match error {
            ProducerError::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
            ProducerError::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            ProducerError::NotVerified { .. } | ProducerError::OutsideTransaction { .. } => {
                ErrorCode::InvalidTxnState
            }
        },
        AppendError::NotLeader => ErrorCode::NotLeaderOrFollower,
        AppendError::Log(error) => log_error_code(shard, id, error),
    }
}

fn ack_error_code(shard: &Shard, id: PartitionId, error: &AckError) -> ErrorCode {
    match error {
        AckError::NotLeader => ErrorCode::NotLeaderOrFollower,
        AckError::TimedOut => ErrorCode::RequestTimedOut,
        AckError::Log(error) => log_error_code(shard, id, error),
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
