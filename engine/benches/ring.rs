//! What an echoed message costs the server's thread, and what that buys.
//!
//! 16 connections send 1 KiB, one message each at a time, to one runtime; the clients are
//! another thread. Reported is the CPU time of the server's thread per message, which is
//! what a shard has to spend, and the wall time, which depends on who else is running.
//!
//! `cargo bench -p naru-engine --bench ring`
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use naru_engine::io::{Aligned, Handle, Listener, Maintenance, RingConfig, Runtime, Socket};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

const CONNECTIONS: usize = 16;
const MESSAGE_BYTES: usize = 1024;
const MESSAGES: usize = 400_000;

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
    let directory = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let maintenance = Maintenance::start(&[directory.path().to_owned()]).unwrap();
    println!("maintenance thread: up after {:?}", begin.elapsed());
    drop(maintenance);
}

fn thread_cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
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
