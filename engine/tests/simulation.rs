//! The simulator itself: a seed replays its run, and a power cut loses what it may and
//! keeps what it must.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bytes::Bytes;
use naru_runtime::sim::{OpKind, Sim, SimEnv};
use naru_runtime::{Aligned, BLOCK_BYTES, Disk, File, Open, Spawn};

const BLOCK: u64 = BLOCK_BYTES as u64;

fn block(fill: u8) -> Bytes {
    let mut block = Aligned::new(BLOCK_BYTES);
    block.fill(fill);
    block.freeze()
}

fn path() -> PathBuf {
    PathBuf::from("/file")
}

/// A durable file of one block of 1s.
async fn file_of_ones(env: &SimEnv) -> io::Result<<SimEnv as Disk>::File> {
    let file = env.open(&path(), Open::DirectNew).await?;
    file.write_at(0, vec![block(1)]).await?;
    file.sync_data().await?;
    env.sync_dir(Path::new("/")).await?;
    Ok(file)
}

/// Writers that race; the order in which they end, and what they leave.
fn race(seed: u64) -> (Vec<u8>, Bytes, Bytes, u64) {
    let sim = Sim::new(seed);
    let env = sim.env();
    let order = Rc::new(RefCell::new(Vec::new()));
    sim.run(async {
        let file = file_of_ones(&env).await.unwrap();
        for fill in 2..20 {
            let (file, order) = (file.clone(), Rc::clone(&order));
            env.spawn(async move {
                let position = u64::from(fill % 3) * BLOCK;
                file.write_at(position, vec![block(fill)]).await.unwrap();
                order.borrow_mut().push(fill);
            });
        }
        while order.borrow().len() < 18 {
            file.length().await.unwrap();
        }
    })
    .unwrap();
    let order = order.take();
    let cut = sim.power_cut(seed).content(&path()).unwrap();
    (order, sim.content(&path()).unwrap(), cut, sim.digest())
}

#[test]
fn a_seed_replays_its_run_and_another_has_another() {
    for seed in 0..20 {
        assert_eq!(race(seed), race(seed));
    }
    let orders: BTreeSet<_> = (0..20).map(|seed| race(seed).0).collect();
    assert!(orders.len() > 10);
    let digests: BTreeSet<_> = (0..20).map(|seed| race(seed).3).collect();
    assert_eq!(digests.len(), 20);
}

#[test]
fn a_write_that_was_not_synced_is_kept_dropped_or_torn() {
    let sim = Sim::new(1);
    let env = sim.env();
    sim.run(async {
        let file = file_of_ones(&env).await.unwrap();
        file.write_at(0, vec![block(2)]).await.unwrap();
    });
    let (mut kept, mut dropped, mut torn) = (0, 0, 0);
    for seed in 0..100 {
        let content = sim.power_cut(seed).content(&path()).unwrap();
        assert_eq!(content.len(), BLOCK_BYTES);
        for sector in content.chunks(512) {
            assert!(sector == [1; 512] || sector == [2; 512]);
        }
        match content.iter().filter(|&&byte| byte == 2).count() {
            0 => dropped += 1,
            BLOCK_BYTES => kept += 1,
            _ => torn += 1,
        }
        assert_eq!(sim.kill(seed).content(&path()).unwrap(), block(2));
    }
    assert!(kept > 5 && dropped > 5 && torn > 5);
}

#[test]
fn a_name_is_safe_only_after_its_directory_is_synced() {
    let sim = Sim::new(1);
    let env = sim.env();
    let renamed = PathBuf::from("/renamed");
    sim.run(async {
        file_of_ones(&env).await.unwrap();
        env.rename(&path(), &renamed).await.unwrap();
    });
    let is_renamed = |sim: &Sim| {
        let (old, new) = (sim.content(&path()), sim.content(&renamed));
        assert!(old.is_ok() != new.is_ok(), "it has one of the two names");
        new.is_ok()
    };
    let outcomes: BTreeSet<bool> = (0..50)
        .map(|seed| is_renamed(&sim.power_cut(seed)))
        .collect();
    assert_eq!(outcomes.len(), 2);
    sim.run(env.sync_dir(Path::new("/"))).unwrap().unwrap();
    assert!((0..50).all(|seed| is_renamed(&sim.power_cut(seed))));
}

#[test]
fn what_a_failed_sync_was_for_stays_lost() {
    let sim = Sim::new(1);
    let env = sim.env();
    sim.fail(OpKind::SyncData, 1, libc::EIO);
    sim.run(async {
        let file = file_of_ones(&env).await.unwrap();
        file.write_at(0, vec![block(2)]).await.unwrap();
        let failed = file.sync_data().await.unwrap_err();
        assert_eq!(failed.raw_os_error(), Some(libc::EIO));
        file.sync_data().await.unwrap();
        assert_eq!(file.read_at(0, BLOCK_BYTES).await.unwrap(), block(2));
    });
    assert_eq!(sim.power_cut(0).content(&path()).unwrap(), block(1));
}

/// It was taken for a flush that had failed: what a restarted process had flushed was lost later.
#[test]
fn what_a_killed_process_was_writing_can_be_made_safe() {
    let sim = Sim::new(1);
    let env = sim.env();
    sim.run(async {
        let file = file_of_ones(&env).await.unwrap();
        let mut write = Box::pin(file.write_durable_at(0, vec![block(2)]));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(write.as_mut().poll(&mut context).is_pending());
        // It is under way when the process ends, not given up.
        std::mem::forget(write);
    });
    let mut left = BTreeSet::new();
    for seed in 0..50 {
        let restarted = sim.kill(seed);
        let env = restarted.env();
        let found = restarted.content(&path()).unwrap();
        let synced = restarted.run(async {
            let file = env.open(&path(), Open::Direct).await?;
            file.sync_data().await
        });
        synced.unwrap().unwrap();
        let kept = restarted.power_cut(seed).content(&path()).unwrap();
        assert_eq!(kept, found, "seed {seed}");
        left.insert(found);
    }
    assert!(left.len() > 2, "it was done, not done, and done in part");
}

#[test]
fn a_crash_ends_the_run_before_the_operation() {
    let sim = Sim::new(1);
    let env = sim.env();
    sim.crash_at(1);
    assert!(sim.run(file_of_ones(&env)).is_none());
    assert_eq!(sim.operations(), 1);
}

#[test]
fn a_lasting_fault_lasts_until_it_is_healed() {
    let sim = Sim::new(1);
    let env = sim.env();
    sim.make_dir(Path::new("/broken")).unwrap();
    sim.run(async {
        let file = file_of_ones(&env).await.unwrap();
        let writes = sim.operations_of(OpKind::Write);
        sim.fail_from(OpKind::Write, writes + 1, libc::EIO);
        file.write_at(0, vec![block(2)]).await.unwrap();
        for _ in 0..3 {
            file.write_at(0, vec![block(3)]).await.unwrap_err();
        }
        sim.heal();
        file.write_at(0, vec![block(4)]).await.unwrap();

        sim.fail_below(OpKind::Write, Path::new("/broken"), libc::EIO);
        let broken = PathBuf::from("/broken/file");
        let below = env.open(&broken, Open::DirectNew).await.unwrap();
        below.write_at(0, vec![block(5)]).await.unwrap_err();
        file.write_at(0, vec![block(6)]).await.unwrap();
        env.rename(&broken, Path::new("/moved")).await.unwrap();
        below.write_at(0, vec![block(7)]).await.unwrap();
    })
    .unwrap();
}

#[test]
fn a_flush_that_lies_makes_nothing_safe() {
    for kind in [OpKind::SyncData, OpKind::WriteDurable, OpKind::SyncDir] {
        let sim = Sim::new(1);
        let env = sim.env();
        sim.run(async {
            let file = file_of_ones(&env).await.unwrap();
            sim.lie_about(kind);
            match kind {
                OpKind::WriteDurable => file.write_durable_at(0, vec![block(2)]).await.unwrap(),
                _ => file.write_at(0, vec![block(2)]).await.unwrap(),
            }
            if kind == OpKind::SyncData {
                file.sync_data().await.unwrap();
            }
            env.rename(&path(), Path::new("/renamed")).await.unwrap();
            env.sync_dir(Path::new("/")).await.unwrap();
        })
        .unwrap();
        let left: BTreeSet<Option<Bytes>> = (0..50)
            .map(|seed| sim.power_cut(seed).content(&path()).ok())
            .collect();
        match kind {
            OpKind::SyncDir => assert!(left.len() > 1, "the old name is gone, or still there"),
            _ => assert_eq!(left.len(), 1, "the new name is safe"),
        }
        let written: BTreeSet<Bytes> = (0..50)
            .filter_map(|seed| sim.power_cut(seed).content(Path::new("/renamed")).ok())
            .collect();
        assert!(written.len() > 2, "{kind:?}: kept, dropped and torn");
    }
}

#[test]
fn a_write_is_torn_within_a_sector_where_asked_for() {
    let sim = Sim::new(1);
    let env = sim.env();
    sim.tear_within_sectors();
    sim.run(async {
        let file = file_of_ones(&env).await.unwrap();
        file.write_at(0, vec![block(2)]).await.unwrap();
    });
    let torn = (0..100).filter(|&seed| {
        let content = sim.power_cut(seed).content(&path()).unwrap();
        let mut sectors = content.chunks(512);
        sectors.any(|sector| sector.contains(&1) && sector.contains(&2))
    });
    assert!(torn.count() > 5);
}

#[test]
fn an_operation_that_nobody_waits_for_happens_or_not() {
    let outcomes: BTreeSet<Bytes> = (0..50)
        .map(|seed| {
            let sim = Sim::new(seed);
            let env = sim.env();
            sim.run(async {
                let file = file_of_ones(&env).await.unwrap();
                let mut write = Box::pin(file.write_at(0, vec![block(2)]));
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                assert!(write.as_mut().poll(&mut context).is_pending());
                drop(write);
                // More than enough for what is under way to end.
                for _ in 0..50 {
                    file.length().await.unwrap();
                }
                file.read_at(0, BLOCK_BYTES).await.unwrap()
            })
            .unwrap()
        })
        .collect();
    assert!(outcomes.contains(&block(1)) && outcomes.contains(&block(2)));
    assert!(outcomes.len() > 2, "and in part");
}

#[test]
fn there_is_no_more_room_than_said() {
    let sim = Sim::new(1);
    let env = sim.env();
    sim.set_room(BLOCK);
    sim.run(async {
        let file = file_of_ones(&env).await.unwrap();
        let full = file.allocate(BLOCK, BLOCK).await.unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        // What has its room needs no more of it.
        file.write_at(0, vec![block(2)]).await.unwrap();
        // A hole is length without room.
        file.set_length(3 * BLOCK).await.unwrap();
        let full = file.write_at(BLOCK, vec![block(3)]).await.unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    })
    .unwrap();
}

#[test]
fn a_write_takes_the_room_there_is_and_room_comes_back() {
    let sim = Sim::new(1);
    let env = sim.env();
    let other = PathBuf::from("/other");
    sim.run(async {
        let file = file_of_ones(&env).await.unwrap();
        let second = env.open(&other, Open::DirectNew).await.unwrap();
        second.allocate(0, BLOCK).await.unwrap();
        sim.set_room(BLOCK);
        let two = vec![block(2), block(3)];
        let full = file.write_at(BLOCK, two.clone()).await.unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        let content = file.read_at(0, 4 * BLOCK_BYTES).await.unwrap();
        assert_eq!(content[BLOCK_BYTES..], block(2)[..], "the part that fits");
        // Reserved space is there whatever else is full.
        second.write_at(0, vec![block(5)]).await.unwrap();
        env.remove_file(&other).await.unwrap();
        file.write_at(BLOCK, two.clone()).await.unwrap();
        file.write_at(3 * BLOCK, two.clone()).await.unwrap_err();
        file.set_length(BLOCK).await.unwrap();
        file.write_at(BLOCK, two).await.unwrap();
    })
    .unwrap();
}

#[test]
#[should_panic(expected = "goes round in a circle")]
fn a_circle_is_noticed() {
    let sim = Sim::new(1);
    let env = sim.env();
    sim.set_steps_max(1_000);
    sim.run(async {
        loop {
            env.list(Path::new("/")).await.unwrap();
        }
    });
}

#[test]
#[should_panic(expected = "no multiple of a block")]
fn direct_writes_are_aligned() {
    let sim = Sim::new(1);
    let env = sim.env();
    sim.run(async {
        let file = file_of_ones(&env).await.unwrap();
        file.write_at(512, vec![block(2)]).await.unwrap();
    });
}

/// One flush for all: files and names of every directory, but not what came after the call.
#[test]
fn a_synced_file_system_keeps_all_that_was_done_before() {
    let sim = Sim::new(3);
    let env = sim.env();
    let in_dir = |name: &str| Path::new("/dir").join(name);
    sim.run(async {
        env.create_dir_all(Path::new("/dir")).await.unwrap();
        for name in ["a", "b"] {
            let file = env.open(&in_dir(name), Open::DirectNew).await.unwrap();
            file.write_at(0, vec![block(7)]).await.unwrap();
        }
        env.sync_file_system(Path::new("/dir")).await.unwrap();
        let file = env.open(&in_dir("a"), Open::Direct).await.unwrap();
        file.write_at(0, vec![block(8)]).await.unwrap();
        env.open(&in_dir("c"), Open::DirectNew).await.unwrap();
    })
    .unwrap();
    let after_cut = |name: &str| -> BTreeSet<Option<Bytes>> {
        let content = |seed| sim.power_cut(seed).content(&in_dir(name)).ok();
        (0..50).map(content).collect()
    };
    assert_eq!(after_cut("b"), [Some(block(7))].into());
    assert!(after_cut("a").len() > 1, "the later write is kept or not");
    assert!(after_cut("c").contains(&None), "so is the later name");
    assert!(!after_cut("a").contains(&None));
}
