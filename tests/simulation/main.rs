//! The whole broker in a simulation: one seed is one run, with clients, faults and a checker.
//!
//! A machine runs the server: shards, control actor and maintenance on simulated threads, over a
//! simulated disk. Another runs the clients, which speak Kafka's protocol over a simulated network
//! and note in a [`ledger`] what they were promised. Meanwhile connections break, links are cut,
//! the wall clock steps, and the server is killed, loses its power, or is stopped, and starts
//! again.
//!
//! Each seed is run twice, and has to send and write the same bytes at the same times.
//!
//! [`exactly_once`] holds transactions to their histories in the same way, and ends the server at
//! each operation of its disk in turn.
//!
//! `NARU_SIM_SEEDS=100` tries as many seeds; `NARU_SIM_FIRST=7` begins with that one.
#![allow(clippy::unwrap_used)]

mod client;
mod consumers;
mod exactly_once;
mod groups;
mod ledger;
mod operator;
mod producers;
mod reader;
mod topics;
mod transactions;
mod world;

use std::collections::HashSet;
use std::panic::catch_unwind;

use naru_runtime::sim::Digest;
use operator::{End, Flushes};

/// Seeds that are tried by default: half a minute in a debug build.
const SEEDS: u64 = 5;

/// Of the operations of a small story, one in so many is tried by default.
const OPERATIONS_EVERY: u64 = 8;

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap())
}

/// Names the seed that failed.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "seed {} failed: NARU_SIM_FIRST={} repeats it",
                self.0, self.0
            );
        }
    }
}

fn run(seed: u64) -> Digest {
    let _named = Named(seed);
    let (digest, story) = world::run(seed, Flushes::Honest);
    println!("seed {seed}: {digest}; {story}");
    digest
}

#[test]
fn what_clients_were_promised_survives_and_a_seed_repeats_itself() {
    let first = setting("NARU_SIM_FIRST").unwrap_or(0);
    let count = setting("NARU_SIM_SEEDS").unwrap_or(SEEDS);
    let mut hashes = HashSet::new();
    for seed in first..first + count {
        let digest = run(seed);
        assert_eq!(digest, run(seed), "seed {seed} does not repeat itself");
        assert!(hashes.insert(digest.hash), "seed {seed} is none of its own");
    }
}

#[test]
fn transactions_are_exactly_once_whatever_ends_the_server() {
    let first = setting("NARU_SIM_FIRST").unwrap_or(0);
    let count = setting("NARU_SIM_SEEDS").unwrap_or(SEEDS);
    for seed in first..first + count {
        let _named = Named(seed);
        let (digest, story, counts) = exactly_once::run(seed);
        println!("seed {seed}: {digest}; {story}; {counts}");
        assert!(counts.has_everything(), "too little happened: {counts}");
    }
}

#[test]
fn groups_of_both_protocols_account_for_every_record() {
    let first = setting("NARU_SIM_FIRST").unwrap_or(0);
    let count = setting("NARU_SIM_SEEDS").unwrap_or(SEEDS);
    for seed in first..first + count {
        let _named = Named(seed);
        let (digest, story, counts) = groups::run(seed);
        println!("seed {seed}: {digest}; {story}; {counts}");
        assert!(counts.has_everything(), "too little happened: {counts}");
    }
}

/// All of them with `NARU_SIM_EVERY=1`.
#[test]
fn transactions_are_exactly_once_with_an_end_at_each_operation() {
    let seed = setting("NARU_SIM_FIRST").unwrap_or(0);
    let every = setting("NARU_SIM_EVERY").unwrap_or(OPERATIONS_EVERY);
    let whole = exactly_once::told(seed, None);
    println!("seed {seed}: operations {whole:?}");
    for operation in (whole.start..whole.end).step_by(every as usize) {
        for end in [End::Kill, End::PowerCut] {
            let failed = catch_unwind(|| exactly_once::told(seed, Some((operation, end))));
            assert!(failed.is_ok(), "seed {seed}, {end:?} at {operation}");
        }
    }
}

/// The negative control: were nothing found here, nothing could be found above.
#[test]
fn a_disk_that_lies_about_flushes_is_found_out() {
    let is_found_out = |seed| catch_unwind(|| world::run(seed, Flushes::Lies)).is_err();
    assert!((0..SEEDS).any(is_found_out));
}
