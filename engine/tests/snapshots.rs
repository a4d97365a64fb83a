//! One snapshot of the user's state for each segment: after a truncation recovery begins with the
//! segment that was cut, and the user is told of every batch from there on, whatever ended
//! the life before, and whatever became of the snapshots.
#![allow(clippy::unwrap_used)]

mod world;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use naru_engine::log::{Log, LogConfig, LogError, Stamp};
use naru_engine::recovery::{Recovered, Replay, SegmentSnapshot, recover};
use naru_record_batch::BatchHeader;
use naru_runtime::Disk;
use naru_runtime::sim::{OpKind, Sim, SimEnv};
use world::{batch, dir, machine, read_all, shared};

/// Two to a segment, one block each or more.
const BATCH_BYTES: usize = 5_000;
const BATCHES: i64 = 9;
/// Batches of one leader epoch: the epochs change within segments and between them.
const EPOCH_BATCHES: i64 = 3;
/// As [`world::batch`] stamps number 0.
const FIRST_TIMESTAMP_MS: i64 = 1_000;
/// More than any life has batches.
const NUMBERS_OF_A_LIFE: u64 = 1_000;

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 12_000,
        ..LogConfig::default()
    }
}

/// The base offset of the segment that holds an offset.
fn segment_of(offset: i64) -> i64 {
    offset / 2 * 2
}

fn epoch_of(offset: i64) -> i32 {
    (offset / EPOCH_BATCHES) as i32
}

fn snapshot_path(base_offset: i64) -> PathBuf {
    dir().join(format!("{base_offset:020}.narusnapshot"))
}

/// The segments that have a snapshot.
fn snapshots(sim: &Sim) -> Vec<i64> {
    let base = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        name.strip_suffix(".narusnapshot")?.parse().ok()
    };
    let files = sim.contents(&dir()).unwrap_or_default();
    files.iter().filter_map(|(path, _)| base(path)).collect()
}

/// The user of a log. Its state is a sum over every batch that there is: a batch that it is
/// not told of, or told of twice, or that another life had at that offset, makes it another.
struct User {
    log: Log<SimEnv>,
    /// By offset.
    timestamps_ms: Vec<i64>,
    /// Batches after a truncation are not those from before it.
    truncations: u64,
}

impl User {
    fn new(env: &SimEnv) -> Self {
        Self {
            log: Log::create(env.clone(), dir(), config(), shared()),
            timestamps_ms: Vec::new(),
            truncations: 0,
        }
    }

    fn end(&self) -> i64 {
        self.timestamps_ms.len() as i64
    }

    /// Where it stands, and the sum.
    fn state(&self) -> Bytes {
        let sum: i64 = self.timestamps_ms.iter().sum();
        Bytes::from([self.end().to_le_bytes(), sum.to_le_bytes()].concat())
    }

    fn append(&mut self) -> Result<(), LogError> {
        let offset = self.end();
        let stamp = Stamp {
            leader_epoch: epoch_of(offset),
            ..Stamp::default()
        };
        let number = offset as u64 + self.truncations * NUMBERS_OF_A_LIFE;
        let appended = self.log.append(&batch(BATCH_BYTES, number), stamp, 0)?;
        assert_eq!(appended.base_offset, offset);
        assert_eq!(appended.begins_segment, offset == segment_of(offset));
        if appended.begins_segment {
            self.log.keep_snapshot(offset, self.state());
        }
        self.timestamps_ms.push(FIRST_TIMESTAMP_MS + number as i64);
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), LogError> {
        self.append()?;
        self.log.flushed(self.end()).await
    }

    async fn truncate(&mut self, to: i64) -> Result<(), LogError> {
        self.truncations += 1;
        assert_eq!(self.log.truncate_to(to).await?, to);
        self.timestamps_ms.truncate(to as usize);
        Ok(())
    }
}

/// Lets what runs beside come to its end.
async fn settle(env: &SimEnv) {
    for _ in 0..40 {
        env.list(&dir()).await.ok();
    }
}

async fn filled(env: &SimEnv, batches: i64) -> Result<User, LogError> {
    let mut user = User::new(env);
    for _ in 0..batches {
        user.commit().await?;
    }
    settle(env).await;
    Ok(user)
}

/// A log as it was found.
struct Found {
    log: Recovered,
    /// Where the user was told to begin.
    user_at: Option<i64>,
    /// The state of an user that was told of everything.
    sum: i64,
}

/// Recovers; the user is told of every batch after the place where it is to begin.
async fn recovered(env: &SimEnv) -> Found {
    let (mut user_at, mut at) = (None, None);
    let mut sum = 0;
    let mut tell = |replay: Replay<'_>| match replay {
        Replay::UserState(bytes) => {
            let (offset, known) = bytes.split_at(8);
            at = offset.try_into().map(i64::from_le_bytes).ok();
            sum = known.try_into().map(i64::from_le_bytes).unwrap();
            user_at = at;
        }
        Replay::Marker(marker) => panic!("nobody appends {marker:?}"),
        Replay::Batch(header) => {
            let known = at.get_or_insert_with(|| {
                // What was dropped before the oldest segment is of the first life.
                sum = (0..header.base_offset)
                    .map(|o| FIRST_TIMESTAMP_MS + o)
                    .sum();
                header.base_offset
            });
            assert_eq!(header.base_offset, *known, "the user misses a batch");
            *known = header.next_offset();
            sum += header.max_timestamp_ms;
        }
    };
    let log = recover(env, &dir(), 0, &mut tell).await.unwrap();
    assert_eq!(at.unwrap_or_default(), log.next_offset);
    if user_at.is_none() {
        let sealed: u64 = log.sealed.iter().map(|s| s.size_bytes).sum();
        let active = log.active.as_ref().map_or(0, |a| a.position);
        assert_eq!(log.replayed_bytes, sealed + active, "the user is not told");
    }
    Found { log, user_at, sum }
}

/// Recovers, opens, and holds the log against what its batches say; then goes on. Returns
/// where the user began.
async fn goes_on(env: &SimEnv, story: &str) -> Option<i64> {
    let found = recovered(env).await;
    if found.log == Recovered::default() {
        return None;
    }
    let log = Log::open(env.clone(), dir(), found.log, config(), shared());
    let log = log.await.unwrap();
    let first = log.start_offset();
    let mut user = User {
        log,
        timestamps_ms: (0..first).map(|o| FIRST_TIMESTAMP_MS + o).collect(),
        truncations: 7,
    };
    for read in read_all(&user.log).await.unwrap() {
        let header = BatchHeader::parse(&read).unwrap();
        assert_eq!(header.base_offset, user.end(), "{story}");
        let number = (header.max_timestamp_ms - FIRST_TIMESTAMP_MS) as u64;
        assert!(read[16..] == batch(BATCH_BYTES, number)[16..], "{story}");
        user.timestamps_ms.push(header.max_timestamp_ms);
    }
    let sum: i64 = user.timestamps_ms.iter().sum();
    assert_eq!(found.sum, sum, "{story}: of the batches that there are");
    for _ in 0..3 {
        user.commit().await.unwrap();
    }
    let end = user.log.end_offset();
    for epoch in epoch_of(first)..epoch_of(end - 1) {
        let next = i64::from(epoch + 1) * EPOCH_BATCHES;
        assert_eq!(user.log.epoch_end(epoch), Some((epoch, next)), "{story}");
    }
    found.user_at
}

#[test]
fn recovery_of_a_truncated_log_begins_with_the_segment_that_was_cut() {
    for has_checkpoint in [false, true] {
        for to in 0..BATCHES {
            let story = format!("to {to}, {has_checkpoint}");
            let sim = machine(to as u64);
            sim.run(async {
                let mut user = filled(&sim.env(), BATCHES).await.unwrap();
                if has_checkpoint {
                    let state = user.state();
                    user.log.checkpoint(state).await.unwrap();
                }
                user.truncate(to).await.unwrap();
                if has_checkpoint {
                    let of_segment = (to - segment_of(to)) as usize * BATCH_BYTES;
                    assert_eq!(user.log.recovery_debt_bytes(), of_segment as u64);
                }
            })
            .unwrap();
            assert!(snapshots(&sim).iter().all(|&base| base <= segment_of(to)));
            for image in 0..4 {
                let after = sim.power_cut(image);
                let user_at = after.run(goes_on(&after.env(), &story)).unwrap();
                let segment = Some(segment_of(to)).filter(|&base| base > 0);
                assert_eq!(user_at, segment, "{story}, image {image}");
            }
        }
    }
}

/// A life in which segments begin, are dropped and are cut off, with snapshots of all.
async fn life(env: &SimEnv) -> Result<(), LogError> {
    let mut user = filled(env, 5).await?;
    let state = user.state();
    user.log.checkpoint(state).await?;
    for _ in 0..5 {
        user.append()?;
    }
    user.log.flushed(10).await?;
    user.log.advance_start(3).await?;
    user.truncate(8).await?;
    for _ in 0..4 {
        user.append()?;
    }
    user.truncate(3).await?;
    // Segments of the same names as before, with other batches.
    for _ in 0..9 {
        user.commit().await?;
    }
    let state = user.state();
    user.log.close(state).await
}

#[test]
fn a_crash_leaves_no_snapshot_that_does_not_fit() {
    let whole = machine(5);
    whole
        .run(async { life(&whole.env()).await.unwrap() })
        .unwrap();
    let mut begun_with_snapshot = 0;
    for operation in 0..=whole.operations() {
        for image in 0..4 {
            let sim = machine(5);
            sim.crash_at(operation);
            let _ = sim.run(life(&sim.env()));
            let story = format!("operation {operation}, image {image}");
            let after = match image {
                0 => sim.kill(operation),
                _ => sim.power_cut(operation * 4 + image),
            };
            let has_checkpoint = after.content(&dir().join("checkpoint")).is_ok();
            let began_at = after.run(goes_on(&after.env(), &story)).unwrap();
            begun_with_snapshot += u32::from(began_at.is_some() && !has_checkpoint);
            // And once more, from the snapshots alone.
            let again = after.kill(image);
            again.remove(&dir().join("checkpoint")).ok();
            again.run(goes_on(&again.env(), &story)).unwrap();
        }
    }
    assert!(begun_with_snapshot > 0);
}

#[test]
fn retention_takes_the_snapshot_with_its_segment() {
    let sim = machine(1);
    let env = sim.env();
    sim.run(async {
        let user = filled(&env, BATCHES).await.unwrap();
        assert_eq!(snapshots(&sim), [2, 4, 6, 8]);
        for path in user.log.advance_start(5).await.unwrap() {
            env.remove_file(&path).await.unwrap();
        }
    })
    .unwrap();
    assert_eq!(snapshots(&sim), [4, 6, 8]);
    // One that was left over by a crash goes with the next start.
    let left = sim.content(&snapshot_path(4)).unwrap();
    sim.put(&snapshot_path(2), left).unwrap();
    sim.run(recovered(&env)).unwrap();
    assert_eq!(snapshots(&sim), [4, 6, 8]);
}

#[test]
fn a_damaged_snapshot_gives_way_to_an_older_one_and_none_to_all_that_there_is() {
    for bit in 0..8 {
        let sim = machine(2);
        sim.run(async { drop(filled(&sim.env(), BATCHES).await.unwrap()) })
            .unwrap();
        let mut expected = vec![None, Some(2), Some(4), Some(6), Some(8)];
        while let Some(begins) = expected.pop() {
            let after = sim.kill(bit);
            let began_at = after.run(goes_on(&after.env(), "damaged")).unwrap();
            assert_eq!(began_at, begins);
            let Some(newest) = begins else { break };
            let path = snapshot_path(newest);
            let length = sim.content(&path).unwrap().len() as u64;
            match bit {
                0 => sim.remove(&path).unwrap(),
                // Of the segment before it, whole.
                1 => {
                    let other = sim.content(&snapshot_path(2)).unwrap();
                    sim.put(&path, other.slice(..other.len() - usize::from(newest == 2)))
                        .unwrap();
                }
                2 => sim.put(&path, Bytes::new()).unwrap(),
                bit => sim
                    .flip_bit(&path, length * bit / 8, (bit % 8) as u8)
                    .unwrap(),
            }
        }
    }
}

#[test]
fn a_truncation_uses_an_older_snapshot_where_the_newest_is_damaged() {
    let sim = machine(3);
    sim.run(async {
        let mut user = filled(&sim.env(), BATCHES).await.unwrap();
        let state = user.state();
        user.log.checkpoint(state).await.unwrap();
        sim.flip_bit(&snapshot_path(6), 20, 3).unwrap();
        user.truncate(7).await.unwrap();
        // Three batches in two segments: what recovery reads.
        assert_eq!(user.log.recovery_debt_bytes(), 3 * BATCH_BYTES as u64);
    })
    .unwrap();
    let found = sim.run(recovered(&sim.env())).unwrap();
    assert_eq!(found.user_at, Some(4));
    assert_eq!(found.log.replayed_bytes, 3 * BATCH_BYTES as u64);
}

/// The snapshot is not on the way of an acknowledgement, and its failure harms nobody.
#[test]
fn a_snapshot_that_cannot_be_written_is_missing_and_no_more() {
    let sim = machine(4);
    sim.run(async {
        let mut user = filled(&sim.env(), 2).await.unwrap();
        sim.fail_from(OpKind::Rename, sim.operations_of(OpKind::Rename), libc::EIO);
        for _ in 0..4 {
            user.commit().await.unwrap();
        }
        settle(&sim.env()).await;
        assert!(snapshots(&sim).is_empty());
        sim.heal();
        for _ in 0..3 {
            user.commit().await.unwrap();
        }
        settle(&sim.env()).await;
    })
    .unwrap();
    assert_eq!(snapshots(&sim), [6, 8]);
}

/// A full disk takes back what was not written: the segment that was begun by it is begun
/// again, by another batch, and the user says again what it was.
#[test]
fn a_segment_that_a_full_disk_took_back_is_begun_again() {
    let sim = machine(6);
    sim.run(async {
        let mut user = filled(&sim.env(), 2).await.unwrap();
        sim.set_room(0);
        assert!(user.commit().await.is_err());
        assert_eq!(user.log.taken_back(), Some(2));
        user.timestamps_ms.truncate(2);
        // It is another batch that begins the segment.
        user.truncations += 1;
        settle(&sim.env()).await;
        sim.set_room(u64::MAX);
        while user.commit().await.is_err() {
            settle(&sim.env()).await;
        }
        settle(&sim.env()).await;
    })
    .unwrap();
    assert_eq!(snapshots(&sim), [2]);
    let began_at = sim.run(goes_on(&sim.env(), "after a full disk")).unwrap();
    assert_eq!(began_at, Some(2));
}

/// Version 1, as it is read for ever.
#[test]
fn a_snapshot_of_an_earlier_version_says_what_it_said() {
    const V1: &[u8] = include_bytes!("golden/snapshot-v1.narusnapshot");
    let expected = SegmentSnapshot {
        base_offset: 42,
        created_ms: 1_700_000_000_000,
        epochs: vec![(3, 0), (5, 40)],
        user_state: b"owner".to_vec(),
    };
    assert_eq!(SegmentSnapshot::decode(V1, 42), Some(expected.clone()));
    assert_eq!(expected.encode().unwrap(), V1);
    assert_eq!(SegmentSnapshot::decode(V1, 43), None, "of another segment");
    let mut newer = V1.to_vec();
    newer[4] = 2;
    assert_eq!(SegmentSnapshot::decode(&newer, 42), None);
}
