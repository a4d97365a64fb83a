//! The messages, one file per API, and the one list of the APIs that there are.
//!
//! A new API is a file with its two tables, a `mod` line and a line in the list below; dispatch,
//! headers and version ranges follow from them.

use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::apis::apis;
use crate::{ApiKey, DecodeError, Decoder, Message, Request, RequestHeader};

apis! {
    api_versions: ApiVersions, ApiVersionsRequest, ApiVersionsResponse;
    metadata: Metadata, MetadataRequest, MetadataResponse;
    produce: Produce, ProduceRequest, ProduceResponse;
    fetch: Fetch, FetchRequest, FetchResponse;
    list_offsets: ListOffsets, ListOffsetsRequest, ListOffsetsResponse;
    create_topics: CreateTopics, CreateTopicsRequest, CreateTopicsResponse;
    delete_topics: DeleteTopics, DeleteTopicsRequest, DeleteTopicsResponse;
    init_producer_id: InitProducerId, InitProducerIdRequest, InitProducerIdResponse;
    describe_configs: DescribeConfigs, DescribeConfigsRequest, DescribeConfigsResponse;
    describe_cluster: DescribeCluster, DescribeClusterRequest, DescribeClusterResponse;
    find_coordinator: FindCoordinator, FindCoordinatorRequest, FindCoordinatorResponse;
    join_group: JoinGroup, JoinGroupRequest, JoinGroupResponse;
    sync_group: SyncGroup, SyncGroupRequest, SyncGroupResponse;
    heartbeat: Heartbeat, HeartbeatRequest, HeartbeatResponse;
    leave_group: LeaveGroup, LeaveGroupRequest, LeaveGroupResponse;
    offset_commit: OffsetCommit, OffsetCommitRequest, OffsetCommitResponse;
    offset_fetch: OffsetFetch, OffsetFetchRequest, OffsetFetchResponse;
    describe_groups: DescribeGroups, DescribeGroupsRequest, DescribeGroupsResponse;
    list_groups: ListGroups, ListGroupsRequest, ListGroupsResponse;
    consumer_group_heartbeat: ConsumerGroupHeartbeat, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse;
    consumer_group_describe: ConsumerGroupDescribe, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse;
    delete_groups: DeleteGroups, DeleteGroupsRequest, DeleteGroupsResponse;
    delete_records: DeleteRecords, DeleteRecordsRequest, DeleteRecordsResponse;
    offset_for_leader_epoch: OffsetForLeaderEpoch, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
    alter_configs: AlterConfigs, AlterConfigsRequest, AlterConfigsResponse;
    incremental_alter_configs: IncrementalAlterConfigs, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse;
    create_partitions: CreatePartitions, CreatePartitionsRequest, CreatePartitionsResponse;
    offset_delete: OffsetDelete, OffsetDeleteRequest, OffsetDeleteResponse;
    describe_producers: DescribeProducers, DescribeProducersRequest, DescribeProducersResponse;
    describe_topic_partitions: DescribeTopicPartitions, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse;
    alter_replica_log_dirs: AlterReplicaLogDirs, AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse;
    describe_log_dirs: DescribeLogDirs, DescribeLogDirsRequest, DescribeLogDirsResponse;
    add_partitions_to_txn: AddPartitionsToTxn, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse;
    add_offsets_to_txn: AddOffsetsToTxn, AddOffsetsToTxnRequest, AddOffsetsToTxnResponse;
    end_txn: EndTxn, EndTxnRequest, EndTxnResponse;
    txn_offset_commit: TxnOffsetCommit, TxnOffsetCommitRequest, TxnOffsetCommitResponse;
    write_txn_markers: WriteTxnMarkers, WriteTxnMarkersRequest, WriteTxnMarkersResponse;
    describe_transactions: DescribeTransactions, DescribeTransactionsRequest, DescribeTransactionsResponse;
    list_transactions: ListTransactions, ListTransactionsRequest, ListTransactionsResponse;
    update_features: UpdateFeatures, UpdateFeaturesRequest, UpdateFeaturesResponse;
    list_config_resources: ListConfigResources, ListConfigResourcesRequest, ListConfigResourcesResponse;
    elect_leaders: ElectLeaders, ElectLeadersRequest, ElectLeadersResponse;
    alter_partition_reassignments: AlterPartitionReassignments, AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse;
    list_partition_reassignments: ListPartitionReassignments, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse;
    describe_client_quotas: DescribeClientQuotas, DescribeClientQuotasRequest, DescribeClientQuotasResponse;
    alter_client_quotas: AlterClientQuotas, AlterClientQuotasRequest, AlterClientQuotasResponse;
    describe_user_scram_credentials: DescribeUserScramCredentials, DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse;
    alter_user_scram_credentials: AlterUserScramCredentials, AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse;
    describe_quorum: DescribeQuorum, DescribeQuorumRequest, DescribeQuorumResponse;
    describe_acls: DescribeAcls, DescribeAclsRequest, DescribeAclsResponse;
    create_acls: CreateAcls, CreateAclsRequest, CreateAclsResponse;
    delete_acls: DeleteAcls, DeleteAclsRequest, DeleteAclsResponse;
    unregister_broker: UnregisterBroker, UnregisterBrokerRequest, UnregisterBrokerResponse;
    sasl_handshake: SaslHandshake, SaslHandshakeRequest, SaslHandshakeResponse;
}

/// Header and body of a received frame (without its length prefix). Fails for keys and versions
/// that this crate does not have; [`RequestHeader::peek`] then tells what to answer.
pub fn decode_any_request(frame: Bytes) -> Result<(RequestHeader, AnyRequest), DecodeError> {
    let mut decoder = Decoder::of_request(frame);
    let header = RequestHeader::decode(&mut decoder)?;
    let request = AnyRequest::decode(&mut decoder, &header)?;
    Ok((header, request))
}
