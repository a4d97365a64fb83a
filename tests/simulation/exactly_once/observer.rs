//! Consumers that read through it all, each a partition, committed records or all of them.

use std::rc::Rc;

use naru_wire::ErrorCode;

use super::batches;
use super::history::Place;
use super::scene::Scene;
use crate::client::Client;
use crate::ledger::Mark;
use crate::reader::{Isolation, Nothing};

const PAUSE_MS_MAX: u64 = 100;

/// What one has seen.
pub struct Seen {
    pub place: Place,
    pub isolation: Isolation,
    /// In the order of the offsets.
    pub records: Vec<(i64, Mark)>,
    /// All below it was read, unless it was deleted.
    pub position: i64,
}

/// Reads until the run is over and the end is reached, which has to happen: then nothing is open.
pub async fn observer(scene: Rc<Scene>, place: Place, isolation: Isolation) -> Seen {
    let mut client = Client::new(&scene.world.io);
    let mut seen = Seen {
        place,
        isolation,
        records: Vec::new(),
        position: 0,
    };
    let mut stable = 0;
    loop {
        let fetched = batches::fetch(&mut client, place, seen.position, isolation).await;
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(Nothing::Refused(ErrorCode::OffsetOutOfRange)) => {
                let trimmed = scene.history.borrow().trimmed(place);
                assert!(
                    seen.position < trimmed,
                    "{place:?} has no {} any more, and nobody deleted it; it was stable up to \
                     {stable} for a reader of {isolation:?}",
                    seen.position
                );
                seen.position = trimmed;
                continue;
            }
            Err(Nothing::Refused(code)) => panic!("{place:?} refuses: {code:?}"),
            Err(Nothing::Lost) => continue,
        };
        let ends = (fetched.last_stable_offset, fetched.high_watermark);
        assert!(ends.0 <= ends.1, "{place:?}: {ends:?}");
        assert!(ends.0 >= fetched.start, "{place:?}: {ends:?}");
        assert!(ends.0 >= stable, "{place:?}: {ends:?} after {stable}");
        stable = ends.0;
        let next = fetched.next_offset().unwrap_or(seen.position);
        match isolation {
            Isolation::Committed => {
                assert!(next <= ends.0, "{place:?}: {next} is beyond {ends:?}");
                for (at, mark) in fetched.committed(seen.position) {
                    scene.history.borrow().saw_committed(place, mark);
                    seen.records.push((at, mark));
                }
            }
            Isolation::Uncommitted => {
                let records = fetched.batches.iter().flat_map(|batch| &batch.records);
                let new = records.filter(|(at, _)| *at >= seen.position);
                seen.records.extend(new);
            }
        }
        seen.position = next;
        let is_at_end = next == ends.1 && ends.0 == ends.1;
        if is_at_end && scene.are_writers_done() {
            return seen;
        }
        if fetched.batches.is_empty() {
            scene.world.pause(PAUSE_MS_MAX).await;
        }
    }
}
