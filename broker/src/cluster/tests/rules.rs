//! What a command may do, and what it is refused.

use super::super::state::CONFIG_BYTES_MAX;
use super::*;

fn topic(state: &ClusterState, name: &str) -> std::sync::Arc<Topic> {
    state.image().topic(TopicRef::Name(name)).unwrap()
}

#[test]
fn a_topic_lives_from_its_creation_to_its_deletion_under_name_and_id() {
    let commands = [
        register(1, 1),
        create("orders", 7, 2),
        alter(7, "flush.ms", Some("5"), false),
        grow(7, 2, 1),
    ];
    let (mut state, answers) = after(&commands);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let orders = topic(&state, "orders");
    assert_eq!(orders.partitions.len(), 3);
    assert_eq!(orders.configs.len(), 2);
    assert_eq!(orders.changed_at, 4);
    assert!(orders.partition(2).is_some());
    assert!(orders.partition(3).is_none() && orders.partition(-1).is_none());

    let before = state.image();
    state.apply(5, &delete(7)).unwrap();
    assert!(state.image().topic(TopicRef::Name("orders")).is_none());
    assert!(state.image().topic(TopicRef::Id(orders.id)).is_none());
    // A reader's image does not change under it.
    assert_eq!(before.topic(TopicRef::Id(orders.id)), Some(orders));
    assert_eq!(state.apply(6, &delete(7)), Err(Refusal::UnknownTopicId));
}

#[test]
fn a_second_topic_of_that_name_or_one_that_metrics_could_not_tell_apart_is_refused() {
    let (mut state, _) = after(&[register(1, 1), create("a.b", 1, 1)]);
    let same = state.apply(3, &create("a.b", 2, 1));
    assert_eq!(same, Err(Refusal::TopicAlreadyExists("a.b".into())));
    let alike = state.apply(4, &create("a_b", 2, 1));
    assert!(matches!(alike, Err(Refusal::InvalidTopic(_))), "{alike:?}");
    state.apply(5, &delete(1)).unwrap();
    assert!(state.apply(6, &create("a_b", 2, 1)).is_ok());
}

#[test]
fn names_follow_kafka_s_rules() {
    let longest = "x".repeat(TOPIC_NAME_BYTES_MAX);
    for good in ["a", "A-1.b_c", "...", "__consumer_offsets", &longest] {
        assert_eq!(check_topic_name(good), Ok(()), "{good}");
    }
    let too_long = "x".repeat(TOPIC_NAME_BYTES_MAX + 1);
    for bad in [
        "",
        ".",
        "..",
        "a b",
        "a/b",
        "ü",
        "__cluster_metadata",
        &too_long,
    ] {
        assert!(check_topic_name(bad).is_err(), "{bad}");
    }
}

#[test]
fn partitions_only_grow_and_not_without_end() {
    let (mut state, _) = after(&[register(1, 1), create("a", 1, 2)]);
    let refused = |answer| matches!(answer, Err(Refusal::InvalidPartitions(_)));
    assert!(refused(state.apply(3, &grow(1, 2, 0))));
    assert!(refused(state.apply(4, &grow(1, 1, 1))));
    assert!(refused(state.apply(5, &grow(1, 2, 9_999))));
    assert!(refused(state.apply(6, &create("b", 2, 0))));
    assert!(state.apply(7, &grow(1, 2, 9_998)).is_ok());
}

#[test]
fn replicas_must_be_brokers_that_there_are() {
    let (mut state, _) = after(&[register(1, 1)]);
    let refused = |answer| matches!(answer, Err(Refusal::InvalidReplicaAssignment(_)));
    let with = |partition| Command::CreateTopic {
        name: "a".into(),
        topic_id: Uuid::from_u128(1),
        partitions: vec![partition],
        configs: BTreeMap::new(),
    };
    assert!(refused(state.apply(2, &with(Partition::new(vec![2])))));
    assert!(refused(state.apply(3, &with(Partition::new(vec![1, 1])))));
    assert!(refused(state.apply(4, &with(Partition::new(vec![])))));
    let mut stranger = Partition::new(vec![1]);
    stranger.isr = vec![1, 2];
    assert!(refused(state.apply(5, &with(stranger))));
    let too_many = state.image().assign(1, 2, 0);
    assert!(matches!(
        too_many,
        Err(Refusal::InvalidReplicationFactor(_))
    ));
    assert!(state.image().assign(1, 0, 0).is_err());
}

#[test]
fn new_partitions_go_round_the_brokers() {
    let (state, _) = after(&[register(1, 1), register(2, 1), register(3, 1)]);
    let assigned = state.image().assign(3, 2, 0).unwrap();
    let replicas: Vec<_> = assigned.iter().map(|p| p.replicas.clone()).collect();
    assert_eq!(replicas, [[1, 2], [2, 3], [3, 1]]);
    assert_eq!(assigned[2].leader, 3);
}

#[test]
fn a_broker_that_comes_back_leads_under_a_new_epoch() {
    let (mut state, _) = after(&[register(1, 1), create("a", 1, 1)]);
    state.apply(3, &register(1, 1)).unwrap();
    assert_eq!(topic(&state, "a").partitions[0].leader_epoch, 0);
    let answer = state.apply(4, &register(1, 2));
    assert_eq!(answer, Ok(Outcome::BrokerRegistered { epoch: 4 }));
    let a = topic(&state, "a");
    assert_eq!(a.partitions[0].leader_epoch, 1);
    assert_eq!(a.changed_at, 4);
}

#[test]
fn producer_ids_are_handed_out_once() {
    let allocate = |count| Command::AllocateProducerIds { count };
    let (_, answers) = after(&[allocate(1000), allocate(0), allocate(1)]);
    let ids = |first, count| Ok(Outcome::ProducerIds { first, count });
    assert_eq!(answers[0], ids(0, 1000));
    assert!(answers[1].is_err());
    assert_eq!(answers[2], ids(1000, 1));
}

#[test]
fn configs_are_set_unset_or_replaced() {
    let (mut state, _) = after(&[register(1, 1), create("a", 1, 1)]);
    state
        .apply(3, &alter(1, "flush.ms", Some("5"), true))
        .unwrap();
    assert_eq!(topic(&state, "a").configs.len(), 1);
    state.apply(4, &alter(1, "flush.ms", None, false)).unwrap();
    assert!(topic(&state, "a").configs.is_empty());
}

#[test]
fn configs_cannot_swell_the_log() {
    let (mut state, _) = after(&[register(1, 1), create("a", 1, 1)]);
    let refused = |answer| matches!(answer, Err(Refusal::InvalidConfig(_)));
    let long = "x".repeat(CONFIG_BYTES_MAX);
    assert!(refused(state.apply(3, &alter(1, "k", Some(&long), false))));
    assert!(refused(state.apply(4, &alter(1, &long, Some("v"), false))));
    let half = "x".repeat(CONFIG_BYTES_MAX / 2);
    assert!(state.apply(5, &alter(1, "k", Some(&half), false)).is_ok());
    assert!(refused(state.apply(6, &alter(1, "l", Some(&half), false))));
    assert!(state.apply(7, &alter(1, "l", Some(&half), true)).is_ok());
}

proptest! {
    #[test]
    fn the_same_commands_build_the_same_state(commands in prop::collection::vec(any_command(), 0..40)) {
        let (one, answers) = after(&commands);
        prop_assert_eq!(&after(&commands), &(one.clone(), answers.clone()));
        let image = one.image();
        prop_assert_eq!(image.topics().len(), image.by_id.len());
        // Everything but the images is derived from them.
        prop_assert_eq!(ClusterState::from_image(image), one);
    }

    #[test]
    fn a_refused_command_changes_nothing(commands in prop::collection::vec(any_command(), 1..40)) {
        let (mut state, _) = after(&commands);
        for command in &commands {
            let mut before = state.image();
            let verdict = state.verify(command);
            let answer = state.apply(state.index() + 1, command);
            prop_assert_eq!(verdict.is_ok(), answer.is_ok());
            if answer.is_err() {
                before.index += 1;
                prop_assert_eq!(before, state.image());
            }
        }
    }
}
