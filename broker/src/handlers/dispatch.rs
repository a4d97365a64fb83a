//! From a frame to the handler of its API, and from what that returns to a frame.

use std::rc::Rc;

use bytes::Bytes;
use naru_wire::{
    AnyRequest, ApiKey, Message, RequestHeader, decode_any_request, encode_response_and_errors,
};

use super::{
    acls, alter_configs, alter_replica_log_dirs, api_versions, client_quotas, create_partitions,
    create_topics, delete_records, delete_topics, describe_cluster, describe_configs,
    describe_log_dirs, describe_producers, describe_quorum, describe_topic_partitions,
    elect_leaders, fetch, groups, init_producer_id, list_config_resources, list_offsets, metadata,
    offset_for_leader_epoch, partition_reassignments, produce, sasl_handshake, transactions,
    unregister_broker, update_features, user_scram_credentials, write_txn_markers,
};
use crate::metrics::RequestTimer;
use crate::net::{Peer, Reply, Service, Start};
use crate::shard::Shard;

/// Requests up to this size that carry no records are copied out of the receive buffer, in
/// bytes: what is kept of them (a member's metadata, a waiting fetch) keeps no more alive.
const COPIED_BYTES_MAX: usize = 64 << 10;

/// What is answered before other work of the shard has its turn, in lines: a topic, a partition,
/// a config.
const LINES_PER_TURN: usize = 256;

/// The requests of a shard's connections.
pub struct Requests(Rc<Shard>);

impl Requests {
    pub fn new(shard: Rc<Shard>) -> Self {
        Self(shard)
    }
}

/// The request as a handler sees it.
pub struct Context {
    pub shard: Rc<Shard>,
    pub peer: Peer,
    pub header: RequestHeader,
    /// Counts the request when this is dropped.
    _timer: RequestTimer,
}

impl Context {
    pub fn version(&self) -> i16 {
        self.header.api_version
    }

    pub fn client_id(&self) -> &str {
        self.header.client_id.as_deref().unwrap_or("")
    }

    /// The host as group descriptions show it (`/127.0.0.1`, Kafka's form).
    pub fn client_host(&self) -> String {
        format!("/{}", self.peer.address.ip())
    }

    /// The name of the listener that the client came in by: it is told the addresses that
    /// belong to it.
    pub fn listener_name(&self) -> String {
        let listeners = &self.shard.config.listeners;
        listeners
            .get(self.peer.listener)
            .map_or_else(String::new, |listener| listener.name.clone())
    }

    /// The frame of a response.
    pub fn encode<Response: Message>(&self, response: &Response) -> Reply {
        let id = self.header.correlation_id;
        match encode_response_and_errors(response, self.version(), id) {
            Ok((frame, errors)) => {
                let requests = &self.shard.metrics.requests;
                requests.note_errors(Response::KEY, &errors);
                Reply::Send(frame)
            }
            Err(error) => Reply::Close(format!("{} response: {error}", Response::KEY.name())),
        }
    }
}

/// Gives the shard's other work its turns while a long answer is put together.
pub struct Turns<'a> {
    context: &'a Context,
    lines: usize,
}

impl<'a> Turns<'a> {
    pub fn of(context: &'a Context) -> Self {
        Self { context, lines: 0 }
    }

    /// So many more lines are answered.
    pub async fn take(&mut self, lines: usize) {
        self.lines += lines;
        if self.lines >= LINES_PER_TURN {
            self.lines = 0;
            self.context.shard.io.yield_now().await;
        }
    }
}

impl Service for Requests {
    fn start(&self, peer: &Peer, frame: Bytes) -> Result<Start, String> {
        let shard = &self.0;
        let began = shard.io.now();
        let not_a_request = |error| format!("not a request of Kafka's protocol: {error}");
        let header = RequestHeader::peek(&frame).map_err(not_a_request)?;
        let key = ApiKey::try_from(header.api_key).map_err(not_a_request)?;
        if !api_versions::is_served(key, header.api_version) {
            if key == ApiKey::ApiVersions {
                let reply = api_versions::unsupported_version(header.correlation_id);
                return Ok(Start::Alone(Box::pin(std::future::ready(reply))));
            }
            return Err(format!(
                "{} version {} is not served (see ApiVersions)",
                key.name(),
                header.api_version
            ));
        }
        let frame = if key != ApiKey::Produce && frame.len() <= COPIED_BYTES_MAX {
            Bytes::copy_from_slice(&frame)
        } else {
            frame
        };
        let (header, request) = decode_any_request(frame).map_err(not_a_request)?;
        let context = Context {
            shard: Rc::clone(shard),
            peer: peer.clone(),
            header,
            _timer: RequestTimer::new(&shard.metrics, &shard.io, key, began),
        };
        Ok(match request {
            AnyRequest::Produce(request) => produce::start(context, request),
            request => Start::Alone(Box::pin(answer(context, request))),
        })
    }
}

async fn answer(context: Context, request: AnyRequest) -> Reply {
    use AnyRequest as R;
    let c = &context;
    match request {
        R::Fetch(r) => fetch::handle(c, r).await,
        R::ListOffsets(r) => c.encode(&list_offsets::handle(c, r).await),
        R::Metadata(r) => c.encode(&metadata::handle(c, r).await),
        R::ApiVersions(r) => c.encode(&api_versions::handle(c, r)),
        R::CreateTopics(r) => c.encode(&create_topics::handle(c, r).await),
        R::DeleteTopics(r) => c.encode(&delete_topics::handle(c, r).await),
        R::DeleteRecords(r) => c.encode(&delete_records::handle(c, r).await),
        R::InitProducerId(r) => c.encode(&init_producer_id::handle(c, r).await),
        R::OffsetForLeaderEpoch(r) => c.encode(&offset_for_leader_epoch::handle(c, r).await),
        R::DescribeConfigs(r) => c.encode(&describe_configs::handle(c, r).await),
        R::AlterConfigs(r) => c.encode(&alter_configs::replacing(c, r).await),
        R::IncrementalAlterConfigs(r) => c.encode(&alter_configs::incremental(c, r).await),
        R::DescribeAcls(_) => c.encode(&acls::describe()),
        R::CreateAcls(r) => c.encode(&acls::create(&r)),
        R::DeleteAcls(r) => c.encode(&acls::delete(&r)),
        R::AlterReplicaLogDirs(r) => c.encode(&alter_replica_log_dirs::handle(c, r).await),
        R::DescribeLogDirs(r) => c.encode(&describe_log_dirs::handle(c, r).await),
        R::DescribeCluster(r) => c.encode(&describe_cluster::handle(c, r)),
        R::CreatePartitions(r) => c.encode(&create_partitions::handle(c, r).await),
        R::DescribeTopicPartitions(r) => c.encode(&describe_topic_partitions::handle(c, r).await),
        R::ListConfigResources(r) => c.encode(&list_config_resources::handle(c, r).await),
        R::ElectLeaders(r) => c.encode(&elect_leaders::handle(c, r).await),
        R::AlterPartitionReassignments(r) => c.encode(&partition_reassignments::alter(c, r).await),
        R::ListPartitionReassignments(r) => c.encode(&partition_reassignments::list(&r)),
        R::DescribeClientQuotas(r) => c.encode(&client_quotas::describe(&r)),
        R::AlterClientQuotas(r) => c.encode(&client_quotas::alter(c, r).await),
        R::DescribeUserScramCredentials(r) => c.encode(&user_scram_credentials::describe(&r)),
        R::AlterUserScramCredentials(r) => c.encode(&user_scram_credentials::alter(&r)),
        R::DescribeQuorum(r) => c.encode(&describe_quorum::handle(c, &r)),
        R::SaslHandshake(_) => c.encode(&sasl_handshake::handle()),
        R::UnregisterBroker(r) => c.encode(&unregister_broker::handle(c, r).await),
        R::DescribeProducers(r) => c.encode(&describe_producers::handle(c, r).await),
        R::WriteTxnMarkers(r) => c.encode(&write_txn_markers::handle(c, r).await),
        R::UpdateFeatures(r) => c.encode(&update_features::handle(c, r).await),
        R::FindCoordinator(r) => c.encode(&groups::find(c, r).await),
        R::JoinGroup(r) => c.encode(&groups::join(c, r).await),
        R::SyncGroup(r) => c.encode(&groups::sync(c, r).await),
        R::Heartbeat(r) => c.encode(&groups::heartbeat(c, r).await),
        R::LeaveGroup(r) => c.encode(&groups::leave(c, r).await),
        R::OffsetCommit(r) => c.encode(&groups::commit_offsets(c, r).await),
        R::OffsetFetch(r) => c.encode(&groups::fetch_offsets(c, r).await),
        R::DescribeGroups(r) => c.encode(&groups::describe(c, r).await),
        R::ListGroups(r) => c.encode(&groups::list(c, r).await),
        R::TxnOffsetCommit(r) => c.encode(&groups::commit_offsets_in_transaction(c, r).await),
        R::OffsetDelete(r) => c.encode(&groups::delete_offsets(c, r).await),
        R::ConsumerGroupHeartbeat(r) => c.encode(&groups::consumer_heartbeat(c, r).await),
        R::ConsumerGroupDescribe(r) => c.encode(&groups::consumer_describe(c, r).await),
        R::DeleteGroups(r) => c.encode(&groups::delete(c, r).await),
        R::AddPartitionsToTxn(r) => c.encode(&transactions::add_partitions(c, r).await),
        R::AddOffsetsToTxn(r) => c.encode(&transactions::add_offsets(c, r).await),
        R::EndTxn(r) => c.encode(&transactions::end(c, r).await),
        R::ListTransactions(r) => c.encode(&transactions::list(c, r).await),
        R::DescribeTransactions(r) => c.encode(&transactions::describe(c, r).await),
        other => Reply::Close(format!("{} is advertised by mistake", other.key().name())),
    }
}
