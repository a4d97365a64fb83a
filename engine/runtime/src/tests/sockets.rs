//! Connections, over the ring and in simulations.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;

use super::on_both_backends;
use crate::{Aligned, Handle, Listener, RingConfig, Runtime, Socket, SocketBuffers};

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn serve_echo(handle: &Handle) -> SocketAddr {
    let listener = Listener::bind(handle, any_port(), true, 128).unwrap();
    let address = listener.local_addr().unwrap();
    let handle_of_tasks = handle.clone();
    handle.spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            handle_of_tasks.spawn(echo(socket));
        }
    });
    address
}

async fn echo(socket: Socket) {
    loop {
        socket.readable().await.unwrap();
        let (count, buffer) = socket.recv(Aligned::new(4096), 0).await;
        if count.unwrap() == 0 {
            break;
        }
        socket.send_all(vec![buffer.freeze()]).await.unwrap();
    }
}

async fn receive(socket: &Socket, length: usize) -> Bytes {
    let mut buffer = Aligned::new(length);
    let mut filled = 0;
    while filled < length {
        let (count, back) = socket.recv(buffer, filled).await;
        buffer = back;
        let count = count.unwrap();
        assert!(count > 0, "the stream ended after {filled} bytes");
        filled += count;
        assert_eq!(buffer.len(), filled);
    }
    buffer.freeze()
}

#[test]
fn many_connections_are_echoed_at_once() {
    on_both_backends(async |handle| {
        let address = serve_echo(&handle);
        let clients: Vec<_> = (0..20u8)
            .map(|number| {
                let handle = handle.clone();
                handle.clone().spawn_task(async move {
                    let socket = Socket::connect(&handle, address).await.unwrap();
                    assert_eq!(socket.peer_addr().unwrap(), address);
                    for round in 0..20u8 {
                        let message = vec![number ^ round; 1024];
                        let sent = Bytes::from(message.clone());
                        socket.send_all(vec![sent]).await.unwrap();
                        assert_eq!(receive(&socket, 1024).await, message);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await;
        }
    });
}

#[test]
fn pipelined_sends_of_thousands_of_pieces_arrive_in_order() {
    const PIECES: usize = 3000;
    on_both_backends(async |handle| {
        let listener = Listener::bind(&handle, any_port(), false, 8).unwrap();
        let address = listener.local_addr().unwrap();
        let sender = handle.spawn_task({
            let handle = handle.clone();
            async move {
                let socket = Socket::connect(&handle, address).await.unwrap();
                // Smaller than one message, so that the kernel has to stop in between.
                let buffers = SocketBuffers {
                    send_bytes: Some(16 << 10),
                    receive_bytes: None,
                };
                socket.set_buffers(buffers).unwrap();
                for round in 0..4u8 {
                    let pieces = (0..PIECES)
                        .map(|piece| Bytes::from(vec![round ^ piece as u8; piece % 200]))
                        .collect();
                    socket.send_all(pieces).await.unwrap();
                }
                socket.send_all(Vec::new()).await.unwrap();
                socket.shutdown();
            }
        });
        let (socket, _) = listener.accept().await.unwrap();
        let expected: Vec<u8> = (0..4u8)
            .flat_map(|round| (0..PIECES).map(move |piece| (round, piece)))
            .flat_map(|(round, piece)| vec![round ^ piece as u8; piece % 200])
            .collect();
        assert!(receive(&socket, expected.len()).await == expected);
        let (count, _) = socket.recv(Aligned::new(64), 0).await;
        assert_eq!(count.unwrap(), 0);
        sender.await;
    });
}

#[test]
fn a_buffer_stays_with_the_kernel_when_its_receive_is_dropped() {
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    let handle = runtime.handle();
    runtime.run(async {
        let address = serve_echo(&handle);
        let socket = Socket::connect(&handle, address).await.unwrap();
        for _ in 0..50 {
            let gave_up = handle
                .timeout(
                    Duration::from_micros(200),
                    socket.recv(Aligned::new(4096), 0),
                )
                .await;
            assert!(gave_up.is_err());
            // The pool would hand the same memory out again if it had been freed too early.
            let other = Aligned::new(4096);
            drop(other);
        }
        // The cancelled receives took nothing of what comes now.
        handle.sleep(Duration::from_millis(5)).await;
        socket
            .send_all(vec![Bytes::from_static(b"still here")])
            .await
            .unwrap();
        assert_eq!(&receive(&socket, 10).await[..], b"still here");
    });
    assert_eq!(
        runtime.operations_in_flight(),
        1 + 1,
        "accept and the echo's poll"
    );
}

#[test]
fn a_shutdown_ends_a_receive_that_waits() {
    on_both_backends(async |handle| {
        let address = serve_echo(&handle);
        let socket = Rc::new(Socket::connect(&handle, address).await.unwrap());
        let receiver = handle.spawn_task({
            let socket = Rc::clone(&socket);
            async move { socket.recv(Aligned::new(4096), 0).await.0.unwrap() }
        });
        handle.sleep(Duration::from_millis(2)).await;
        socket.shutdown();
        assert_eq!(receiver.await, 0);
    });
}

#[test]
fn who_has_ended_its_stream_still_receives() {
    on_both_backends(async |handle| {
        let address = serve_echo(&handle);
        let socket = Socket::connect(&handle, address).await.unwrap();
        let sent = Bytes::from_static(b"last words");
        socket.send_all(vec![sent.clone()]).await.unwrap();
        socket.end_sending();
        assert_eq!(receive(&socket, sent.len()).await, sent);
        let (count, _) = socket.recv(Aligned::new(64), 0).await;
        assert_eq!(count.unwrap(), 0, "the echo has seen the end");
        let refused = socket.send_all(vec![sent]).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_peer_that_hangs_up_is_noticed_although_bytes_are_unread_and_those_stay() {
    on_both_backends(async |handle| {
        let listener = Listener::bind(&handle, any_port(), false, 8).unwrap();
        let address = listener.local_addr().unwrap();
        let client = Socket::connect(&handle, address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let sent = Bytes::from_static(b"pipelined");
        client.send_all(vec![sent.clone()]).await.unwrap();
        server.readable().await.unwrap();
        {
            let mut hung_up = pin!(server.hung_up());
            let soon = handle.timeout(Duration::from_millis(5), hung_up.as_mut());
            assert!(soon.await.is_err(), "bytes are no end");
            client.end_sending();
            hung_up.await;
        }
        assert_eq!(receive(&server, sent.len()).await, sent);
        // The other direction is still open.
        server.send_all(vec![sent.clone()]).await.unwrap();
        assert_eq!(receive(&client, sent.len()).await, sent);
        // Of a connection that is shut down here, it is over.
        server.shutdown();
        server.hung_up().await;
    });
}

#[test]
fn an_address_without_a_listener_refuses() {
    on_both_backends(async |handle| {
        let listener = Listener::bind(&handle, any_port(), true, 8).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        // A ring closes with its next entry into the kernel.
        handle.yield_now().await;
        handle.sleep(Duration::from_millis(1)).await;
        let refused = Socket::connect(&handle, address).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn listeners_share_an_address_only_if_all_want_to() {
    on_both_backends(async |handle| {
        let first = Listener::bind(&handle, any_port(), true, 8).unwrap();
        let address = first.local_addr().unwrap();
        let _second = Listener::bind(&handle, address, true, 8).unwrap();
        let alone = Listener::bind(&handle, address, false, 8).unwrap_err();
        assert_eq!(alone.kind(), std::io::ErrorKind::AddrInUse);
    });
}

#[test]
fn the_peer_sees_the_end_when_the_last_clone_is_dropped_with_an_operation_in_flight() {
    on_both_backends(async |handle| {
        let listener = Listener::bind(&handle, any_port(), false, 8).unwrap();
        let address = listener.local_addr().unwrap();
        let client = Socket::connect(&handle, address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        {
            let mut waiting = pin!(server.readable());
            std::future::poll_fn(|context| {
                assert!(waiting.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
        }
        drop(server);
        let end = handle
            .timeout(Duration::from_secs(5), client.recv(Aligned::new(64), 0))
            .await;
        assert_eq!(end.unwrap().0.unwrap(), 0);
    });
}

#[test]
fn more_operations_than_the_queue_has_entries() {
    let small = RingConfig {
        entries: 4,
        completion_entries: 8,
    };
    let runtime = Runtime::new(small).unwrap();
    let handle = runtime.handle();
    runtime.run(async {
        let address = serve_echo(&handle);
        let clients: Vec<_> = (0..50)
            .map(|_| {
                let handle = handle.clone();
                handle.clone().spawn_task(async move {
                    let socket = Socket::connect(&handle, address).await.unwrap();
                    socket
                        .send_all(vec![Bytes::from_static(b"hello")])
                        .await
                        .unwrap();
                    receive(&socket, 5).await
                })
            })
            .collect();
        for client in clients {
            assert_eq!(&client.await[..], b"hello");
        }
    });
}
