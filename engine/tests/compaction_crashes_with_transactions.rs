//! The world ends at every operation of a cleaning of transactions: no aborted record shows
//! afterwards, no committed one is missing but for newer ones, the last batch of each active
//! producer is there, and markers go when their time has come.
#![allow(clippy::unwrap_used)]

mod cleaning;
mod world;

use std::collections::HashMap;

use bytes::Bytes;
use cleaning::transactions::{ABORT, COMMIT, Story};
use cleaning::{How, Known, batches_of, clean_all, new_log};
use naru_engine::compaction::{CleanError, LastOfProducer};
use naru_engine::index::AbortedTransaction;
use naru_record_batch::BatchHeader;
use naru_runtime::sim::{Sim, SimEnv};

/// The time of the cleaning that is cut short: delete horizons of the first have passed.
const NOW_MS: i64 = 7_000;
/// The producers of [`prepare`].
const PRODUCERS: std::ops::Range<i64> = 10..14;

/// What is known from before the crash.
struct Prepared {
    sim: Sim,
    committed: Known,
    producers: HashMap<i64, LastOfProducer>,
    aborted: Vec<AbortedTransaction>,
}

impl Prepared {
    /// A machine on which nothing has happened since.
    fn machine(&self) -> Sim {
        self.sim.kill(0)
    }
}

/// A round of transactions by each producer: some are aborted, some mix with the next one's.
fn round(story: &mut Story, number: u64) {
    for producer_id in PRODUCERS {
        let key = (number * 7 + producer_id as u64) as u32 % 19;
        let value = (!number.is_multiple_of(4)).then_some(number);
        story.write(producer_id, &[(key, value), (100 + key, Some(number))]);
        story.plain(2, 5);
        if producer_id % 2 == 1 {
            let is_aborted = (number + producer_id as u64).is_multiple_of(3);
            story.end(producer_id - 1, COMMIT);
            story.end(producer_id, if is_aborted { ABORT } else { COMMIT });
        }
    }
}

/// The last batch of data of each producer, as the broker knows it.
async fn last_of_producers(story: &Story) -> HashMap<i64, LastOfProducer> {
    let headers = story.headers().await;
    let data = headers
        .into_iter()
        .filter(|h| h.attributes.is_transactional() && !h.attributes.is_control());
    let last = data.map(|header| {
        let last = LastOfProducer {
            last_data_offset: Some(header.last_offset()),
            epoch: header.producer_epoch,
        };
        (header.producer_id, last)
    });
    last.collect()
}

async fn how(story: &Story, producers: &HashMap<i64, LastOfProducer>) -> How {
    How {
        producers: producers.clone(),
        ..story.how().await
    }
}

fn prepare(seed: u64) -> Prepared {
    let (sim, _) = new_log(seed);
    let env = sim.env();
    let (committed, producers, aborted) = sim
        .run(async {
            let mut story = Story::begin(env.clone()).await;
            let mut producers = HashMap::new();
            for (first, now_ms) in [(0, 100), (10, 5_000), (20, 5_100)] {
                for number in first..first + 10 {
                    round(&mut story, number);
                }
                story.log.flushed(story.log.end_offset()).await.unwrap();
                producers = last_of_producers(&story).await;
                story.now_ms = now_ms;
                if first < 20 {
                    let how = how(&story, &producers).await;
                    clean_all(&env, &story.log, &how).await.unwrap().unwrap();
                }
            }
            story.log.close(Bytes::from_static(b"owner")).await.unwrap();
            (story.committed.fork(), producers, story.aborted)
        })
        .unwrap();
    Prepared {
        sim,
        committed,
        producers,
        aborted,
    }
}

async fn cleaning(env: SimEnv, prepared: &Prepared) -> Result<(), CleanError> {
    let mut story = Story::begin_knowing(env.clone(), prepared.aborted.clone()).await;
    story.now_ms = NOW_MS;
    let how = how(&story, &prepared.producers).await;
    clean_all(&env, &story.log, &how).await.map(drop)
}

fn operations(prepared: &Prepared) -> u64 {
    let sim = prepared.machine();
    let done = sim.run(cleaning(sim.env(), prepared));
    done.unwrap().unwrap();
    sim.operations()
}

/// Their last batches are there, if only as headers: without one a producer's next batch would
/// be refused, or a duplicate taken.
async fn has_last_batches(story: &Story, producers: &HashMap<i64, LastOfProducer>, what: &str) {
    let headers: Vec<BatchHeader> = story.headers().await;
    for (producer_id, last) in producers {
        let is_there = headers.iter().any(|header| {
            header.producer_id == *producer_id
                && Some(header.last_offset()) == last.last_data_offset
        });
        assert!(is_there, "{what}: the last batch of {producer_id} is gone");
    }
}

/// Opens, checks, cleans again, goes on with transactions, and checks after each.
async fn goes_on(env: SimEnv, prepared: &Prepared, what: String) {
    let mut story = Story::begin_knowing(env.clone(), prepared.aborted.clone()).await;
    story.committed = prepared.committed.fork();
    story.now_ms = NOW_MS;
    story.check(&what).await;
    has_last_batches(&story, &prepared.producers, &what).await;
    let mut producers = prepared.producers.clone();
    for number in 0..3 {
        let how = how(&story, &producers).await;
        let cleaned = clean_all(&env, &story.log, &how).await;
        cleaned.unwrap_or_else(|error| panic!("{what}: {error}"));
        story.check(&what).await;
        has_last_batches(&story, &producers, &what).await;
        round(&mut story, 100 + number);
        story.plain(40, 5);
        story.log.flushed(story.log.end_offset()).await.unwrap();
        producers = last_of_producers(&story).await;
        story.now_ms += 2_000;
    }
    story.log.close(Bytes::from_static(b"owner")).await.unwrap();
    let mut again = Story::begin_knowing(env, story.aborted).await;
    again.committed = story.committed.fork();
    again.check(&what).await;
    let spent = batches_of(&again.log).await;
    let markers = spent.iter().map(|batch| BatchHeader::parse(batch).unwrap());
    let markers = markers.filter(|h| h.attributes.is_control() && !h.is_empty());
    let (markers_count, ended_count) = (markers.count(), 4 * (30 + 3));
    assert!(
        markers_count < ended_count / 2,
        "{what}: {markers_count} markers of {ended_count} stay"
    );
}

#[test]
fn a_crash_at_any_operation_shows_no_aborted_record() {
    let prepared = prepare(21);
    let operations = operations(&prepared);
    assert!(operations > 50, "{operations} operations are no cleaning");
    for operation in 0..=operations {
        let sim = prepared.machine();
        sim.crash_at(operation);
        let _ = sim.run(cleaning(sim.env(), &prepared));
        for (after, how) in [
            (sim.power_cut(operation), "cut"),
            (sim.power_cut(operation + 1_000), "cut otherwise"),
            (sim.kill(operation), "killed"),
        ] {
            let what = format!("{how} at operation {operation}");
            after.run(goes_on(after.env(), &prepared, what)).unwrap();
        }
    }
}
