//! ConsumerGroupDescribe: epochs, members and assignments of KIP-848 groups.

use uuid::Uuid;

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct ConsumerGroupDescribeRequest (ConsumerGroupDescribe 0..=1, flexible 0) {
        group_ids: Vec<Str>;
        include_authorized_operations: bool;
    }
}

table! {
    struct ConsumerGroupDescribeResponse (ConsumerGroupDescribe 0..=1, flexible 0) {
        throttle_time_ms: i32;
        groups: Vec<ConsumerGroupDescribeGroup>;
    }

    struct ConsumerGroupDescribeGroup {
        error_code: ErrorCode;
        error_message: Option<Str>;
        group_id: Str;
        /// Empty, Assigning, Reconciling, Stable or Dead.
        group_state: Str;
        group_epoch: i32;
        assignment_epoch: i32;
        assignor_name: Str;
        members: Vec<ConsumerGroupDescribeMember>;
        authorized_operations: i32 = i32::MIN;
    }

    struct ConsumerGroupDescribeMember {
        member_id: Str;
        instance_id: Option<Str>;
        rack_id: Option<Str>;
        member_epoch: i32;
        client_id: Str;
        client_host: Str;
        subscribed_topic_names: Vec<Str>;
        subscribed_topic_regex: Option<Str>;
        assignment: ConsumerGroupDescribeAssignment;
        target_assignment: ConsumerGroupDescribeAssignment;
        /// 0 is a member of the classic protocol, 1 one of KIP-848.
        member_type: i8 = -1, in 1..;
    }

    struct ConsumerGroupDescribeAssignment {
        topic_partitions: Vec<ConsumerGroupDescribeTopicPartitions>;
    }

    struct ConsumerGroupDescribeTopicPartitions {
        topic_id: Uuid;
        topic_name: Str;
        partitions: Vec<i32>;
    }
}
