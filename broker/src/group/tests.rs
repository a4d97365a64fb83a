//! Stories of groups, told with a clock that the test moves.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use bytes::Bytes;

use super::records::OffsetsRecord;
use super::*;

/// A coordinator whose appends succeed when [`World::settle`] is called, and its log.
struct World {
    coordinator: Coordinator<u32>,
    log: Vec<OffsetsRecord>,
    now: Now,
}

fn coordinator() -> Coordinator<u32> {
    let config = GroupConfig {
        session_timeout_ms_min: 1_000,
        session_timeout_ms_max: 60_000,
        initial_rebalance_delay_ms: 3_000,
        members_max: 3,
        offsets_retention_ms: 1_000_000,
        offset_metadata_bytes_max: 10,
        consumer: ConsumerConfig::default(),
        own: Default::default(),
    };
    let mut count = 0;
    let suffix = move || {
        count += 1;
        count.to_string()
    };
    Coordinator::new(config, Box::new(suffix))
}

fn join_of(member_id: &str, instance_id: Option<&str>) -> JoinRequest {
    JoinRequest {
        group_id: "g".to_owned(),
        member_id: member_id.to_owned(),
        instance_id: instance_id.map(str::to_owned),
        client_id: "c".to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 20_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), Bytes::from_static(b"topics"))],
        ..JoinRequest::default()
    }
}

fn commit_of(generation: i32, member_id: &str, offset: i64) -> CommitRequest {
    CommitRequest {
        group_id: "g".to_owned(),
        generation,
        member_id: member_id.to_owned(),
        instance_id: None,
        knows_group_id_not_found: false,
        offsets: vec![OffsetToCommit {
            topic: "t".to_owned(),
            offset,
            ..OffsetToCommit::default()
        }],
    }
}

impl World {
    fn new() -> Self {
        Self {
            coordinator: coordinator(),
            log: Vec::new(),
            now: Now {
                steady_ms: 50,
                wall_ms: 1_000,
            },
        }
    }

    /// Appends what is to be appended; gives back all that was answered.
    fn settle(&mut self, effects: Vec<Effect<u32>>) -> Vec<Effect<u32>> {
        let mut answers = Vec::new();
        for effect in effects {
            match effect {
                Effect::Append { token, records } => {
                    self.coordinator.placed(token, self.log.len() as i64);
                    self.log.extend(records);
                    let more = self.coordinator.appended(self.now, token, Ok(()));
                    answers.extend(self.settle(more));
                }
                answer => answers.push(answer),
            }
        }
        self.check_deadlines();
        answers
    }

    /// Whatever has a deadline is entered, and comes up no later than that.
    fn check_deadlines(&self) {
        for (id, group) in &self.coordinator.groups {
            let Some(deadline_ms) = group.next_deadline_ms() else {
                continue;
            };
            assert!(
                group
                    .entered_ms
                    .is_some_and(|entered_ms| entered_ms <= deadline_ms),
                "{id}: due at {deadline_ms}, entered at {:?}",
                group.entered_ms
            );
            assert!(self.coordinator.next_deadline_ms() <= group.entered_ms);
        }
    }

    fn join(&mut self, request: JoinRequest) -> Vec<Effect<u32>> {
        let effects = self.coordinator.join(self.now, request, 0);
        self.settle(effects)
    }

    fn pass(&mut self, ms: i64) -> Vec<Effect<u32>> {
        self.now.steady_ms += ms;
        self.now.wall_ms += ms;
        let effects = self.coordinator.tick(self.now);
        let answers = self.settle(effects);
        for (id, group) in &self.coordinator.groups {
            let missed = group
                .next_deadline_ms()
                .filter(|at_ms| *at_ms <= self.now.steady_ms);
            assert_eq!(missed, None, "{id}");
        }
        answers
    }

    fn sync(&mut self, id: &str, generation: i32) -> Vec<Effect<u32>> {
        let request = SyncRequest {
            group_id: "g".to_owned(),
            generation,
            member_id: id.to_owned(),
            assignments: vec![(id.to_owned(), Bytes::from_static(b"all"))],
            ..SyncRequest::default()
        };
        let effects = self.coordinator.sync(self.now, request, 0);
        self.settle(effects)
    }

    fn heartbeat(&mut self, id: &str, generation: i32) -> Result<(), GroupError> {
        let request = HeartbeatRequest {
            group_id: "g".to_owned(),
            generation,
            member_id: id.to_owned(),
            instance_id: None,
        };
        self.coordinator.heartbeat(self.now, &request)
    }

    /// Another coordinator that has read the log.
    fn restarted(&self) -> Coordinator<u32> {
        let mut restarted = coordinator();
        for (offset, record) in self.log.iter().enumerate() {
            restarted
                .replay(offset as i64, None, &record.key, record.value.as_deref())
                .unwrap();
        }
        restarted
    }

    fn state(&self) -> &'static str {
        self.coordinator.describe("g").map_or("Dead", |d| d.state)
    }

    /// One member, in a stable generation 1.
    fn with_member(instance_id: Option<&str>) -> (Self, String) {
        let mut world = Self::new();
        world.join(join_of("", instance_id));
        let id = joined(&world.pass(3_000)).member_id;
        world.sync(&id, 1);
        assert_eq!(world.state(), "Stable");
        (world, id)
    }
}

fn joined(answers: &[Effect<u32>]) -> JoinResponse {
    let found = answers.iter().find_map(|answer| match answer {
        Effect::Joined(_, response) => Some(response.clone()),
        _ => None,
    });
    found.unwrap()
}

#[test]
fn the_first_member_leads_after_the_initial_delay() {
    let mut world = World::new();
    assert!(world.join(join_of("", None)).is_empty());
    assert!(world.pass(2_999).is_empty());
    let response = joined(&world.pass(1));
    assert_eq!((response.error, response.generation), (None, 1));
    assert_eq!(response.leader, response.member_id);
    assert_eq!(response.members.len(), 1);
}

#[test]
fn a_member_without_an_id_is_told_one_first() {
    let mut world = World::new();
    let mut request = join_of("", None);
    request.requires_known_member_id = true;
    let told = joined(&world.join(request));
    assert_eq!(told.error, Some(GroupError::MemberIdRequired));
    assert!(world.join(join_of(&told.member_id, None)).is_empty());
    assert_eq!(joined(&world.pass(3_000)).member_id, told.member_id);
}

#[test]
fn an_id_that_nobody_uses_is_forgotten() {
    let mut world = World::new();
    let mut request = join_of("", None);
    request.requires_known_member_id = true;
    let told = joined(&world.join(request));
    world.pass(10_000);
    assert_eq!(world.state(), "Dead");
    let late = joined(&world.join(join_of(&told.member_id, None)));
    assert_eq!(late.error, Some(GroupError::UnknownMemberId));
}

#[test]
fn a_crashed_member_leaves_an_empty_group() {
    let (mut world, id) = World::with_member(None);
    world.pass(10_000);
    assert_eq!(world.state(), "Empty");
    assert_eq!(world.heartbeat(&id, 1), Err(GroupError::UnknownMemberId));
}

#[test]
fn heartbeats_keep_a_member() {
    let (mut world, id) = World::with_member(None);
    for _ in 0..5 {
        world.pass(9_000);
        assert_eq!(world.heartbeat(&id, 1), Ok(()));
    }
    assert_eq!(world.heartbeat(&id, 0), Err(GroupError::IllegalGeneration));
}

#[test]
fn a_second_member_has_the_first_join_again() {
    let (mut world, id) = World::with_member(None);
    assert!(world.join(join_of("", None)).is_empty());
    assert_eq!(
        world.heartbeat(&id, 1),
        Err(GroupError::RebalanceInProgress)
    );
    let answers = world.join(join_of(&id, None));
    assert_eq!(answers.len(), 2);
    assert_eq!(joined(&answers).generation, 2);
}

#[test]
fn a_leader_that_does_not_sync_is_taken_out() {
    let mut world = World::new();
    world.join(join_of("", None));
    let id = joined(&world.pass(3_000)).member_id;
    for _ in 0..2 {
        world.pass(9_000);
        assert_eq!(world.heartbeat(&id, 1), Ok(()));
    }
    world.pass(2_000);
    assert_eq!(world.state(), "Empty");
}

#[test]
fn a_static_member_comes_back_without_a_rebalance_and_fences_its_past() {
    let (mut world, old) = World::with_member(Some("i"));
    let mut request = join_of("", Some("i"));
    request.supports_skipping_assignment = true;
    let response = joined(&world.join(request));
    assert_eq!((response.error, response.generation), (None, 1));
    assert!(response.skip_assignment && response.member_id != old);
    assert_eq!(world.state(), "Stable");
    let heartbeat = HeartbeatRequest {
        group_id: "g".to_owned(),
        generation: 1,
        member_id: old,
        instance_id: Some("i".to_owned()),
    };
    let outcome = world.coordinator.heartbeat(world.now, &heartbeat);
    assert_eq!(outcome, Err(GroupError::FencedInstanceId));
}

#[test]
fn an_assignment_that_is_not_appended_is_not_told() {
    let mut world = World::new();
    world.join(join_of("", None));
    let id = joined(&world.pass(3_000)).member_id;
    let request = SyncRequest {
        group_id: "g".to_owned(),
        generation: 1,
        member_id: id,
        ..SyncRequest::default()
    };
    let effects = world.coordinator.sync(world.now, request, 7);
    let [Effect::Append { token, .. }] = effects[..] else {
        panic!("{effects:?}");
    };
    let failed = Err(GroupError::CoordinatorNotAvailable);
    let answers = world.coordinator.appended(world.now, token, failed);
    assert!(matches!(&answers[..], [Effect::Synced(7, r)] if r.error.is_some()));
    assert_eq!(world.state(), "PreparingRebalance");
}

#[test]
fn a_commit_is_seen_once_it_is_appended() {
    let (mut world, id) = World::with_member(None);
    let effects = world.coordinator.commit(world.now, commit_of(1, &id, 5), 0);
    assert!(world.coordinator.fetch_offsets("g", None).is_empty());
    world.settle(effects);
    let fetched = world.coordinator.fetch_offsets("g", None);
    assert_eq!(fetched[0].committed.as_ref().unwrap().offset, 5);
}

#[test]
fn commits_of_strangers_and_of_the_past_are_refused() {
    let (mut world, id) = World::with_member(None);
    for (generation, member, error) in [
        (0, id.as_str(), GroupError::IllegalGeneration),
        (1, "stranger", GroupError::UnknownMemberId),
        (-1, "", GroupError::UnknownMemberId),
    ] {
        let request = commit_of(generation, member, 5);
        let effects = world.coordinator.commit(world.now, request, 0);
        assert_eq!(effects, [Effect::Committed(0, vec![Err(error)])]);
    }
}

#[test]
fn offsets_of_a_simple_consumer_expire_with_its_group() {
    let mut world = World::new();
    let effects = world.coordinator.commit(world.now, commit_of(-1, "", 5), 0);
    world.settle(effects);
    world.pass(999_999);
    assert_eq!(world.state(), "Empty");
    world.pass(700_000);
    assert_eq!(world.state(), "Dead");
    assert_eq!(world.log.last().unwrap().value, None);
}

#[test]
fn a_group_with_members_is_not_deleted() {
    let (mut world, _) = World::with_member(None);
    let effects = world.coordinator.delete("g", 0);
    assert_eq!(
        effects,
        [Effect::Deleted(0, Err(GroupError::NonEmptyGroup))]
    );
}

/// The tombstones of a deletion left out the commits that were still being appended.
#[test]
fn a_deleted_group_does_not_come_back_with_a_commit_that_was_under_way() {
    let mut world = World::new();
    let committing = world.coordinator.commit(world.now, commit_of(-1, "", 5), 0);
    let deleting = world.coordinator.delete("g", 1);
    world.settle(committing);
    world.settle(deleting);
    assert_eq!(world.state(), "Dead");
    let mut restarted = world.restarted();
    restarted.loaded(world.now);
    assert!(restarted.fetch_offsets("g", None).is_empty());
}

#[test]
fn a_restart_finds_what_was_answered() {
    let (mut world, id) = World::with_member(Some("i"));
    let effects = world.coordinator.commit(world.now, commit_of(1, &id, 5), 0);
    world.settle(effects);
    let mut restarted = world.restarted();
    restarted.loaded(world.now);
    assert_eq!(restarted.describe("g"), world.coordinator.describe("g"));
    let offsets = world.coordinator.fetch_offsets("g", None);
    assert_eq!(restarted.fetch_offsets("g", None), offsets);
}

#[test]
fn a_step_of_the_wall_clock_evicts_nobody() {
    let (mut world, id) = World::with_member(None);
    for step_ms in [86_400_000, -2 * 86_400_000] {
        world.now.wall_ms += step_ms;
        world.pass(5_000);
        assert_eq!(world.heartbeat(&id, 1), Ok(()));
    }
    world.pass(10_000);
    assert_eq!(world.state(), "Empty");
}

/// KAFKA-7610: clients that time out during a long rebalance and join again got a new id each time.
#[test]
fn a_new_member_that_waits_too_long_is_let_go() {
    let mut world = World::new();
    let mut patient = join_of("", None);
    patient.rebalance_timeout_ms = 1_800_000;
    world.join(patient);
    let id = joined(&world.pass(3_000)).member_id;
    world.sync(&id, 1);
    assert!(world.join(join_of("", None)).is_empty());
    let mut let_go = Vec::new();
    for _ in 0..50 {
        let_go.extend(world.pass(6_000));
        // The first one goes on with its work, and takes its time to join again.
        let beat = world.heartbeat(&id, 1);
        if let_go.is_empty() {
            assert_eq!(beat, Err(GroupError::RebalanceInProgress));
        }
    }
    assert_eq!(joined(&let_go).error, Some(GroupError::UnknownMemberId));
    let members = world.coordinator.describe("g").unwrap().members;
    assert_eq!(members.len(), 1);
}

#[test]
fn an_old_client_chooses_how_long_its_offset_is_kept() {
    let mut world = World::new();
    let mut request = commit_of(-1, "", 5);
    request.offsets[0].retention_ms = Some(5_000_000);
    let effects = world.coordinator.commit(world.now, request, 0);
    world.settle(effects);
    world.pass(4_000_000);
    assert_eq!(world.state(), "Empty");
    world.coordinator = world.restarted();
    world.coordinator.loaded(world.now);
    world.pass(500_000);
    assert_eq!(world.state(), "Empty");
    world.pass(1_200_000);
    assert_eq!(world.state(), "Dead");
}

/// Members come, go, live and fall silent in an order that follows from a seed; [`World::settle`]
/// holds the deadlines against the groups after each event.
#[test]
fn no_deadline_is_missed_whatever_the_order_of_events() {
    for seed in 0..200u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut below = |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % bound
        };
        let mut world = World::new();
        for _ in 0..60 {
            let members = world
                .coordinator
                .describe("g")
                .map_or_else(Vec::new, |d| d.members);
            let generation = world
                .coordinator
                .groups
                .get("g")
                .map_or(0, |g| g.generation);
            let someone = members
                .get(below(4) as usize)
                .map_or_else(String::new, |m| m.member_id.clone());
            match below(6) {
                0 | 1 => {
                    let mut request = join_of(&someone, None);
                    request.session_timeout_ms = 1_000 + below(50_000) as i32;
                    request.requires_known_member_id = below(2) == 0;
                    world.join(request);
                }
                2 => drop(world.sync(&someone, generation)),
                3 => drop(world.heartbeat(&someone, generation)),
                4 => drop(world.pass(below(12_000) as i64)),
                _ => {
                    let request = LeaveRequest {
                        group_id: "g".to_owned(),
                        members: vec![Leaving {
                            member_id: someone,
                            instance_id: None,
                        }],
                    };
                    let (_, effects) = world.coordinator.leave(world.now, &request);
                    world.settle(effects);
                }
            }
        }
    }
}

#[test]
fn groups_go_where_kafka_puts_them() {
    // "abc".hashCode() is 96354 in Java.
    assert_eq!(partition_for("abc", 50), 96_354 % 50);
    // Hashes below zero count without their sign, the one that has no absolute value as 0.
    assert_eq!(partition_for("my-group", 50), 12);
    assert_eq!(partition_for("orders", 50), 31);
    assert_eq!(partition_for("polygenelubricants", 50), 0);
}
