//! What to do about an error: one or two sentences for those that people meet.
//!
//! What can only be said by whoever asked, such as the nearest name of a topic, is said there.

use naru_client::KafkaError;
use naru_wire::ErrorCode;

/// Advice on an error of the client.
pub fn of(error: &KafkaError) -> Option<String> {
    match error {
        KafkaError::Address(_) => Some("write --bootstrap host:port".into()),
        KafkaError::Unreachable { reason, .. } => Some(unreachable(reason).into()),
        KafkaError::Broken { .. } => Some(
            "is it a broker that listens there, and without TLS or SASL? its log may say why it \
             closed the connection"
                .into(),
        ),
        KafkaError::Version { theirs: None, .. } => {
            Some("this broker does not have what is asked for; a newer Kafka, or Naru, has".into())
        }
        KafkaError::Version { .. } => {
            Some("the broker is of another time: naru speaks with Kafka 2.8 to 4.4".into())
        }
        KafkaError::Unreadable { .. } => Some("is it a broker that listens there?".into()),
        KafkaError::Refused { code, .. } => on_code(*code).map(str::to_owned),
        KafkaError::Records { .. } => {
            Some("`naru log dump`, or `naru verify` for a broker of Naru, shows where".into())
        }
        KafkaError::TooLate(..) => Some("--timeout gives it longer".into()),
    }
}

fn unreachable(reason: &str) -> &'static str {
    if reason.contains("refused") {
        "nothing listens there: is the broker running (`naru start`), and is this its port? \
         --bootstrap or NARU_BOOTSTRAP names another address"
    } else if reason.contains("in time") {
        "is a firewall in between? if a broker's own address (advertised.listeners) is one that \
         this machine cannot reach, change it there"
    } else {
        "does --bootstrap, or the broker's advertised.listeners, name a host that this machine \
         knows?"
    }
}

/// Advice on an error code, whoever asked.
pub fn on_code(code: ErrorCode) -> Option<&'static str> {
    use ErrorCode as E;
    Some(match code {
        E::UnknownTopicOrPartition => "`naru topic list` shows the topics that there are",
        E::TopicAlreadyExists => "`--if-not-exists` takes that for success",
        E::InvalidTopicException => {
            "names have letters, digits, '.', '_' and '-', at most 249 of them"
        }
        E::InvalidReplicationFactor => {
            "there are not that many brokers; leave --replication-factor out for the default"
        }
        E::InvalidPartitions => "partitions can only become more; --to says how many in all",
        E::MessageTooLarge | E::RecordListTooLarge => {
            "the topic's max.message.bytes (the broker's message.max.bytes, if it has none) is the \
             limit: `naru config set topic NAME max.message.bytes=...` raises it"
        }
        E::TopicDeletionDisabled => "set delete.topic.enable=true in the broker's configuration",
        E::PolicyViolation => "a policy of this cluster forbids it; ask whoever runs it",
        E::NotEnoughReplicas | E::NotEnoughReplicasAfterAppend => {
            "fewer replicas are in sync than min.insync.replicas asks for: is a broker down? \
             `naru topic describe NAME` shows ISR"
        }
        E::LeaderNotAvailable | E::BrokerNotAvailable => {
            "a partition has no leader: is a broker down? `naru topic describe NAME` shows it"
        }
        E::CoordinatorNotAvailable | E::CoordinatorLoadInProgress => {
            "the group's coordinator is starting; try again in a moment"
        }
        E::NonEmptyGroup => {
            "the group has members: stop them first; `naru group describe NAME` shows them"
        }
        E::GroupSubscribedToTopic => "members of the group read this topic: stop them first",
        E::UnknownMemberId | E::IllegalGeneration | E::StaleMemberEpoch => {
            "the group has members, and only they may commit: stop them first"
        }
        E::GroupIdNotFound => "`naru group list` shows the groups that there are",
        E::TransactionalIdNotFound => "`naru transaction list` shows the ids that there are",
        E::OffsetOutOfRange => {
            "the partition does not have this offset: `naru topic describe NAME` shows where it \
             starts and ends"
        }
        E::TopicAuthorizationFailed
        | E::GroupAuthorizationFailed
        | E::ClusterAuthorizationFailed
        | E::TransactionalIdAuthorizationFailed => {
            "the cluster's ACLs forbid it to this client; naru does not log in (no SASL, no TLS)"
        }
        E::InvalidRecord => {
            "does the topic compact? then every record needs a key (--key-separator)"
        }
        E::RequestTimedOut => "the broker did not finish in time; --timeout gives it longer",
        E::KafkaStorageError => "the broker cannot write or read its disk; its log says why",
        E::UnsupportedVersion => "this broker does not have what is asked for",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_listening_and_a_wrong_name_are_told_apart() {
        let unreachable = |reason: &str| KafkaError::Unreachable {
            address: "localhost:9092".into(),
            reason: reason.into(),
        };
        let refused = of(&unreachable("connection refused")).unwrap();
        assert!(refused.contains("naru start"), "{refused}");
        let unknown = of(&unreachable("failed to lookup address information")).unwrap();
        assert!(unknown.contains("advertised.listeners"), "{unknown}");
    }

    #[test]
    fn a_record_that_is_too_large_names_the_limit() {
        let advice = on_code(ErrorCode::MessageTooLarge).unwrap();
        assert!(advice.contains("max.message.bytes"), "{advice}");
    }
}
