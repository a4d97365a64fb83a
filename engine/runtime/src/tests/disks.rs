//! What every disk behind the seam does, told once and run on each of them.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::{ADDRESS, SEEDS};
use crate::sim::Simulation;
use crate::{
    BLOCK_BYTES, Chunk, DirEntry, Disk, File, Maintenance, MaintenanceError, Open, RingConfig,
    Runtime, read_file, replace_file,
};

fn blocks(count: usize, fill: u8) -> Bytes {
    let mut chunk = Chunk::new(count * BLOCK_BYTES);
    chunk.append(&vec![fill; count * BLOCK_BYTES]);
    chunk.slice(0..count * BLOCK_BYTES)
}

pub(super) async fn keeps_the_seam<D: Disk>(disk: &D, root: &Path) {
    direct_files(disk, root).await;
    names(disk, root).await;
    small_files(disk, root).await;
}

async fn direct_files<D: Disk>(disk: &D, root: &Path) {
    let block = BLOCK_BYTES as u64;
    let path = root.join("00000000000000000000.log");
    let missing = disk.open(&path, Open::Direct).await;
    assert_eq!(missing.err().unwrap().kind(), ErrorKind::NotFound);

    let file = disk.open(&path, Open::DirectNew).await.unwrap();
    let again = disk.open(&path, Open::DirectNew).await;
    assert_eq!(again.err().unwrap().kind(), ErrorKind::AlreadyExists);
    assert_eq!(file.length().await.unwrap(), 0);

    file.allocate(0, 16 * block).await.unwrap();
    assert_eq!(file.length().await.unwrap(), 16 * block);
    let unwritten = file.read_at(0, BLOCK_BYTES).await.unwrap();
    assert!(unwritten.iter().all(|byte| *byte == 0));

    let pieces = vec![blocks(1, 1), blocks(2, 2), blocks(1, 3)];
    file.write_at(block, pieces).await.unwrap();
    file.sync_data().await.unwrap();
    let other = disk.open(&path, Open::Direct).await.unwrap();
    let read = other.read_at(block, 4 * BLOCK_BYTES).await.unwrap();
    let firsts: Vec<u8> = read.chunks(BLOCK_BYTES).map(|block| block[0]).collect();
    assert_eq!(firsts, [1, 2, 2, 3]);

    let many: Vec<Bytes> = (0..1100).map(|_| blocks(1, 9)).collect();
    file.write_at(16 * block, many).await.unwrap();
    assert_eq!(file.length().await.unwrap(), 1116 * block);
    let tail = other.read_at(1115 * block, 4 * BLOCK_BYTES).await.unwrap();
    assert_eq!(&tail[..], &blocks(1, 9)[..], "fewer bytes at the end");
    assert!(
        other
            .read_at(5000 * block, BLOCK_BYTES)
            .await
            .unwrap()
            .is_empty()
    );

    file.set_length(2 * block).await.unwrap();
    assert_eq!(other.length().await.unwrap(), 2 * block);
    file.write_at(0, Vec::new()).await.unwrap();
}

async fn names<D: Disk>(disk: &D, root: &Path) {
    let partition = root.join("data/topic-0");
    disk.create_dir_all(&partition).await.unwrap();
    disk.create_dir_all(&partition).await.unwrap();
    drop(
        disk.open(&partition.join("a"), Open::BufferedNew)
            .await
            .unwrap(),
    );
    drop(
        disk.open(&partition.join("b"), Open::BufferedNew)
            .await
            .unwrap(),
    );
    disk.rename(&partition.join("a"), &partition.join("b"))
        .await
        .unwrap();
    disk.sync_dir(&partition).await.unwrap();
    disk.sync_file_system(&partition).await.unwrap();
    let nowhere = disk.sync_file_system(&root.join("none")).await;
    assert_eq!(nowhere.unwrap_err().kind(), ErrorKind::NotFound);
    let only_b = DirEntry {
        name: "b".to_owned(),
        is_dir: false,
    };
    assert_eq!(disk.list(&partition).await.unwrap(), [only_b]);
    assert!(disk.list(&root.join("data")).await.unwrap()[0].is_dir);
    assert_eq!(
        disk.list(&root.join("none")).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let open = disk
        .open(&partition.join("b"), Open::Buffered)
        .await
        .unwrap();
    open.write_at(0, vec![Bytes::from_static(b"bbb")])
        .await
        .unwrap();
    let renamed = root.join("data/topic-0.deleted");
    disk.rename(&partition, &renamed).await.unwrap();
    assert_eq!(open.length().await.unwrap(), 3, "by any other name");
    disk.remove_file(&renamed.join("b")).await.unwrap();
    let twice = disk.remove_file(&renamed.join("b")).await;
    assert_eq!(twice.unwrap_err().kind(), ErrorKind::NotFound);
    drop(
        disk.open(&renamed.join("c"), Open::BufferedNew)
            .await
            .unwrap(),
    );
    disk.remove_dir_all(&root.join("data")).await.unwrap();
    assert!(disk.list(&root.join("data")).await.is_err());
}

async fn small_files<D: Disk>(disk: &D, root: &Path) {
    let path = root.join("checkpoint");
    for content in ["the first, longer content", "the second", ""] {
        let content = Bytes::from(content);
        replace_file(disk, &path, content.clone()).await.unwrap();
        assert_eq!(read_file(disk, &path).await.unwrap(), content);
    }
    let file = disk.open(&path, Open::Buffered).await.unwrap();
    let pieces = ["one", "", "two", "three"].map(|piece| Bytes::from_static(piece.as_bytes()));
    file.write_at(3, pieces.to_vec()).await.unwrap();
    assert_eq!(
        &file.read_at(0, 100).await.unwrap()[..],
        b"\0\0\0onetwothree"
    );
    assert_eq!(&file.read_at(4, 5).await.unwrap()[..], b"netwo");
}

#[test]
fn the_ring_keeps_the_seam() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    let handle = runtime.handle();
    runtime.run(keeps_the_seam(&handle, directory.path()));
    assert_eq!(runtime.operations_in_flight(), 0);
}

#[test]
fn a_simulated_machine_keeps_the_seam() {
    for seed in 0..SEEDS {
        let simulation = Simulation::new(seed);
        let thread = simulation.machine(ADDRESS).thread();
        simulation.run(async {
            let root = Path::new("/data");
            thread.create_dir_all(root).await.unwrap();
            keeps_the_seam(&thread, root).await;
        });
    }
}

#[test]
fn a_file_system_without_direct_io_is_served_through_the_page_cache() {
    // tmpfs takes O_DIRECT on newer kernels and refuses it on older ones; both must work.
    let Ok(directory) = tempfile::tempdir_in("/dev/shm") else {
        return;
    };
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    runtime.run(keeps_the_seam(&runtime.handle(), directory.path()));
}

#[test]
fn a_write_beyond_the_file_size_limit_is_an_error_not_a_death() {
    crate::ignore_sigxfsz().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    let disk = runtime.handle();
    runtime.run(async {
        let path = directory.path().join("log");
        let file = disk.open(&path, Open::DirectNew).await.unwrap();
        // Beyond what the file system can address: the same error, without touching limits.
        let position = (i64::MAX as u64) & !(BLOCK_BYTES as u64 - 1);
        assert!(file.write_at(position, vec![blocks(1, 0)]).await.is_err());
        drop(file);
    });
}

#[test]
fn glommio_keeps_the_seam() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().to_owned();
    let maintenance = Maintenance::start(std::slice::from_ref(&root)).unwrap();
    assert_eq!(
        std::fs::read_dir(&root).unwrap().count(),
        0,
        "no probe left"
    );
    let (done, finished) = mpsc::channel();
    maintenance
        .handle()
        .submit(
            move |disk| async move { keeps_the_seam(&disk, &root).await },
            move |()| done.send(()).unwrap(),
        )
        .unwrap();
    finished.recv_timeout(Duration::from_secs(60)).unwrap();
}

#[test]
fn the_maintenance_thread_is_up_at_once_and_idles_for_free() {
    let directory = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let maintenance = Maintenance::start(&[directory.path().to_owned()]).unwrap();
    let start = begin.elapsed();
    // Generous for a loaded machine; 50 ms is the aim.
    assert!(start < Duration::from_secs(1), "{start:?}");

    let handle = maintenance.handle();
    let (done, results) = mpsc::channel();
    for number in 0..100u32 {
        let done = done.clone();
        let answer = move |number| done.send(number).unwrap();
        handle
            .submit(move |_| async move { number }, answer)
            .unwrap();
    }
    let mut numbers: Vec<u32> = results.iter().take(100).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());

    let cpu = |handle: &crate::MaintenanceHandle| {
        let (done, time) = mpsc::channel();
        let answer = move |()| {
            let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
            let total = usage.user_time() + usage.system_time();
            done.send(Duration::from_micros(total.num_microseconds() as u64))
                .unwrap();
        };
        handle.submit(|_| async {}, answer).unwrap();
        time.recv().unwrap()
    };
    let before = cpu(&handle);
    std::thread::sleep(Duration::from_millis(300));
    let used = cpu(&handle) - before;
    assert!(used < Duration::from_millis(15), "{used:?} in 300 ms");

    drop(maintenance);
    let late = handle.submit(|_| async {}, |()| {});
    assert_eq!(late, Err(MaintenanceError::Stopped));
}
