//! Producers, readers of old and new records and by time, retention, DeleteRecords,
//! truncation, deletion, close, a full disk and a broken one, all at once, on a simulated
//! machine that crashes; a model is held against all that is said and read.
//!
//! One seed is one story, of up to three lives. `NARU_SEEDS` stories are told, from seed
//! `NARU_SEED_FIRST` on, of the features in `NARU_FEATURES` (their names, with commas).

mod together;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::catch_unwind;

use naru_runtime::sim::OpKind;
use together::mix::{ALL, Feature};
use together::story::{tell, tell_on};

/// So many stories take about 20 s on one core, not optimized.
const SEEDS_DEFAULT: u64 = 200;
/// No more than these are told after they went wrong.
const WRONG_MAX: usize = 20;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .map_or(default, |text| text.parse().expect("a number"))
}

fn features() -> Vec<Feature> {
    let Ok(names) = std::env::var("NARU_FEATURES") else {
        return ALL.to_vec();
    };
    let named = |feature: &Feature| names.split(',').any(|name| name == format!("{feature:?}"));
    ALL.into_iter().filter(named).collect()
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or(panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
    text.unwrap_or_default()
}

#[test]
fn whatever_happens_together_the_log_keeps_its_word() {
    let first = number("NARU_SEED_FIRST", 0);
    let count = number("NARU_SEEDS", SEEDS_DEFAULT);
    let allowed = features();
    let mut digests = BTreeSet::new();
    let mut by_mix: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for seed in first..first + count {
        match catch_unwind(|| tell(seed, &allowed)) {
            Ok(outcome) => {
                digests.insert(outcome.digest);
                let sum = by_mix.entry(outcome.mix).or_default();
                *sum = (sum.0 + 1, sum.1 + outcome.steps);
            }
            Err(panic) => wrong.push(format!("seed {seed}: {}", message(&*panic))),
        }
        if wrong.len() >= WRONG_MAX {
            break;
        }
    }
    let steps: u64 = by_mix.values().map(|sum| sum.1).sum();
    println!(
        "{count} seeds from {first}, {steps} steps, {} interleavings, {} mixes",
        digests.len(),
        by_mix.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_seed_tells_the_same_story_twice() {
    for seed in 0..10 {
        assert_eq!(tell(seed, &features()), tell(seed, &features()));
    }
}

/// The negative control: on a disk whose flushes do nothing the stories must go wrong.
#[test]
fn a_disk_that_lies_about_a_flush_is_found_out() {
    for kind in [OpKind::SyncData, OpKind::WriteDurable, OpKind::SyncDir] {
        let allowed = [Feature::Retention, Feature::ByTime];
        let is_found_out = (0..100).any(|seed| {
            let told = || tell_on(seed, &allowed, |sim| sim.lie_about(kind));
            catch_unwind(told).is_err()
        });
        assert!(is_found_out, "nothing depends on {kind:?}");
    }
}
