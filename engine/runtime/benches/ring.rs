//! What an echoed message costs the server's thread, and what that buys.
//!
//! 16 connections send 1 KiB, one message each at a time, to one runtime; the clients are
//! another thread. Reported is the CPU time of the server's thread per message, which is
//! what a shard has to spend, and the wall time, which depends on who else is running.
//! Then: what idle connections cost, and what an append costs that is flushed.
//!
//! `cargo bench -p naru-engine --bench ring`
#![allow(clippy::unwrap_used)]

use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use naru_runtime::{
    Aligned, BLOCK_BYTES, Chunk, Disk, File, Handle, Listener, Maintenance, Open, RingConfig,
    Runtime, Socket,
};
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::TimeValLike;

const CONNECTIONS: usize = 16;
const MESSAGE_BYTES: usize = 1024;
const MESSAGES: usize = 400_000;
const IDLE_CONNECTIONS: usize = 10_000;
const APPENDS: usize = 4_000;
const APPENDS_AT_ONCE: usize = 8;

/// How a connection waits for its next message.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    /// A receive that holds a buffer.
    Receive,
    /// A poll that holds none, then a receive.
    Poll,
    /// A receive for a while, a poll once the connection has been quiet.
    Adaptive,
}

fn main() {
    for pieces in [1, 3] {
        for waiting in [Waiting::Receive, Waiting::Poll, Waiting::Adaptive] {
            echo(waiting, pieces);
        }
    }
    idle();
    append();
    let directory = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let maintenance = Maintenance::start(&[directory.path().to_owned()]).unwrap();
    println!("maintenance thread: up after {:?}", begin.elapsed());
    drop(maintenance);
}

fn thread_cpu() -> Duration {
    cpu_of(UsageWho::RUSAGE_THREAD)
}

fn cpu_of(who: UsageWho) -> Duration {
    let usage = getrusage(who).unwrap();
    let total = usage.user_time() + usage.system_time();
    Duration::from_micros(total.num_microseconds() as u64)
}

fn echo(waiting: Waiting, pieces: usize) {
    let (report, address) = mpsc::channel();
    let server = thread::spawn(move || serve(waiting, pieces, &report));
    let address = address.recv().unwrap();
    let begin = Instant::now();
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    let handle = runtime.handle();
    runtime.run(async {
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| handle.spawn_task(client(handle.clone(), address)))
            .collect();
        for client in clients {
            client.await;
        }
    });
    let wall = begin.elapsed();
    let cpu = server.join().unwrap();
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / MESSAGES as f64;
    println!(
        "{waiting:?}, {pieces} piece(s): server CPU {:.2} µs a message, wall {:.2} µs",
        micros(cpu),
        micros(wall)
    );
}

fn serve(waiting: Waiting, pieces: usize, report: &mpsc::Sender<SocketAddr>) -> Duration {
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    let handle = runtime.handle();
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = Listener::bind(&handle, address, true, 128).unwrap();
    report.send(listener.local_addr().unwrap()).unwrap();
    let begin = thread_cpu();
    runtime.run(async {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let (socket, _) = listener.accept().await.unwrap();
            connections.push(handle.spawn_task(connection(
                handle.clone(),
                socket,
                waiting,
                pieces,
            )));
        }
        for connection in connections {
            connection.await;
        }
    });
    thread_cpu() - begin
}

/// What connections cost that say nothing: memory of the process, CPU of their thread.
fn idle() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let count = IDLE_CONNECTIONS.min((hard as usize - 100) / 2);
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    let handle = runtime.handle();
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = Listener::bind(&handle, address, true, 1024).unwrap();
    let address = listener.local_addr().unwrap();
    let before = resident_bytes();
    let clients = thread::spawn(move || -> Vec<TcpStream> {
        (0..count)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect()
    });
    runtime.run(async {
        for _ in 0..count {
            let (socket, _) = listener.accept().await.unwrap();
            handle.spawn(connection(handle.clone(), socket, Waiting::Poll, 1));
        }
        let clients = clients.join().unwrap();
        handle.sleep(Duration::from_millis(100)).await;
        let bytes = (resident_bytes() - before) / count;
        let begin = thread_cpu();
        handle.sleep(Duration::from_secs(2)).await;
        let cpu = thread_cpu() - begin;
        println!("{count} idle connections: {bytes} bytes each, CPU {cpu:?} in 2 s");
        drop(clients);
    });
}

/// Appends of a block, each flushed, several at once, into fallocated space. CPU of the
/// whole process, as the kernel flushes on worker threads of the ring.
fn append() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    let disk = runtime.handle();
    runtime.run(async {
        let path = directory.path().join("log");
        let file = disk.open(&path, Open::DirectNew).await.unwrap();
        let length = (APPENDS * BLOCK_BYTES) as u64;
        file.allocate(0, length).await.unwrap();
        let (begin, cpu) = (Instant::now(), cpu_of(UsageWho::RUSAGE_SELF));
        let writers: Vec<_> = (0..APPENDS_AT_ONCE)
            .map(|writer| {
                let file = file.clone();
                disk.spawn_task(async move {
                    let mut chunk = Chunk::new(BLOCK_BYTES);
                    chunk.append(&[9; BLOCK_BYTES]);
                    for block in (writer..APPENDS).step_by(APPENDS_AT_ONCE) {
                        let position = (block * BLOCK_BYTES) as u64;
                        let data = vec![chunk.slice(0..BLOCK_BYTES)];
                        file.write_at(position, data).await.unwrap();
                        file.sync_data().await.unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await;
        }
        let cpu = cpu_of(UsageWho::RUSAGE_SELF) - cpu;
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / APPENDS as f64;
        println!(
            "append of 4 KiB and flush, {APPENDS_AT_ONCE} at once: CPU {:.1} µs, wall {:.1} µs",
            micros(cpu),
            micros(begin.elapsed())
        );
    });
}

fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

async fn connection(handle: Handle, socket: Socket, waiting: Waiting, pieces: usize) {
    loop {
        match waiting {
            Waiting::Poll => socket.readable().await.unwrap(),
            // The price of a timer that never fires, as for a connection's idle limit.
            Waiting::Adaptive => {
                let quiet = Duration::from_secs(1);
                let buffer = Aligned::new(MESSAGE_BYTES);
                match handle.timeout(quiet, socket.recv(buffer, 0)).await {
                    Ok((count, buffer)) => {
                        if count.unwrap() == 0 {
                            return;
                        }
                        answer(&socket, buffer.freeze(), pieces).await;
                    }
                    Err(_) => socket.readable().await.unwrap(),
                }
                continue;
            }
            Waiting::Receive => {}
        }
        let (count, buffer) = socket.recv(Aligned::new(MESSAGE_BYTES), 0).await;
        if count.unwrap() == 0 {
            return;
        }
        answer(&socket, buffer.freeze(), pieces).await;
    }
}

async fn answer(socket: &Socket, message: Bytes, pieces: usize) {
    let step = message.len().div_ceil(pieces).max(1);
    let parts = (0..message.len())
        .step_by(step)
        .map(|start| message.slice(start..message.len().min(start + step)))
        .collect();
    socket.send_all(parts).await.unwrap();
}

async fn client(handle: Handle, address: SocketAddr) {
    let socket = Socket::connect(&handle, address).await.unwrap();
    let message = Bytes::from(vec![7; MESSAGE_BYTES]);
    let mut buffer = Aligned::new(MESSAGE_BYTES);
    for _ in 0..MESSAGES / CONNECTIONS {
        socket.send_all(vec![message.clone()]).await.unwrap();
        let mut filled = 0;
        while filled < MESSAGE_BYTES {
            let (count, back) = socket.recv(buffer, filled).await;
            buffer = back;
            filled += count.unwrap();
        }
    }
    socket.shutdown();
}
