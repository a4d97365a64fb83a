//! The checks of a produce's batches, in order, without holding up the other clients of the
//! shard: a batch that is small, or not compressed, is checked at once; a larger one in
//! steps with the others' turns in between; and what is larger still, off the shard.

use std::rc::Rc;

use bytes::Bytes;
use naru_record_batch::{CheckedBatch, Rejection, Rules, Step, Validation};

use crate::shard::Shard;

/// What is checked in one go, in bytes as they lie in the batch: a fraction of a
/// millisecond.
const PLAIN_STEP_BYTES: usize = 1 << 20;

/// What is decompressed in one go, in bytes: gzip makes up to 1 GB of them in a second, but
/// a third of that if they are not zeros.
const COMPRESSED_STEP_BYTES: usize = 256 << 10;

/// Steps that one batch gets on the shard; then it goes on elsewhere. Batches of the default
/// limit rarely need as many.
const STEPS_ON_SHARD_MAX: usize = 16;

/// What a decompressor may hold before it is counted, in bytes: what one step can fill.
const UNCOUNTED_BYTES_MAX: usize = 1 << 20;

/// What is counted at least for a check that takes several steps, in bytes. It bounds the
/// checks that are under way by the memory for them.
const COUNTED_BYTES_MIN: usize = 64 << 10;

/// The batches of a request, each with what its verdict is for.
pub struct Checks<T>(Vec<(T, Check)>);

enum Check {
    Pending(Validation),
    Done(Result<CheckedBatch, Rejection>),
}

impl<T> Default for Checks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Checks<T> {
    pub fn push(&mut self, tag: T, records: Bytes, rules: &Rules) {
        let check = match Validation::start(records, rules) {
            Ok(validation) => Check::Pending(validation),
            Err(rejection) => Check::Done(Err(rejection)),
        };
        self.0.push((tag, check));
    }

    /// Checks what can be checked at once; true if that is all.
    pub fn run_now(&mut self) -> bool {
        let mut left_bytes = PLAIN_STEP_BYTES;
        for (_, check) in &mut self.0 {
            let Check::Pending(validation) = check else {
                continue;
            };
            let cost_bytes = if validation.is_compressed() {
                PLAIN_STEP_BYTES / 4
            } else {
                validation.batch_bytes()
            };
            if left_bytes < cost_bytes || holds_much_at_once(validation) {
                return false;
            }
            left_bytes -= cost_bytes;
            match validation.step(step_bytes(validation)) {
                Step::Pending => return false,
                Step::Done(verdict) => *check = Check::Done(verdict),
            }
        }
        true
    }

    /// Checks what is left, one batch after the other.
    pub async fn finish(&mut self, shard: &Rc<Shard>) {
        for (_, check) in &mut self.0 {
            let done = Check::Done(Err(Rejection::NoBatch));
            *check = match std::mem::replace(check, done) {
                Check::Pending(validation) => Check::Done(finish(shard, validation).await),
                done @ Check::Done(_) => done,
            };
        }
    }

    pub fn into_verdicts(self) -> impl Iterator<Item = (T, Result<CheckedBatch, Rejection>)> {
        self.0.into_iter().map(|(tag, check)| match check {
            Check::Done(verdict) => (tag, verdict),
            Check::Pending(_) => unreachable!("all checks are finished"),
        })
    }
}

fn step_bytes(validation: &Validation) -> usize {
    if validation.is_compressed() {
        COMPRESSED_STEP_BYTES
    } else {
        PLAIN_STEP_BYTES
    }
}

/// Whether a first step may take more memory, and with it time, than steps do: a block of
/// snappy or lz4 is decompressed as a whole.
fn holds_much_at_once(validation: &Validation) -> bool {
    !validation.divides_blocks() && validation.memory_bytes() > UNCOUNTED_BYTES_MAX
}

async fn finish(shard: &Rc<Shard>, mut validation: Validation) -> Result<CheckedBatch, Rejection> {
    let memory_bytes = validation.memory_bytes().max(COUNTED_BYTES_MIN);
    let _memory = shard.memory.reserve_check(memory_bytes).await;
    if !holds_much_at_once(&validation) {
        for _ in 0..STEPS_ON_SHARD_MAX {
            shard.io.yield_now().await;
            if let Step::Done(verdict) = validation.step(step_bytes(&validation)) {
                return verdict;
            }
        }
    }
    shard.validators.finish(&shard.io, validation).await
}
