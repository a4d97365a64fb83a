//! What is to go wrong on a simulated disk: operations that fail, once or until healed, and
//! flushes that lie.
//!
//! What an operation that fails leaves behind is [`super::storage`]'s part.

use std::path::{Path, PathBuf};

use super::OpKind;

/// What becomes of an operation that a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Fails(i32),
    /// It says that it made something safe, and did not.
    Lies,
}

#[derive(Clone, Debug)]
struct Fault {
    kind: OpKind,
    /// The first operation of its kind that is hit, counted from 0.
    from: u64,
    /// Not one operation is hit, but all from `from` on.
    is_lasting: bool,
    /// Only this path, or what is below it.
    below: Option<PathBuf>,
    outcome: Outcome,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub fn add_once(&mut self, kind: OpKind, number: u64, errno: i32) {
        self.0.push(Fault {
            kind,
            from: number,
            is_lasting: false,
            below: None,
            outcome: Outcome::Fails(errno),
        });
    }

    pub fn add_lasting(&mut self, kind: OpKind, from: u64, below: Option<&Path>, outcome: Outcome) {
        self.0.push(Fault {
            kind,
            from,
            is_lasting: true,
            below: below.map(Path::to_owned),
            outcome,
        });
    }

    /// Everything works from now on.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What becomes of operation `number` of a kind, if not what it is meant to. `paths` are
    /// those that it touches.
    pub fn outcome(
        &self,
        kind: OpKind,
        number: u64,
        paths: impl Fn() -> Vec<PathBuf>,
    ) -> Option<Outcome> {
        let is_hit = |fault: &&Fault| {
            let is_its_turn = match fault.is_lasting {
                true => fault.from <= number,
                false => fault.from == number,
            };
            let is_there = |below: &PathBuf| paths().iter().any(|path| path.starts_with(below));
            fault.kind == kind && is_its_turn && fault.below.as_ref().is_none_or(is_there)
        };
        self.0.iter().find(is_hit).map(|fault| fault.outcome)
    }
}
