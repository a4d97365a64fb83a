//! `naru transaction abort`: a marker that the partition's leader writes, past the coordinator
//! (WriteTxnMarkers, KIP-664).

use std::time::Duration;

use clap::Args;
use naru_client::KafkaError;
use naru_wire::api::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};
use serde::Serialize;

use super::open::open_transactions;
use crate::ask::confirm;
use crate::failure::{Failure, Outcome};
use crate::output::Report;
use crate::session::Session;

/// Version 2 says which kind of transaction ends, which nobody knows of one that hangs.
const VERSION_MAX: i16 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct AbortArgs {
    /// The topic.
    topic: String,
    #[arg(short, long)]
    partition: i32,
    /// Where the transaction begins in the partition, as `find-hanging` shows it.
    #[arg(long, value_name = "OFFSET")]
    start_offset: i64,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
struct Aborted {
    topic: String,
    partition: i32,
    producer_id: i64,
    producer_epoch: i16,
    start_offset: i64,
}

pub fn run(session: &mut Session, args: &AbortArgs) -> Outcome {
    let partitions = session.partitions_of(&args.topic, &[args.partition])?;
    let open = open_transactions(session, &partitions)?;
    let meant = open
        .into_iter()
        .find(|(_, _, producer)| producer.current_txn_start_offset == args.start_offset);
    let place = format!("{}-{}", args.topic, args.partition);
    let Some((leader, _, producer)) = meant else {
        let what = format!(
            "no transaction is open in {place} that begins at {}",
            args.start_offset
        );
        let advice = format!(
            "`naru transaction find-hanging {} --idle-for 0` shows all",
            args.topic
        );
        return Err(Failure::new(what).advise(advice));
    };
    let id = producer.producer_id;
    confirm(
        &format!("abort the transaction of producer {id} in {place}"),
        args.yes,
    )?;
    let producer_epoch = i16::try_from(producer.producer_epoch).unwrap_or(i16::MAX);
    let request = WriteTxnMarkersRequest {
        markers: vec![WritableTxnMarker {
            producer_id: id,
            producer_epoch,
            transaction_result: false,
            topics: vec![WritableTxnMarkerTopic {
                name: (&args.topic).into(),
                partition_indexes: vec![args.partition],
            }],
            // -1 until a coordinator has written to the partition; the first has 0.
            coordinator_epoch: producer.coordinator_epoch.max(0),
            ..Default::default()
        }],
    };
    let held = Duration::ZERO;
    let answer = session
        .cluster
        .call_node_within(leader, &request, VERSION_MAX, held)?;
    let topics = answer.markers.iter().flat_map(|marker| &marker.topics);
    for partition in topics.flat_map(|topic| &topic.partitions) {
        let what = || format!("abort the transaction in {place}");
        KafkaError::check(partition.error_code, what, None)?;
    }
    session.print(&Aborted {
        topic: args.topic.clone(),
        partition: args.partition,
        producer_id: id,
        producer_epoch,
        start_offset: args.start_offset,
    })
}

impl Report for Aborted {
    fn text(&self) -> String {
        format!(
            "{}-{}: the transaction of producer {} that began at {} is aborted\n",
            self.topic, self.partition, self.producer_id, self.start_offset
        )
    }
}
