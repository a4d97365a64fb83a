//! InitProducerId with a transactional id.

use naru_wire::ErrorCode;
use naru_wire::api::init_producer_id::InitProducerIdRequest;

use super::route::{ask, code_for, on_coordinator};
use crate::handlers::dispatch::Context;
use crate::transaction::{InitProducer, ProducerIdAndEpoch};

/// Versions from here on know PRODUCER_FENCED.
const FENCED_SINCE: i16 = 4;

pub async fn init_transactional_producer(
    context: &Context,
    id: &str,
    request: &InitProducerIdRequest,
) -> Result<ProducerIdAndEpoch, ErrorCode> {
    let expected = ProducerIdAndEpoch {
        producer_id: request.producer_id,
        producer_epoch: request.producer_epoch,
    };
    let init = InitProducer {
        transactional_id: id.to_owned(),
        timeout_ms: request.transaction_timeout_ms,
        expected: (expected.producer_id >= 0).then_some(expected),
    };
    let begun = on_coordinator(context, id, async move |shard, slot| {
        ask(&shard, slot, |transactions, now, reply| {
            transactions.init_producer(now, init, reply)
        })
        .await
    });
    let begun = begun.await;
    begun.map_err(|error| code_for(error, context.version(), FENCED_SINCE))
}
