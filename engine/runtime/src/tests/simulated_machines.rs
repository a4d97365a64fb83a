//! Machines of a simulation: what a seed repeats, and what dies with a process or a power cut.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use crossbeam::queue::ArrayQueue;

use super::{ADDRESS, SEEDS};
use crate::sim::{Digest, Machine, Simulation};
use crate::{
    Aligned, Disk, File, Handle, Listener, MaintenanceDisk, MaintenanceHandle, Open, Socket,
    read_file,
};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 99));
const SERVER: SocketAddr = SocketAddr::new(ADDRESS, 9092);

fn file() -> &'static Path {
    Path::new("/data/file")
}

/// Accepts connections, and puts what each sends into a file before it answers with it.
fn serve_writes(server: &Machine) {
    let thread = server.thread();
    let listener = Listener::bind(&thread, SERVER, true, 8).unwrap();
    thread.clone().spawn(async move {
        thread.create_dir_all(Path::new("/data")).await.unwrap();
        thread.sync_dir(Path::new("/")).await.unwrap();
        while let Ok((socket, _)) = listener.accept().await {
            thread.spawn(write_and_echo(thread.clone(), socket));
        }
    });
}

async fn write_and_echo(thread: Handle, socket: Socket) {
    let file = thread.open(file(), Open::BufferedNew).await.unwrap();
    thread.sync_dir(Path::new("/data")).await.unwrap();
    let mut position = 0;
    loop {
        let (count, buffer) = socket.recv(Aligned::new(64), 0).await;
        if !count.is_ok_and(|count| count > 0) {
            return;
        }
        let bytes = buffer.freeze();
        file.write_at(position, vec![bytes.clone()]).await.unwrap();
        position += bytes.len() as u64;
        if socket.send_all(vec![bytes]).await.is_err() {
            return;
        }
    }
}

/// Sends and waits until all of it has come back.
async fn exchange(socket: &Socket, message: &'static [u8]) -> std::io::Result<()> {
    socket.send_all(vec![Bytes::from_static(message)]).await?;
    let mut filled = 0;
    let mut buffer = Aligned::new(message.len());
    while filled < message.len() {
        let (count, back) = socket.recv(buffer, filled).await;
        buffer = back;
        match count? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
    }
    assert_eq!(&buffer[..message.len()], message);
    Ok(())
}

fn exchanges_of(seed: u64) -> Digest {
    let simulation = Simulation::new(seed);
    let server = simulation.machine(ADDRESS);
    serve_writes(&server);
    let client = simulation.machine(CLIENT).thread();
    simulation.run(async {
        let clients: Vec<_> = (0..5)
            .map(|_| {
                let thread = client.clone();
                client.spawn_task(async move {
                    let socket = Socket::connect(&thread, SERVER).await.unwrap();
                    for _ in 0..5 {
                        exchange(&socket, b"what is sent and written")
                            .await
                            .unwrap();
                        thread.sleep(Duration::from_millis(3)).await;
                    }
                    thread.random_u64()
                })
            })
            .collect();
        for client in clients {
            client.await;
        }
    });
    simulation.digest()
}

#[test]
fn a_seed_repeats_itself_and_another_one_does_not() {
    for seed in 0..SEEDS {
        let digest = exchanges_of(seed);
        assert_eq!(digest, exchanges_of(seed), "seed {seed}");
        assert_ne!(digest.hash, exchanges_of(seed + SEEDS).hash, "seed {seed}");
        assert_eq!(digest.network_bytes, 2 * 5 * 5 * 24);
    }
}

#[test]
fn hours_pass_at_once() {
    let simulation = Simulation::new(1);
    let thread = simulation.machine(ADDRESS).thread();
    let wall_ms = thread.wall_ms();
    simulation.run(async {
        thread.sleep(Duration::from_secs(36_000)).await;
        assert_eq!(thread.wall_ms() - wall_ms, 36_000_000);
        let before = thread.now();
        simulation.step_wall_clock(-5_000);
        assert_eq!(thread.wall_ms() - wall_ms, 35_995_000);
        assert_eq!(thread.now(), before);
    });
}

#[test]
fn a_message_wakes_another_thread() {
    for seed in 0..SEEDS {
        let simulation = Simulation::new(seed);
        let machine = simulation.machine(ADDRESS);
        let (asking, answering) = (machine.thread(), machine.thread());
        let queue = Arc::new(ArrayQueue::<u64>::new(4));
        let sum = Rc::new(Cell::new(0));
        let (done, finished) = crate::sync::oneshot();
        let mut done = Some(done);
        answering.on_turn(Box::new({
            let (queue, sum) = (Arc::clone(&queue), Rc::clone(&sum));
            move || {
                let Some(number) = queue.pop() else {
                    return false;
                };
                sum.set(sum.get() + number);
                if sum.get() == 1 + 2 + 3
                    && let Some(done) = done.take()
                {
                    done.send(()).unwrap();
                }
                true
            }
        }));
        let waker = answering.waker();
        asking.clone().spawn(async move {
            for number in 1..=3 {
                asking.sleep(Duration::from_secs(1)).await;
                queue.push(number).unwrap();
                waker.wake();
            }
        });
        simulation.run(finished);
    }
}

#[test]
fn a_kill_keeps_what_was_written_and_ends_connections() {
    for seed in 0..SEEDS {
        let simulation = Simulation::new(seed);
        let server = simulation.machine(ADDRESS);
        serve_writes(&server);
        let client = simulation.machine(CLIENT).thread();
        simulation.run(async {
            let socket = Socket::connect(&client, SERVER).await.unwrap();
            exchange(&socket, b"written").await.unwrap();
            server.kill();
            let ended = exchange(&socket, b"lost").await.unwrap_err();
            let kinds = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
            assert!(kinds.contains(&ended.kind()), "{ended}");
            let refused = Socket::connect(&client, SERVER).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            let thread = server.thread();
            let kept = read_file(&thread, file()).await.unwrap();
            assert_eq!(&kept[..], b"written");
        });
    }
}

#[test]
fn a_power_cut_loses_what_was_not_synced_and_peers_hear_of_it_later() {
    let mut lost = 0;
    for seed in 0..SEEDS {
        let simulation = Simulation::new(seed);
        let server = simulation.machine(ADDRESS);
        serve_writes(&server);
        let client = simulation.machine(CLIENT).thread();
        simulation.run(async {
            let socket = Socket::connect(&client, SERVER).await.unwrap();
            exchange(&socket, b"written").await.unwrap();
            server.power_cut();
            let mut receiving = client.spawn_task({
                let socket = socket.clone();
                async move { socket.recv(Aligned::new(64), 0).await.0 }
            });
            let minute = Duration::from_secs(60);
            let heard = client.timeout(minute, &mut receiving).await;
            assert!(heard.is_err(), "heard of a machine without power");
            let thread = server.thread();
            let reset = receiving.await.unwrap_err();
            assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
            let kept = read_file(&thread, file()).await.unwrap();
            lost += u32::from(kept != "written");
        });
    }
    assert!(lost > 0, "no seed of {SEEDS} lost what was not synced");
}

#[test]
fn a_cut_link_holds_what_is_sent_until_it_is_mended() {
    for seed in 0..SEEDS {
        let simulation = Simulation::new(seed);
        let server = simulation.machine(ADDRESS);
        serve_writes(&server);
        let client = simulation.machine(CLIENT).thread();
        simulation.run(async {
            let socket = Socket::connect(&client, SERVER).await.unwrap();
            exchange(&socket, b"before").await.unwrap();
            // One way: the server hears, its answer does not come.
            simulation.cut_link(ADDRESS, CLIENT);
            let mut asking = client.spawn_task(async move {
                exchange(&socket, b"meanwhile").await.unwrap();
            });
            let hour = Duration::from_secs(3600);
            assert!(client.timeout(hour, &mut asking).await.is_err());
            simulation.mend_links();
            asking.await;
        });
    }
}

#[test]
fn a_reset_connection_is_broken_on_both_sides() {
    for seed in 0..SEEDS {
        let simulation = Simulation::new(seed);
        let server = simulation.machine(ADDRESS).thread();
        let client = simulation.machine(CLIENT).thread();
        let listener = Listener::bind(&server, SERVER, false, 8).unwrap();
        simulation.run(async {
            assert!(!simulation.reset_a_connection());
            let ours = Socket::connect(&client, SERVER).await.unwrap();
            let (theirs, _) = listener.accept().await.unwrap();
            assert!(simulation.reset_a_connection());
            let errors = Rc::new(RefCell::new(Vec::new()));
            for socket in [&ours, &theirs] {
                let (result, _) = socket.recv(Aligned::new(64), 0).await;
                errors.borrow_mut().push(result.unwrap_err().kind());
            }
            let reset = ErrorKind::ConnectionReset;
            assert_eq!(*errors.borrow(), [reset, reset]);
            assert!(!simulation.reset_a_connection());
        });
    }
}

#[test]
fn a_maintenance_job_works_on_the_disk_of_its_machine() {
    for seed in 0..SEEDS {
        let simulation = Simulation::new(seed);
        let machine = simulation.machine(ADDRESS);
        let maintenance = MaintenanceHandle::simulated(&machine.thread());
        let asking = machine.thread();
        let results = Arc::new(ArrayQueue::new(1));
        let done = Arc::clone(&results);
        let job = |disk: MaintenanceDisk| async move {
            disk.create_dir_all(Path::new("/data")).await?;
            disk.open(file(), Open::BufferedNew).await.map(drop)
        };
        let report = move |result: std::io::Result<()>| done.push(result.is_ok()).unwrap();
        maintenance.submit(job, report).unwrap();
        simulation.run(async {
            while results.is_empty() {
                asking.sleep(Duration::from_millis(1)).await;
            }
            assert_eq!(results.pop(), Some(true));
            assert!(read_file(&asking, file()).await.unwrap().is_empty());
        });
    }
}
