//! From what was found to the response, without what a session was told already.

use naru_wire::api::fetch::{
    AbortedTransaction, FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
};
use naru_wire::{ErrorCode, Records};

use super::read::Found;
use crate::handlers::dispatch::Context;
use crate::partition::{FetchPlan, Told};

pub fn answer(context: &Context, plan: FetchPlan, found: Vec<Found>) -> FetchResponse {
    let node_id = context.shard.config.node_id;
    let told = found.iter().map(|found| {
        let has_news = found.error_code != ErrorCode::None || !found.records.is_empty();
        let told = Told {
            high_watermark: found.high_watermark,
            log_start_offset: found.log_start_offset,
        };
        (has_news, told)
    });
    let included = context
        .shard
        .fetch_sessions
        .borrow_mut()
        .finish(&plan, told);
    let mut responses: Vec<FetchableTopicResponse> = Vec::new();
    let all = plan.targets().zip(found).zip(included);
    for ((target, found), _) in all.filter(|(_, is_included)| *is_included) {
        let data = partition_data(target.index, found, node_id);
        match responses.last_mut() {
            Some(last) if last.topic == target.topic && last.topic_id == target.topic_id => {
                last.partitions.push(data);
            }
            _ => responses.push(FetchableTopicResponse {
                topic: target.topic.clone(),
                topic_id: target.topic_id,
                partitions: vec![data],
            }),
        }
    }
    FetchResponse {
        session_id: plan.session_id,
        responses,
        ..Default::default()
    }
}

fn partition_data(partition_index: i32, found: Found, node_id: i32) -> PartitionData {
    let is_epoch_error = matches!(
        found.error_code,
        ErrorCode::FencedLeaderEpoch | ErrorCode::UnknownLeaderEpoch
    );
    let aborted_transactions = found.aborted.map(|aborted| {
        let aborted = aborted.iter().map(|transaction| AbortedTransaction {
            producer_id: transaction.producer_id,
            first_offset: transaction.first_offset,
        });
        aborted.collect()
    });
    PartitionData {
        partition_index,
        error_code: found.error_code,
        high_watermark: found.high_watermark,
        last_stable_offset: found.last_stable_offset,
        log_start_offset: found.log_start_offset,
        current_leader: if is_epoch_error {
            LeaderIdAndEpoch {
                leader_id: node_id,
                leader_epoch: found.leader_epoch,
            }
        } else {
            LeaderIdAndEpoch::default()
        },
        aborted_transactions,
        records: Some(Records::from(found.records)),
        ..Default::default()
    }
}
