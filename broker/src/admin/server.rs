//! The admin thread: accepts connections, and bounds what each may take.
//!
//! It is a thread of its own with its own reactor: whatever those who connect do, no shard and not
//! the control thread waits for it.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::broker::{Broker, BrokerParts};
use super::routes::Routes;
use super::stalling::Stalling;

/// Connections that are open at a time; the next ones wait to be accepted.
const CONNECTIONS_MAX: usize = 64;

/// The head of a request, in bytes and headers.
const HEAD_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;

/// How long the head of a request may take, the wait for it included.
const HEAD_MAX: Duration = Duration::from_secs(75);

/// How long a peer may take nothing of its answer.
const STALL_MAX: Duration = Duration::from_secs(10);

/// How long a connection lives, and what it then has for the answer under way.
const CONNECTION_MAX: Duration = Duration::from_secs(600);
const LAST_ANSWER_MAX: Duration = Duration::from_secs(30);

/// How long accepting rests when the system has no file descriptor left.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// The running admin thread. Dropping it ends the thread without waiting for it.
pub struct AdminServer {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl AdminServer {
    /// Serves on a socket that listens already.
    pub fn start(listener: TcpListener, parts: BrokerParts) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("naru-admin".into())
            .spawn(move || {
                let local = LocalSet::new();
                local.block_on(&runtime, async {
                    spawn_local(accept(listener, Rc::new(Broker::new(parts))));
                    // An error is a sender that was dropped: the same.
                    let _ = stopped.await;
                });
            })?;
        Ok(Self {
            address,
            stop,
            thread,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the thread; its connections break.
    pub fn stop(self) {
        let _ = self.stop.send(());
        if self.thread.join().is_err() {
            tracing::error!("the admin thread had panicked");
        }
    }
}

async fn accept(listener: TcpListener, broker: Rc<Broker>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!("the admin listener does not work: {error}"),
    };
    let routes = Rc::new(Routes::new(broker));
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let routes = Rc::clone(&routes);
                spawn_local(async move {
                    serve(stream, routes).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!("cannot accept an admin connection: {error}");
                sleep(RETRY_AFTER).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, routes: Rc<Routes>) {
    let service = service_fn(move |request| {
        let routes = Rc::clone(&routes);
        async move { Ok::<_, Infallible>(routes.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(Stalling::new(stream, STALL_MAX)), service);
    let mut connection = pin!(connection);
    // What goes wrong on a connection is its peer's business.
    if timeout(CONNECTION_MAX, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(LAST_ANSWER_MAX, connection).await;
    }
}
