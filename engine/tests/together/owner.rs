//! The owner of the log, and who breaks its disk: everything but producing and reading.

use std::path::PathBuf;
use std::rc::Rc;

use bytes::Bytes;
use naru_engine::log::{Log, LogError};
use naru_engine::recovery::{Recovered, RecoveryError, Replay, recover};
use naru_runtime::Disk;
use naru_runtime::sim::{OpKind, Sim, SimEnv};

use super::cleaner::compact;
use super::dice::Dice;
use super::mix::Feature;
use super::model::{Ending, Model};
use super::stage::{LOGS, Opened, Stage, dir};

/// What may fail, one kind at a time.
const FAULTY: [OpKind; 10] = [
    OpKind::Open,
    OpKind::Rename,
    OpKind::Remove,
    OpKind::SyncDir,
    OpKind::Write,
    OpKind::WriteDurable,
    OpKind::Read,
    OpKind::SyncData,
    OpKind::Allocate,
    OpKind::SetLength,
];

/// What the owner leaves in a checkpoint.
pub fn leaves(opened: &Opened) -> Bytes {
    state_at(opened, opened.log.end_offset())
}

/// What the owner is when it has seen all below `offset`: whose it is, and that offset.
pub fn state_at(opened: &Opened, offset: i64) -> Bytes {
    let incarnation = opened.model.borrow().incarnation;
    let mut out = incarnation.to_le_bytes().to_vec();
    out.extend_from_slice(&offset.to_le_bytes());
    Bytes::from(out)
}

/// Recovers what is in the directory and opens it; what the owner is told on the way fits.
pub async fn open(stage: &Stage, model: &Model) -> Result<Log<SimEnv>, RecoveryError> {
    let (env, incarnation) = (&stage.env, model.incarnation);
    let mut at = None;
    let recovered = recover(env, &dir(), stage.now_ms(), &mut |replay| match replay {
        Replay::UserState(bytes) => {
            let (of, end) = bytes.split_at(8);
            assert_eq!(of, incarnation.to_le_bytes(), "another topic's checkpoint");
            let end = end.try_into().map(i64::from_le_bytes);
            at = Some(end.expect("the owner leaves 16 bytes"));
        }
        Replay::Marker(marker) => panic!("nobody appends {marker:?}"),
        Replay::Batch(header) => {
            // It may begin with a segment that was cleaned.
            if let Some(at) = at {
                assert!(
                    at <= header.base_offset,
                    "the owner is told of a batch twice"
                );
                model.assert_may_be_gone(at, header.base_offset);
            }
            at = Some(header.next_offset());
        }
    })
    .await?;
    assert!(
        at.is_none_or(|at| at == recovered.next_offset),
        "the owner was told of batches up to {at:?}, the log ends at {}",
        recovered.next_offset
    );
    let config = stage.config(incarnation);
    let shared = stage.shared.clone();
    if recovered == Recovered::default() {
        // As the broker does: without a segment there may be no directory.
        return Ok(Log::create(env.clone(), dir(), config, shared));
    }
    let log = Log::open(env.clone(), dir(), recovered, config, shared).await;
    Ok(log.expect("nothing fails while it is opened"))
}

/// Every batch that a log holds.
pub async fn read_all(log: &Log<SimEnv>) -> Vec<Bytes> {
    let mut at = log.start_offset();
    let mut out = Vec::new();
    loop {
        let read = log.read(at, 300_000, true).await;
        let pieces = read.unwrap_or_else(|error| panic!("just opened: {error}"));
        let mut rest = Bytes::from(pieces.concat());
        if rest.is_empty() {
            return out;
        }
        while !rest.is_empty() {
            let header = naru_record_batch::BatchHeader::parse(&rest);
            let header = header.expect("a log holds batches");
            at = header.next_offset();
            out.push(rest.split_to(header.size_bytes()));
        }
    }
}

/// Recovers, opens, and holds the log against what it promised.
pub async fn take_up(stage: &Rc<Stage>, mut model: Model, ending: Ending) {
    let log = open(stage, &model).await;
    let log = log.unwrap_or_else(|error| panic!("{ending:?}: {error}"));
    let batches = read_all(&log).await;
    let opened = Opened::new(log, model.clone());
    model.recovered(ending, opened.offsets(), &batches);
    for (epoch, end) in model.epoch_ends() {
        assert_eq!(
            opened.log.epoch_end(epoch),
            Some((epoch, end)),
            "{ending:?}"
        );
    }
    opened.model.replace(model);
    stage.opened.replace(opened);
    stage.changed.notify_all();
}

/// What the owner does, and what befalls the disk, in one life. `false`: the log failed.
pub async fn owner(stage: &Rc<Stage>, sim: &Sim, mut dice: Dice) -> bool {
    for _ in 0..stage.mix.owner_steps {
        let operations = dice.below(12);
        stage.pause(operations).await;
        let opened = stage.opened();
        opened.note();
        let has = |feature| stage.mix.has(feature);
        let is_alive = match dice.below(16) {
            7 if has(Feature::Truncation) => truncate(stage, &opened, &mut dice).await.is_ok(),
            8 if has(Feature::Reopening) => reopen(stage, sim, &opened).await.is_ok(),
            9 if has(Feature::Recreation) => recreate(stage, sim, &opened).await.is_ok(),
            other => {
                act(other, stage, sim, &opened, &mut dice);
                true
            }
        };
        if !is_alive {
            return false;
        }
    }
    true
}

/// What goes on beside all else, and what does not take long.
fn act(what: u64, stage: &Rc<Stage>, sim: &Sim, opened: &Rc<Opened>, dice: &mut Dice) {
    let has = |feature| stage.mix.has(feature);
    match what {
        0 | 1 if has(Feature::Retention) => retention(stage, opened),
        2 | 3 if has(Feature::DeleteRecords) => delete_records(stage, opened, dice),
        4 | 5 => checkpoint(stage, opened),
        6 => opened.log.rest(),
        10 | 11 if has(Feature::Faults) => {
            stage.has_faults.set(true);
            let kind = dice.pick(&FAULTY);
            let errno = dice.pick(&[libc::EIO, libc::EIO, libc::ENOSPC]);
            let number = sim.operations_of(kind) + dice.below(4);
            match dice.one_in(3) {
                true => sim.fail_from(kind, number, errno),
                false => sim.fail(kind, number, errno),
            }
        }
        12 if has(Feature::Faults) => sim.heal(),
        13 if has(Feature::FullDisk) => {
            stage.was_full.set(true);
            sim.set_room(dice.below(4 * stage.mix.segment_bytes));
        }
        14 => sim.set_room(u64::MAX),
        _ if has(Feature::Compaction) => compact(stage, opened),
        _ => {}
    }
}

/// One more task beside the others; its errors are for those who broke something.
fn spawn_checked(
    stage: &Rc<Stage>,
    opened: &Rc<Opened>,
    what: &'static str,
    task: impl Future<Output = Result<(), LogError>> + 'static,
) {
    let (checked, of) = (Rc::clone(stage), Rc::clone(opened));
    stage.work(async move {
        if let Err(error) = task.await {
            let may_fail = checked.may_fail(&of) || checked.was_full.get();
            assert!(may_fail, "{what}: {error}");
        }
        of.note();
    });
}

fn retention(stage: &Rc<Stage>, opened: &Rc<Opened>) {
    let (of, on) = (Rc::clone(opened), Rc::clone(stage));
    let keep_bytes = 3 * stage.mix.segment_bytes;
    spawn_checked(stage, opened, "retention", async move {
        of.model.borrow_mut().retention_begins();
        let began = of.model.borrow().moment(of.offsets());
        let dropped = of.log.drop_expired(on.now_ms()).await?;
        // What a full disk took back meanwhile counts no more for the size.
        of.note_taken_back();
        {
            let mut model = of.model.borrow_mut();
            model.retained(began, of.offsets(), of.log.size_bytes(), keep_bytes);
        }
        remove(&on, dropped);
        Ok(())
    });
}

/// The maintenance thread takes its time.
pub fn remove(stage: &Rc<Stage>, paths: Vec<PathBuf>) {
    let env = stage.env.clone();
    stage.work(async move {
        for path in paths {
            // Its directory may have moved, the disk may refuse: it goes with the next start.
            let _ = env.remove_file(&path).await;
        }
    });
}

fn delete_records(stage: &Rc<Stage>, opened: &Rc<Opened>, dice: &mut Dice) {
    let offsets = opened.offsets();
    let target = offsets.start + dice.below((offsets.flushed - offsets.start + 1) as u64) as i64;
    let (of, on) = (Rc::clone(opened), Rc::clone(stage));
    spawn_checked(stage, opened, "DeleteRecords", async move {
        let began = {
            let mut model = of.model.borrow_mut();
            model.start_asked(target);
            model.moment(of.offsets())
        };
        let dropped = of.log.advance_start(target).await?;
        of.model
            .borrow_mut()
            .start_reached(began, target, of.offsets());
        remove(&on, dropped);
        Ok(())
    });
}

fn checkpoint(stage: &Rc<Stage>, opened: &Rc<Opened>) {
    let of = Rc::clone(opened);
    spawn_checked(stage, opened, "checkpoint", async move {
        of.log.checkpoint(leaves(&of)).await
    });
}

/// A follower truncates: its appends are held back, and nobody waits for one.
async fn truncate(stage: &Rc<Stage>, opened: &Rc<Opened>, dice: &mut Dice) -> Result<(), LogError> {
    stage.is_held.set(true);
    stage.wait_until(|| stage.waiting.get() == 0).await;
    opened.note_taken_back();
    let offsets = opened.offsets();
    let far = if dice.one_in(3) { i64::MAX } else { 8 };
    let back = (offsets.end - offsets.start).min(far);
    let to = offsets.end - dice.below(back as u64 + 1) as i64;
    // No replica cuts what is below its high watermark, and only that is cleaned.
    let to = to.max(opened.model.borrow().cleaned_to());
    let end = opened.model.borrow_mut().truncation_begins(to);
    let cut = opened.log.truncate_to(to).await;
    match &cut {
        Ok(cut) => {
            // The start may have passed it meanwhile.
            assert!(
                *cut == end || opened.log.start_offset() > to,
                "cut at {cut}"
            );
            opened.model.borrow_mut().truncated(*cut);
        }
        Err(error) => {
            let may_fail = stage.may_fail(opened) || stage.was_full.get();
            assert!(may_fail, "truncation: {error}");
        }
    }
    stage.leader_epoch.set(stage.leader_epoch.get() + 1);
    stage.is_held.set(false);
    stage.changed.notify_all();
    cut.map(drop)
}

/// Closes the log while it is used, and opens it again.
async fn reopen(stage: &Rc<Stage>, sim: &Sim, opened: &Rc<Opened>) -> Result<(), LogError> {
    opened.is_ended.set(true);
    let model = {
        let closed = opened.log.close(leaves(opened)).await;
        let model = opened.model.borrow_mut();
        if let Err(error) = closed {
            let may_fail = stage.has_faults.get() || stage.was_full.get();
            assert!(may_fail, "close: {error}");
            return Err(error);
        }
        drop(model);
        // There may have been no room for the last of it.
        opened.note_taken_back();
        let mut model = opened.model.borrow_mut();
        model.closed();
        model.clone()
    };
    // No fault is to keep it from being opened again.
    sim.heal();
    sim.set_room(u64::MAX);
    take_up(stage, model, Ending::Closed).await;
    Ok(())
}

/// Deletes the topic and makes it again, under the same name, while it is used.
async fn recreate(stage: &Rc<Stage>, sim: &Sim, opened: &Rc<Opened>) -> Result<(), LogError> {
    let old = opened.model.borrow().incarnation;
    opened.is_ended.set(true);
    // The name must go: a disk that refuses that keeps the topic.
    sim.heal();
    stage.is_deleting.set(true);
    opened.log.retire(&aside(old)).await?;
    let incarnation = old + 1;
    let config = stage.config(incarnation);
    let log = Log::create(stage.env.clone(), dir(), config, stage.shared.clone());
    stage
        .opened
        .replace(Opened::new(log, Model::new(incarnation)));
    stage.leader_epoch.set(0);
    stage.is_deleting.set(false);
    stage.changed.notify_all();
    Ok(())
}

/// Where the directory of a deleted topic goes.
fn aside(incarnation: u64) -> PathBuf {
    PathBuf::from(format!("{LOGS}/{incarnation}-delete"))
}

/// Goes on with a deletion that was cut short.
pub async fn put_aside(env: &SimEnv, incarnation: u64) -> std::io::Result<()> {
    match env.rename(&dir(), &aside(incarnation)).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    env.sync_dir(&PathBuf::from(LOGS)).await
}
