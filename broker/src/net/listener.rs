//! A shard's listeners: every shard accepts on every address, and the kernel spreads the
//! connections over them (SO_REUSEPORT).

use std::io;
use std::rc::Rc;
use std::time::Duration;

use naru_runtime::Listener;

use super::connection;
use super::hangup::Hangup;
use super::service::{Network, Peer, Service};

/// How long a shard waits after the system refused a connection (no file descriptors).
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Accepts connections until the shard drains.
pub async fn listen<S: Service>(network: Rc<Network<S>>, listener: Listener, index: usize) {
    let mut is_refused = false;
    while !network.connections.is_draining() {
        match listener.accept().await {
            Ok((socket, address)) => {
                if std::mem::take(&mut is_refused) {
                    tracing::info!("connections are accepted again");
                }
                if network.connections.len() >= (network.connections_max)() {
                    tracing::warn!(%address, "refused: max.connections is reached");
                    continue;
                }
                let peer = Peer {
                    address,
                    listener: index,
                    hangup: Hangup::new(network.io.clone(), socket.clone()),
                };
                network
                    .io
                    .spawn(connection::serve(Rc::clone(&network), socket, peer));
            }
            Err(error) => {
                // Said once, not ten times a second for as long as it lasts.
                if !std::mem::replace(&mut is_refused, true) {
                    tracing::warn!("cannot accept connections: {error}{}", advice(&error));
                }
                network.io.sleep(RETRY_AFTER).await;
            }
        }
    }
}

/// What to do about it, where that is known.
fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(nix::libc::EMFILE) => {
            "; raise LimitNOFILE= in the systemd unit (`ulimit -Hn`), or lower max.connections"
        }
        _ => "",
    }
}
