//! Producers and readers: what they are told is held against the model at once.

use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use naru_engine::log::Stamp;
use naru_record_batch::{BatchBuilder, NewRecord};

use super::dice::{Dice, give_up_after};
use super::mix::Feature;
use super::model::GivenRecord;
use super::stage::{Opened, Stage, count};

/// How many keys there are, so that some are superseded soon and others late.
const KEYS: u64 = 24;

/// A batch of a few records that no other batch is equal to.
fn batch(dice: &mut Dice, serial: u64, bytes_max: u64) -> (Bytes, Vec<GivenRecord>) {
    let count = 1 + dice.below(4);
    let size = match dice.below(8) {
        0 => bytes_max,
        1..4 => bytes_max / 8,
        _ => 300,
    };
    let size = 8 + dice.below(size) / count;
    let value = serial.to_le_bytes().repeat(size as usize / 8);
    let mut builder = BatchBuilder::default();
    let mut records = Vec::new();
    for number in 0..count {
        // Not always in their order.
        let timestamp_ms = (1_000 + serial * 10 + number + dice.below(25)) as i64;
        // Some keys often, some rarely.
        let (one, other) = (dice.below(KEYS), dice.below(KEYS));
        let key = (!dice.one_in(64)).then_some(one.min(other) as u32);
        // One to begin with: without a value a batch could be equal to another.
        let is_tombstone = number > 0 && dice.one_in(5);
        records.push(GivenRecord {
            timestamp_ms,
            key,
            is_tombstone,
        });
        let key = key.map(u32::to_le_bytes);
        builder.push(&NewRecord {
            timestamp_ms,
            key: key.as_ref().map(|key| &key[..]),
            value: (!is_tombstone).then_some(&value),
            ..NewRecord::default()
        });
    }
    let bytes = builder.build().expect("it is small");
    (bytes.into(), records)
}

/// Appends one batch, and waits for its acknowledgement in a task of its own. `false` when the
/// log takes no more.
pub fn produce(stage: &Rc<Stage>, opened: &Rc<Opened>, dice: &mut Dice) -> bool {
    let serial = stage.serial.get();
    let (bytes, records) = batch(dice, serial, stage.mix.batch_bytes_max);
    stage.serial.set(serial + 1);
    let leader_epoch = stage.leader_epoch.get();
    let stamp = Stamp {
        leader_epoch,
        ..Stamp::default()
    };
    opened.note_taken_back();
    let appended = match opened.log.append(&bytes, stamp, stage.now_ms()) {
        Ok(appended) => appended,
        Err(error) => {
            let may_fail = stage.may_fail(opened) || stage.was_full.get();
            assert!(may_fail, "an append is refused: {error}");
            return false;
        }
    };
    if appended.begins_segment {
        let owner = super::owner::state_at(opened, appended.base_offset);
        opened.log.keep_snapshot(appended.base_offset, owner);
    }
    let id = {
        let mut model = opened.model.borrow_mut();
        model.appended(appended, &bytes, leader_epoch, records)
    };
    opened.note();
    let next = appended.last_offset + 1;
    let acks = dice.below(3);
    if acks == 0 {
        return true;
    }
    let hangs_up = stage.mix.has(Feature::HangingUp) && dice.one_in(8);
    let polls = if hangs_up {
        1 + dice.below(3)
    } else {
        u64::MAX
    };
    count(&stage.waiting, 1);
    // The wait begins now: later the offset may belong to another batch.
    let acknowledged: Pin<Box<dyn Future<Output = _>>> = match acks {
        1 => Box::pin(opened.log.written(next)),
        _ => Box::pin(opened.log.flushed(next)),
    };
    let (told_stage, opened) = (Rc::clone(stage), Rc::clone(opened));
    stage.work(async move {
        let stage = told_stage;
        let told = give_up_after(polls, acknowledged).await;
        let offsets = opened.offsets();
        match told {
            Some(Ok(())) => {
                let fence = stage.shared.fence.check();
                assert!(fence.is_ok(), "offset {next} acknowledged after a fence");
                opened.model.borrow_mut().told(id, acks == 2, offsets);
            }
            Some(Err(error)) => {
                let may_fail = stage.may_fail(&opened) || stage.was_full.get();
                assert!(may_fail, "a batch is not acknowledged: {error}");
                opened.model.borrow_mut().told_error(id, offsets);
            }
            None => {}
        }
        count(&stage.waiting, -1);
    });
    true
}

pub async fn producer(stage: Rc<Stage>, mut dice: Dice, batches: u64) {
    for _ in 0..batches {
        let held = Rc::clone(&stage);
        stage
            .wait_until(move || !held.is_held.get() || held.is_over.get())
            .await;
        if stage.is_over.get() {
            return;
        }
        let opened = stage.opened();
        produce(&stage, &opened, &mut dice);
        let operations = dice.below(6);
        stage.pause(operations).await;
        opened.note();
    }
}

/// How often a reader is polled before it gives up.
fn patience(stage: &Stage, dice: &mut Dice) -> u64 {
    let hangs_up = stage.mix.has(Feature::HangingUp) && dice.one_in(6);
    if hangs_up {
        1 + dice.below(5)
    } else {
        u64::MAX
    }
}

/// Reads once from `from` on; where to go on, if it knows.
async fn read_once(stage: &Stage, opened: &Opened, dice: &mut Dice, from: i64) -> Option<i64> {
    let began = opened.model.borrow().moment(opened.offsets());
    let bytes_max = 1 + dice.below(2 * stage.mix.batch_bytes_max) as usize;
    let polls = patience(stage, dice);
    let read = give_up_after(polls, opened.log.read(from, bytes_max, true)).await?;
    let offsets = opened.offsets();
    let may_fail = stage.may_fail(opened);
    let mut model = opened.model.borrow_mut();
    match read {
        Ok(pieces) => {
            let bytes = Bytes::from(pieces.concat());
            Some(model.read(from, began, &bytes, offsets))
        }
        Err(error) => {
            model.read_failed(from, began, &error, offsets, may_fail);
            None
        }
    }
}

/// Reads through what is old, again and again, beginning anywhere.
pub async fn cold_reader(stage: Rc<Stage>, mut dice: Dice, reads: u64) {
    let mut at = None;
    for _ in 0..reads {
        if stage.is_over.get() {
            return;
        }
        let opened = stage.opened();
        let offsets = opened.offsets();
        let from = match at {
            Some(at) if !dice.one_in(4) => at,
            _ => offsets.start + dice.below((offsets.end - offsets.start + 1) as u64) as i64,
        };
        at = read_once(&stage, &opened, &mut dice, from).await;
        let operations = dice.below(3);
        stage.pause(operations).await;
    }
}

/// Reads what comes, as it comes.
pub async fn tail_reader(stage: Rc<Stage>, mut dice: Dice) {
    let mut opened = stage.opened();
    let mut at_the_end = opened.log.tail_reader();
    let mut at = opened.offsets().flushed;
    while !stage.is_over.get() {
        let newest = stage.opened();
        if !Rc::ptr_eq(&newest, &opened) {
            opened = newest;
            at_the_end = opened.log.tail_reader();
            at = opened.offsets().start;
        }
        let progress = opened.log.progress();
        let changed = stage.changed.wait();
        let next = read_once(&stage, &opened, &mut dice, at).await;
        match next {
            Some(next) if next > at => at = next,
            Some(_) => race(progress, changed).await,
            None => {
                at = opened.offsets().flushed;
                stage.pause(1).await;
            }
        }
        opened.note();
    }
    drop(at_the_end);
}

/// Resolves with the first of the two.
async fn race(mut one: naru_engine::log::Progress, other: naru_runtime::sync::Notified<'_>) {
    let mut other = std::pin::pin!(other);
    std::future::poll_fn(|context| {
        let is_done = one.as_mut().poll(context).is_ready();
        match is_done | other.as_mut().poll(context).is_ready() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
}

/// Looks for offsets by their time.
pub async fn time_reader(stage: Rc<Stage>, mut dice: Dice, reads: u64) {
    for _ in 0..reads {
        if stage.is_over.get() {
            return;
        }
        let opened = stage.opened();
        let began = opened.model.borrow().moment(opened.offsets());
        let timestamp_ms = 990 + dice.below(stage.serial.get() * 11 + 1) as i64;
        let polls = patience(&stage, &mut dice);
        let answer = give_up_after(polls, opened.log.offset_for_timestamp(timestamp_ms)).await;
        let offsets = opened.offsets();
        let may_fail = stage.may_fail(&opened);
        {
            let mut model = opened.model.borrow_mut();
            match answer {
                Some(Ok(answer)) => model.found_by_time(timestamp_ms, began, answer, offsets),
                Some(Err(error)) => model.find_failed(began, &error, offsets, may_fail),
                None => {}
            }
        }
        let operations = dice.below(4);
        stage.pause(operations).await;
    }
}
