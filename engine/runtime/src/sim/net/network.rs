//! All connections, listeners and cut links of a simulation.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::connect::Backlog;
use super::pipe::Pipe;
use crate::sim::simulation::Universe;
use crate::sync::Notify;

/// How long a segment is under way: usually up to the first, one in so many up to the second.
const DELAY_NS_MAX: usize = 300_000;
const SLOW_NS_MAX: usize = 40_000_000;
const SLOW_ONE_IN: usize = 128;

/// Ports that nobody chose begin here.
const EPHEMERAL_PORT_MIN: u16 = 32_768;

/// The two directions between two sockets.
pub(super) struct Connection {
    /// By the side that sends: 0 connected, 1 accepted.
    pub pipes: [Pipe; 2],
}

#[derive(Default)]
pub(in crate::sim) struct Net {
    pub(super) listeners: RefCell<BTreeMap<SocketAddr, Vec<Rc<Backlog>>>>,
    connections: RefCell<Vec<Weak<Connection>>>,
    cut: RefCell<BTreeSet<(IpAddr, IpAddr)>>,
    ports_given: Cell<u16>,
    pub(super) mended: Notify,
}

pub(super) fn delay(universe: &Universe) -> Duration {
    let is_slow = universe.below(SLOW_ONE_IN) == 0;
    universe.up_to_ns(if is_slow { SLOW_NS_MAX } else { DELAY_NS_MAX })
}

impl Net {
    pub(super) fn is_cut(&self, from: IpAddr, to: IpAddr) -> bool {
        self.cut.borrow().contains(&(from, to))
    }

    pub(super) fn next_port(&self) -> u16 {
        let given = self.ports_given.get();
        self.ports_given
            .set((given + 1) % (u16::MAX - EPHEMERAL_PORT_MIN));
        EPHEMERAL_PORT_MIN + given
    }

    pub(super) fn enter(&self, connection: &Rc<Connection>) {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|known| known.strong_count() > 0);
        connections.push(Rc::downgrade(connection));
    }

    fn open_connections(&self) -> Vec<Rc<Connection>> {
        let connections = self.connections.borrow();
        connections.iter().filter_map(Weak::upgrade).collect()
    }

    pub fn reset_one(&self, universe: &Universe) -> bool {
        let mut open = self.open_connections();
        open.retain(|connection| connection.pipes.iter().all(Pipe::is_open));
        if open.is_empty() {
            return false;
        }
        let chosen = &open[universe.below(open.len())];
        for pipe in &chosen.pipes {
            pipe.fail(universe.clock.now() + delay(universe), libc::ECONNRESET);
        }
        true
    }

    pub fn cut_link(&self, from: IpAddr, to: IpAddr) {
        self.cut.borrow_mut().insert((from, to));
    }

    pub fn mend_links(&self, universe: &Universe) {
        self.cut.borrow_mut().clear();
        for connection in self.open_connections() {
            for pipe in &connection.pipes {
                pipe.release(universe.clock.now() + delay(universe));
            }
        }
        self.mended.notify_all();
    }

    /// The machine has lost its power: it sends nothing any more, not even an end.
    pub fn darken(&self, address: IpAddr) {
        for connection in self.open_connections() {
            for pipe in &connection.pipes {
                if pipe.touches(address) {
                    pipe.darken();
                }
            }
        }
    }

    /// The machine is up again, and resets what it knows nothing of.
    pub fn light_up(&self, universe: &Universe, address: IpAddr) {
        for connection in self.open_connections() {
            for pipe in connection.pipes.iter().filter(|p| p.touches(address)) {
                if pipe.is_dark() {
                    pipe.fail(universe.clock.now() + delay(universe), libc::ECONNRESET);
                }
            }
        }
    }
}
