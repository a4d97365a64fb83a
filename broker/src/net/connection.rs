//! One connection: a task that receives and starts requests in order, and one that sends
//! their answers in the same order.
//!
//! Produce requests overlap; any other request is started when all before it are
//! answered, as Kafka does it, so that what a client pipelines happens in the order in
//! which it asked.

use std::rc::Rc;

use naru_runtime::Socket;

use super::frames::{Frame, FrameError, Frames};
use super::outbox::{Outbox, OutboxError};
use super::registry::Activity;
use super::service::{Network, Peer, Service, Start};

/// Serves a connection to its end.
pub async fn serve<S: Service>(network: Rc<Network<S>>, socket: Socket, peer: Peer) {
    let entered = network.connections.enter(socket.clone());
    let activity = Rc::clone(&entered.activity);
    let outbox = Rc::new(Outbox::default());
    let address = peer.address;

    let sender = network.io.spawn_task({
        let (outbox, socket, activity) = (Rc::clone(&outbox), socket.clone(), Rc::clone(&activity));
        async move {
            let result = outbox.run(&socket, || activity.progress()).await;
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
        network.io.clone(),
        network.memory.clone(),
        network.frame_bytes_max,
    );
    while !outbox.is_closed() {
        match frames.take_ready().map_err(|e| e.to_string())? {
            Some(frame) => start(network, peer, outbox, activity, frame).await?,
            None => {
                if network.connections.is_draining() && !frames.is_mid_frame() {
                    return Ok(());
                }
                activity.set_busy(
                    frames.is_mid_frame() || !outbox.is_empty(),
                    frames.holds_memory() || !outbox.is_empty(),
                );
                match frames.receive().await {
                    Ok(true) => activity.progress(),
                    // Who closes or resets is not asked why.
                    Ok(false) | Err(FrameError::Broken(_)) => return Ok(()),
                    Err(error) => return Err(error.to_string()),
                }
            }
        }
    }
    Ok(())
}

async fn start<S: Service>(
    network: &Network<S>,
    peer: &Peer,
    outbox: &Outbox,
    activity: &Activity,
    frame: Frame,
) -> Result<(), String> {
    let Frame { bytes, memory } = frame;
    activity.set_busy(true, memory.is_some());
    match network.service.start(peer, bytes)? {
        Start::Overlapping(answer) => {
            outbox.push(Box::pin(async move {
                let reply = answer.await;
                drop(memory);
                reply
            }));
            outbox.wait_for_room().await;
        }
        Start::Alone(work) => {
            outbox.wait_below(0).await;
            activity.set_working(true);
            let reply = work.await;
            activity.set_working(false);
            activity.progress();
            drop(memory);
            outbox.push(Box::pin(std::future::ready(reply)));
            outbox.wait_below(0).await;
        }
    }
    Ok(())
}
