//! What a commit and a sample of lag cost, for counting their instructions: a commit must cost the
//! same however many groups there are.
//!
//! `groups` names the functions; `groups NAME COUNT` runs one COUNT times, on fixed input. Under
//! `valgrind --tool=callgrind`, the difference between 2N and N calls, over N, is what one costs.
#![allow(clippy::unwrap_used)]

use std::process::ExitCode;

use naru_broker::inside::{
    CommitRequest, ConsumerConfig, Coordinator, Effect, GroupConfig, Now, OffsetToCommit,
};

type Function = (&'static str, fn(u64));

const FUNCTIONS: [Function; 4] = [
    ("commit_10_groups", |count| commits(10, count)),
    ("commit_10000_groups", |count| commits(10_000, count)),
    ("sample_10_groups", |count| samples(10, count)),
    ("sample_10000_groups", |count| samples(10_000, count)),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let [name, count] = arguments.as_slice() else {
        FUNCTIONS.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    };
    let function = FUNCTIONS.iter().find(|(known, _)| known == name);
    let (Some((_, run)), Ok(count)) = (function, count.parse()) else {
        eprintln!("no function {name} to be run {count} times");
        return ExitCode::FAILURE;
    };
    run(count);
    ExitCode::SUCCESS
}

fn group_id(number: u64) -> String {
    format!("group-{number:08}")
}

fn commit(coordinator: &mut Coordinator<()>, group_id: String, offset: i64) {
    let request = CommitRequest {
        group_id,
        generation: -1,
        offsets: vec![OffsetToCommit {
            topic: "topic".to_owned(),
            offset,
            ..OffsetToCommit::default()
        }],
        ..CommitRequest::default()
    };
    let now = Now::default();
    let effects = coordinator.commit(now, request, ());
    let [Effect::Append { token, .. }] = effects[..] else {
        panic!("a commit is appended");
    };
    coordinator.placed(token, offset);
    coordinator.appended(now, token, Ok(()));
}

fn with_groups(groups: u64) -> Coordinator<()> {
    let config = GroupConfig {
        session_timeout_ms_min: 6_000,
        session_timeout_ms_max: 1_800_000,
        initial_rebalance_delay_ms: 3_000,
        members_max: usize::MAX,
        offsets_retention_ms: 604_800_000,
        offset_metadata_bytes_max: 4_096,
        consumer: ConsumerConfig::default(),
        own: Default::default(),
    };
    let mut coordinator = Coordinator::new(config, Box::new(String::new));
    (0..groups).for_each(|number| commit(&mut coordinator, group_id(number), 0));
    coordinator
}

/// One commit in a group somewhere among the others.
fn commits(groups: u64, count: u64) {
    let mut coordinator = with_groups(groups);
    for number in 0..count {
        let group_id = group_id(number * 7_919 % groups);
        commit(&mut coordinator, group_id, number as i64 + 1);
    }
}

/// One sample of all groups' offsets.
fn samples(groups: u64, count: u64) {
    let mut coordinator = with_groups(groups);
    for number in 0..count {
        coordinator.sample(number as i64 * 5_000, None, usize::MAX);
    }
}
