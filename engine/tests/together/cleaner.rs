//! Compaction, as the broker does it, and readers who want the newest record of each key.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use naru_engine::compaction::{CleanError, Lag, Limits, Pace, Request, clean, plan};
use naru_engine::log::Cleaning;

use super::dice::Dice;
use super::model::DELETE_RETENTION_MS;
use super::owner::{leaves, remove};
use super::stage::{Opened, Stage};

/// Goes on until the log says that it is to end.
struct UntilCalledOff(Arc<AtomicBool>);

impl Pace for UntilCalledOff {
    async fn moved(&self, _bytes: u64) -> Result<(), CleanError> {
        match self.0.load(Ordering::Acquire) {
            true => Err(CleanError::Stopped),
            false => Ok(()),
        }
    }
}

/// One cleaning of whatever is dirty, or of everything sealed.
pub fn compact(stage: &Rc<Stage>, opened: &Rc<Opened>) {
    let (on, of) = (Rc::clone(stage), Rc::clone(opened));
    stage.work(async move {
        let before = of.log.changes_count();
        let Err(error) = compact_once(&on, &of).await else {
            return of.note();
        };
        let has_changed = of.log.changes_count() != before;
        let may_fail = has_changed || on.may_fail(&of) || on.was_full.get();
        assert!(may_fail, "compaction: {error}");
        of.note();
    });
}

async fn compact_once(stage: &Rc<Stage>, opened: &Rc<Opened>) -> Result<(), CleanError> {
    let log = &opened.log;
    let cleaning = log.begin_cleaning().await;
    let cleaning = cleaning.map_err(|_| CleanError::Stopped)?;
    let now_ms = stage.now_ms();
    let limits = Limits {
        lag: Lag {
            min_ms: 0,
            max_ms: i64::MAX,
        },
        dirty_ratio_min: 0.0,
        stable_offset: opened.model.borrow().stable_offset(opened.offsets()),
        now_ms,
    };
    let Some(choice) = log.choose(&limits).await else {
        return Ok(());
    };
    let clean_to = choice.segments.last().map_or(0, |last| last.next_offset);
    opened.model.borrow_mut().cleaning_begins(clean_to, now_ms);
    let request = Request {
        dir: log.dir().to_owned(),
        segments: choice.segments,
        aborted: Vec::new(),
        producers: HashMap::new(),
        now_ms,
        delete_retention_ms: DELETE_RETENTION_MS,
        segment_bytes_max: stage.mix.segment_bytes,
        memory_bytes: stage.mix.cleaner_bytes,
    };
    carry_out(stage, opened, &cleaning, request, clean_to).await
}

async fn carry_out(
    stage: &Rc<Stage>,
    opened: &Rc<Opened>,
    cleaning: &Cleaning,
    request: Request,
    clean_to: i64,
) -> Result<(), CleanError> {
    let log = &opened.log;
    let pace = UntilCalledOff(cleaning.ends());
    let mut plan = plan(&stage.env, request, &pace).await?;
    while let Some(cleaned) = clean(&stage.env, &mut plan, &pace).await? {
        let replaced = log.replace(cleaning, &cleaned, leaves(opened)).await?;
        remove(stage, replaced.files);
    }
    if plan.is_whole() {
        log.cleaned_to(cleaning, clean_to).await?;
    }
    Ok(())
}

/// Reads from the beginning to the end, again and again, to know the newest of each key.
pub async fn key_reader(stage: Rc<Stage>, mut dice: Dice, scans: u64) {
    for _ in 0..scans {
        if stage.is_over.get() {
            return;
        }
        let opened = stage.opened();
        scan(&stage, &opened, &mut dice).await;
        let operations = dice.below(6);
        stage.pause(operations).await;
    }
}

async fn scan(stage: &Stage, opened: &Opened, dice: &mut Dice) {
    let began = opened.offsets();
    let mut scan = opened.model.borrow().scan_begins(began, stage.now_ms());
    let mut at = began.start;
    while at < began.flushed {
        let asked = opened.model.borrow().moment(opened.offsets());
        let bytes_max = 1 + dice.below(2 * stage.mix.batch_bytes_max) as usize;
        let read = opened.log.read(at, bytes_max, true).await;
        let (offsets, may_fail) = (opened.offsets(), stage.may_fail(opened));
        let mut model = opened.model.borrow_mut();
        let bytes = match read {
            Ok(pieces) => Bytes::from(pieces.concat()),
            Err(error) => return model.read_failed(at, asked, &error, offsets, may_fail),
        };
        let next = model.read(at, asked, &bytes, offsets);
        if next == at {
            // The log was cut meanwhile: the model has seen to that.
            return;
        }
        model.scanned(&mut scan, &bytes);
        at = next;
    }
    let model = opened.model.borrow();
    model.scan_ended(&scan, opened.offsets(), stage.now_ms());
}
