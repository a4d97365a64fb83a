//! The codec against itself, against another implementation, and against bytes that nobody meant
//! well.

mod frames;
mod hostile;
mod oracle;
mod sample;

pub(crate) use sample::{Sample, Source};

/// Runs `$run!(Type)` for the request and the response of every API.
macro_rules! for_each_message {
    ($run:ident) => {
        $run! {
            AddOffsetsToTxnRequest, AddOffsetsToTxnResponse,
            AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
            DescribeTransactionsRequest, DescribeTransactionsResponse,
            EndTxnRequest, EndTxnResponse, ListTransactionsRequest, ListTransactionsResponse,
            TxnOffsetCommitRequest, TxnOffsetCommitResponse,
            WriteTxnMarkersRequest, WriteTxnMarkersResponse,
            AlterConfigsRequest, AlterConfigsResponse, ApiVersionsRequest, ApiVersionsResponse,
            ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse,
            ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
            CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
            DeleteGroupsRequest, DeleteGroupsResponse, DeleteRecordsRequest, DeleteRecordsResponse,
            DeleteTopicsRequest, DeleteTopicsResponse, DescribeClusterRequest, DescribeClusterResponse,
            DescribeConfigsRequest, DescribeConfigsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
            AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse,
            DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeProducersRequest, DescribeProducersResponse,
            DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, FetchRequest, FetchResponse,
            FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse,
            IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
            InitProducerIdRequest, InitProducerIdResponse, JoinGroupRequest, JoinGroupResponse,
            LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse,
            ListOffsetsRequest, ListOffsetsResponse, MetadataRequest, MetadataResponse,
            OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
            OffsetFetchRequest, OffsetFetchResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
            ProduceRequest, ProduceResponse, SyncGroupRequest, SyncGroupResponse,
            UpdateFeaturesRequest, UpdateFeaturesResponse,
            ListConfigResourcesRequest, ListConfigResourcesResponse,
            ElectLeadersRequest, ElectLeadersResponse,
            AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
            ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
            DescribeClientQuotasRequest, DescribeClientQuotasResponse,
            AlterClientQuotasRequest, AlterClientQuotasResponse,
            DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse,
            AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse,
            DescribeQuorumRequest, DescribeQuorumResponse,
            UnregisterBrokerRequest, UnregisterBrokerResponse,
            SaslHandshakeRequest, SaslHandshakeResponse,
            CreateAclsRequest, CreateAclsResponse, DeleteAclsRequest, DeleteAclsResponse,
            DescribeAclsRequest, DescribeAclsResponse,
        }
    };
}
pub(crate) use for_each_message;
