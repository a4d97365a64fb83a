//! One connection: a task that receives and starts requests in order, and one that sends
//! their answers in the same order.
//!
//! Produce requests overlap; any other request is started when all before it are
//! answered, as Kafka does it, so that what a client pipelines happens in the order in
//! which it asked.

use std::rc::Rc;

use bytes::Bytes;
use naru_runtime::Socket;

use super::frames::{FrameError, Frames};
use super::outbox::{Outbox, OutboxError, Reply};
use super::registry::Activity;
use super::service::{Network, Peer, Service, Start};

/// An answer up to this size is not counted, in bytes: a connection has one at a time.
const UNCOUNTED_BYTES_MAX: usize = 4 << 10;

/// Serves a connection to its end.
pub async fn serve<S: Service>(network: Rc<Network<S>>, socket: Socket, peer: Peer) {
    let io = &network.io;
    let outbox = Rc::new(Outbox::default());
    let entered = network
        .connections
        .enter(socket.clone(), &peer, Rc::clone(&outbox), io.now());
    let activity = Rc::clone(&entered.activity);
    let address = peer.address;

    let sender = io.spawn_task({
        let (io, socket) = (io.clone(), socket.clone());
        let (outbox, activity) = (Rc::clone(&outbox), Rc::clone(&activity));
        let connections = Rc::clone(&network.connections);
        async move {
            let sent = |bytes: usize| {
                connections.sent_bytes.add(bytes as u64);
                activity.progress(io.now());
                connections.answered(&activity);
            };
            let result = outbox.run(&io, &socket, sent).await;
            if result.is_err() {
                outbox.close();
                socket.shutdown();
            }
            result
        }
    });
    let received = receive(&network, &socket, &peer, &outbox, &activity).await;
    outbox.close();
    let sent = sender.await;
    socket.shutdown();
    if let Err(reason) = received {
        tracing::warn!(%address, "connection closed: {reason}");
    }
    if let Err(OutboxError::Closed(reason)) = sent {
        tracing::warn!(%address, "connection closed: {reason}");
    }
    drop(entered);
}

/// Receives requests and starts them until the peer closes, an error, or the drain.
async fn receive<S: Service>(
    network: &Network<S>,
    socket: &Socket,
    peer: &Peer,
    outbox: &Outbox,
    activity: &Activity,
) -> Result<(), String> {
    let mut frames = Frames::new(
        socket.clone(),
        network.memory.clone(),
        network.frame_bytes_max,
    );
    while !outbox.is_closed() {
        match frames.take_ready().map_err(|e| e.to_string())? {
            Some(frame) => {
                let started = network.service.start(peer, frame)?;
                activity.set_busy(true);
                if matches!(started, Start::Alone(_)) {
                    // It may wait long: the buffer is not kept for what has not come yet.
                    frames.release_if_empty();
                }
                go_on(network, outbox, activity, started).await;
            }
            None => {
                if network.connections.is_draining() && !frames.is_mid_frame() {
                    return Ok(());
                }
                activity.set_busy(frames.is_mid_frame());
                match receive_more(network, &mut frames, outbox, activity).await {
                    Ok(true) => {}
                    // A peer that closes or resets the connection needs no reason.
                    Ok(false) | Err(FrameError::Broken(_)) => return Ok(()),
                    Err(error) => return Err(error.to_string()),
                }
            }
        }
    }
    Ok(())
}

/// Waits for more bytes; false at the end of the stream. Only while the peer is waited
/// for, not while memory is, can it be called stalled.
async fn receive_more<S: Service>(
    network: &Network<S>,
    frames: &mut Frames,
    outbox: &Outbox,
    activity: &Activity,
) -> Result<bool, FrameError> {
    let io = &network.io;
    activity.start_receiving(io.now(), false);
    let rested = frames.rest().await;
    activity.end_receiving(io.now());
    rested?;
    frames.make_room(|| outbox.wait_below(0)).await?;
    activity.start_receiving(io.now(), frames.holds_memory());
    let received = frames.receive().await;
    activity.end_receiving(io.now());
    let received_bytes = received?;
    network
        .connections
        .received_bytes
        .add(received_bytes as u64);
    Ok(received_bytes > 0)
}

/// Brings a request to where the next one may be looked at.
async fn go_on<S: Service>(
    network: &Network<S>,
    outbox: &Outbox,
    activity: &Activity,
    started: Start,
) {
    match started {
        Start::Overlapping(answer) => {
            outbox.push(answer);
            outbox.wait_for_room().await;
        }
        Start::InOrder(starting) => {
            activity.set_working(true);
            let answer = starting.await;
            activity.set_working(false);
            outbox.push(answer);
            outbox.wait_for_room().await;
        }
        Start::Alone(work) => {
            activity.set_working(true);
            outbox.wait_below(0).await;
            let reply = work.await;
            activity.set_working(false);
            activity.progress(network.io.now());
            let reply = counted(network, reply);
            outbox.push(Box::pin(std::future::ready(reply)));
            outbox.wait_below(0).await;
        }
    }
}

/// An answer of any size counts until it is read, not only one that was reserved.
fn counted<S: Service>(network: &Network<S>, reply: Reply) -> Reply {
    let bytes = match &reply {
        Reply::Send(frame) => frame.iter().map(Bytes::len).sum(),
        _ => 0,
    };
    if bytes > UNCOUNTED_BYTES_MAX {
        let memory = network.memory.charge_answer(bytes);
        return reply.holding(memory);
    }
    reply
}
