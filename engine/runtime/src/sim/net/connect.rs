//! How connections are made.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::network::{Connection, delay};
use super::pipe::Pipe;
use super::socket::{SimSocket, seat};
use crate::runtime::Handle;
use crate::sync::Notify;

/// How much of a connection may be under way or unread: the least, and how much more at most.
const WINDOW_BYTES_MIN: usize = 4 << 10;
const WINDOW_BYTES_MORE: usize = 256 << 10;

/// How often a client knocks at a full backlog, and how many times.
const KNOCK_EVERY: Duration = Duration::from_secs(1);
const KNOCKS_MAX: usize = 5;

/// A connection that nobody has accepted yet.
struct Knock {
    arrives: Instant,
    connection: Rc<Connection>,
    client: SocketAddr,
}

pub(super) struct Backlog {
    shares_address: bool,
    knocks_max: usize,
    knocks: RefCell<VecDeque<Knock>>,
    is_closed: Cell<bool>,
    changed: Notify,
}

#[derive(Clone)]
pub(crate) struct SimListener(Rc<Inner>);

struct Inner {
    handle: Handle,
    address: SocketAddr,
    backlog: Rc<Backlog>,
}

fn refused(errno: i32) -> io::Error {
    io::Error::from_raw_os_error(errno)
}

/// Its own name for the machine, or the one that all know.
fn canonical(address: SocketAddr, own: IpAddr) -> SocketAddr {
    let ip = address.ip();
    if ip.is_loopback() || ip.is_unspecified() {
        SocketAddr::new(own, address.port())
    } else {
        address
    }
}

impl SimListener {
    pub(crate) fn bind(
        handle: &Handle,
        address: SocketAddr,
        reuse_port: bool,
        backlog: i32,
    ) -> io::Result<Self> {
        let seat = seat(handle);
        let net = &seat.universe().net;
        let mut address = canonical(address, seat.address());
        if address.ip() != seat.address() {
            return Err(refused(libc::EADDRNOTAVAIL));
        }
        if address.port() == 0 {
            address.set_port(net.next_port());
        }
        let mut listeners = net.listeners.borrow_mut();
        let sharing = listeners.entry(address).or_default();
        if !sharing.iter().all(|b| b.shares_address && reuse_port) {
            return Err(refused(libc::EADDRINUSE));
        }
        let backlog = Rc::new(Backlog {
            shares_address: reuse_port,
            knocks_max: usize::try_from(backlog).unwrap_or(0).max(1),
            knocks: RefCell::default(),
            is_closed: Cell::new(false),
            changed: Notify::new(),
        });
        sharing.push(Rc::clone(&backlog));
        Ok(Self(Rc::new(Inner {
            handle: handle.clone(),
            address,
            backlog,
        })))
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.0.address
    }

    pub(crate) async fn accept(&self) -> io::Result<(SimSocket, SocketAddr)> {
        let Inner {
            handle,
            address,
            backlog,
        } = &*self.0;
        loop {
            let changed = backlog.changed.wait();
            let now = handle.now();
            let first = backlog.knocks.borrow().front().map(|knock| knock.arrives);
            match first {
                Some(at) if at <= now => {}
                Some(at) => {
                    let _ = handle.timeout(at - now, changed).await;
                    continue;
                }
                None => {
                    changed.await;
                    continue;
                }
            }
            let knock = backlog.knocks.borrow_mut().pop_front();
            if let Some(knock) = knock {
                let socket = SimSocket::new(handle, knock.connection, 1, *address, knock.client);
                return Ok((socket, knock.client));
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let universe = seat(&self.handle).universe();
        self.backlog.is_closed.set(true);
        let mut listeners = universe.net.listeners.borrow_mut();
        if let Some(sharing) = listeners.get_mut(&self.address) {
            sharing.retain(|backlog| !Rc::ptr_eq(backlog, &self.backlog));
            if sharing.is_empty() {
                listeners.remove(&self.address);
            }
        }
        drop(listeners);
        for knock in self.backlog.knocks.take() {
            for pipe in knock.connection.pipes.iter().filter(|pipe| !pipe.is_dark()) {
                pipe.fail(universe.clock.now() + delay(universe), libc::ECONNRESET);
            }
        }
    }
}

impl SimSocket {
    pub(crate) async fn connect(handle: &Handle, address: SocketAddr) -> io::Result<Self> {
        let seat = seat(handle);
        let universe = seat.universe();
        let net = &universe.net;
        let peer = canonical(address, seat.address());
        let local = SocketAddr::new(seat.address(), net.next_port());
        for _ in 0..KNOCKS_MAX {
            while net.is_cut(local.ip(), peer.ip()) || net.is_cut(peer.ip(), local.ip()) {
                net.mended.wait().await;
            }
            handle.sleep(delay(universe)).await;
            let backlog = {
                let listeners = net.listeners.borrow();
                let sharing = listeners.get(&peer);
                let sharing = sharing.ok_or_else(|| refused(libc::ECONNREFUSED))?;
                Rc::clone(&sharing[universe.below(sharing.len())])
            };
            if backlog.knocks.borrow().len() >= backlog.knocks_max {
                handle.sleep(KNOCK_EVERY).await;
                continue;
            }
            let window = || WINDOW_BYTES_MIN + universe.below(WINDOW_BYTES_MORE);
            let connection = Rc::new(Connection {
                pipes: [
                    Pipe::new(local.ip(), peer.ip(), window()),
                    Pipe::new(peer.ip(), local.ip(), window()),
                ],
            });
            net.enter(&connection);
            backlog.knocks.borrow_mut().push_back(Knock {
                arrives: handle.now() + delay(universe),
                connection: Rc::clone(&connection),
                client: local,
            });
            backlog.changed.notify_all();
            return Ok(Self::new(handle, connection, 0, local, peer));
        }
        Err(refused(libc::ETIMEDOUT))
    }
}

impl fmt::Debug for SimListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimListener").field(&self.0.address).finish()
    }
}
