//! Instruction counts of the engine's hot functions, by callgrind: they repeat on noisy machines,
//! so they need no statistics.
//!
//! The benchmark's contract: `instructions --list` prints a name a line, `instructions NAME
//! ITERATIONS` runs one of them so many times. It is counted with N and with 2 N iterations; what
//! the second has more is the cost of N, without start and end of the process.
//!
//! A count that cannot be had is not a failure, but it is never passed over in silence: it becomes
//! a [`Skipped`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::interrupt;

/// How long one run below callgrind may take.
const RUN_TIME_MAX: Duration = Duration::from_secs(300);

const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Where the benchmark of a side is, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Binary(PathBuf),
    Missing(String),
}

/// Instructions of one iteration, by name.
pub(super) type Counts = BTreeMap<String, f64>;

#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    pub counts: Counts,
    pub skipped: Vec<Skipped>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Skipped {
    pub what: String,
    pub why: String,
}

/// One function on both sides.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct CountRatio {
    pub name: String,
    pub base: f64,
    pub head: f64,
    pub has_regressed: bool,
}

/// Counts everything that the benchmark lists. `side` says whose it is in what is skipped.
pub(super) fn count(source: &Source, side: &str, iterations: u64) -> Counted {
    let mut counted = Counted::default();
    let binary = match source {
        Source::Binary(binary) => binary,
        Source::Missing(why) => {
            counted.skip(side.to_owned(), why.clone());
            return counted;
        }
    };
    let names = match list(binary) {
        Ok(names) => names,
        Err(why) => {
            counted.skip(side.to_owned(), why);
            return counted;
        }
    };
    for name in names {
        eprintln!("counting instructions: {side}, {name}");
        let once = callgrind(binary, &name, iterations);
        let both = once.and_then(|once| Ok((once, callgrind(binary, &name, 2 * iterations)?)));
        match both {
            Ok((once, twice)) => {
                let count = twice.saturating_sub(once) as f64 / iterations as f64;
                counted.counts.insert(name, count);
            }
            Err(why) => counted.skip(format!("{side}, {name}"), why),
        }
    }
    counted
}

/// The functions that both sides have, and those that only one of them has.
pub(super) fn compare(
    base: &Counts,
    head: &Counts,
    tolerance: f64,
) -> (Vec<CountRatio>, Vec<Skipped>) {
    let both = head.iter().filter_map(|(name, head)| {
        let base = *base.get(name).filter(|base| **base > 0.0)?;
        Some(CountRatio {
            name: name.clone(),
            base,
            head: *head,
            has_regressed: *head > base * (1.0 + tolerance),
        })
    });
    let only = |one: &Counts, other: &Counts, why: &str| -> Vec<Skipped> {
        let names = one.keys().filter(|name| !other.contains_key(*name));
        names
            .map(|name| Skipped {
                what: name.clone(),
                why: why.to_owned(),
            })
            .collect()
    };
    let mut skipped = only(head, base, "the base has no count of it");
    skipped.extend(only(base, head, "the head has no count of it"));
    (both.collect(), skipped)
}

impl Counted {
    fn skip(&mut self, what: String, why: String) {
        self.skipped.push(Skipped { what, why });
    }
}

fn list(binary: &Path) -> Result<Vec<String>, String> {
    let output = Command::new(binary).arg("--list").output();
    let output = output.map_err(|error| format!("{}: {error}", binary.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let names: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if names.is_empty() {
        return Err(format!("`{} --list` names nothing", binary.display()));
    }
    Ok(names)
}

/// Keeps glibc from copying and clearing by `rep movsb` and `rep stosb`, of which callgrind counts
/// every byte: beside nine tenths of copying, what is added to an append would disappear.
pub(super) const COPY_BY_VECTORS: &str = "glibc.cpu.x86_rep_movsb_threshold=4611686018427387904:glibc.cpu.x86_rep_stosb_threshold=4611686018427387904";

/// All instructions of one run.
fn callgrind(binary: &Path, name: &str, iterations: u64) -> Result<u64, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("counts");
    let mut command = Command::new("valgrind");
    command
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(binary)
        .args([name, &iterations.to_string()])
        .env("GLIBC_TUNABLES", COPY_BY_VECTORS)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let spawned = interrupt::spawn(&mut command);
    let (child, _guard) = spawned.map_err(|error| format!("valgrind cannot be run: {error}"))?;
    wait(child)?;
    let text = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
    total(&text).ok_or_else(|| "callgrind wrote no total".to_owned())
}

fn wait(mut child: Child) -> Result<(), String> {
    let deadline = Instant::now() + RUN_TIME_MAX;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("below valgrind it ended with {status}")),
            Err(error) => return Err(error.to_string()),
            Ok(None) if Instant::now() > deadline => {
                // Errors mean that it has ended.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("took more than {} s", RUN_TIME_MAX.as_secs()));
            }
            Ok(None) => std::thread::sleep(LOOK_INTERVAL),
        }
    }
}

/// The sum that callgrind writes last, over all threads; `summary` is that of the file when there
/// is but one part.
pub(super) fn total(text: &str) -> Option<u64> {
    let of = |key: &str| {
        let line = text.lines().rev().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse().ok()
    };
    of("totals:").or_else(|| of("summary:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(&str, f64)]) -> Counts {
        pairs
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    }

    #[test]
    fn more_than_the_tolerance_is_a_regression_without_any_statistics() {
        let base = counts(&[("append", 1000.0), ("read", 1000.0)]);
        let head = counts(&[("append", 1031.0), ("read", 1029.0)]);
        let (ratios, skipped) = compare(&base, &head, 0.03);
        let regressed: Vec<bool> = ratios.iter().map(|ratio| ratio.has_regressed).collect();
        assert_eq!((regressed, skipped.len()), (vec![true, false], 0));
    }

    #[test]
    fn what_only_one_side_has_is_said() {
        let (ratios, skipped) = compare(&counts(&[("old", 1.0)]), &counts(&[("new", 1.0)]), 0.03);
        assert!(ratios.is_empty());
        let names: Vec<&str> = skipped.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(names, ["new", "old"]);
    }

    #[test]
    fn a_side_without_the_benchmark_is_said_and_not_counted() {
        let counted = count(&Source::Missing("not built".into()), "base", 10);
        assert!(counted.counts.is_empty());
        assert_eq!(counted.skipped[0].why, "not built");
        let counted = count(&Source::Binary("/nowhere/instructions".into()), "head", 10);
        assert!(counted.skipped[0].why.contains("/nowhere"), "{counted:?}");
    }

    #[test]
    fn the_total_of_callgrind_is_found() {
        let text = "version: 1\nevents: Ir\nsummary: 12\n\nfn=(1)\n0 5\n\ntotals: 34\n";
        assert_eq!(total(text), Some(34));
        assert_eq!(total("summary: 12 3\n"), Some(12));
        assert_eq!(total("events: Ir\n"), None);
    }
}
