//! Whether the peer of a connection has hung up, for requests that wait on its behalf.
//!
//! While a request waits, its connection is not received from: nobody would notice the end
//! of the stream. One poll for the end is made when the first request asks, and serves all
//! that come after it. It takes no bytes: what the peer has pipelined stays where it is.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use naru_runtime::sync::Notify;
use naru_runtime::{Handle, Socket, Task};

/// See [`Self::unless_gone`]. Clones share one poll; it ends with the last of them.
#[derive(Clone)]
pub struct Hangup(Rc<Inner>);

struct Inner {
    io: Handle,
    socket: Socket,
    state: Rc<State>,
    poll: OnceCell<Task<()>>,
}

#[derive(Default)]
struct State {
    has_hung_up: Cell<bool>,
    hung_up: Notify,
}

impl Hangup {
    pub fn new(io: Handle, socket: Socket) -> Self {
        Self(Rc::new(Inner {
            io,
            socket,
            state: Rc::default(),
            poll: OnceCell::new(),
        }))
    }

    /// Resolves once the peer has ended its stream, or the connection is over. It may still
    /// read, so what it asked for is worth an answer, but not a wait.
    async fn wait(&self) {
        let Inner {
            io, socket, state, ..
        } = &*self.0;
        self.0.poll.get_or_init(|| {
            let (socket, state) = (socket.clone(), Rc::clone(state));
            io.spawn_task(async move {
                socket.hung_up().await;
                state.has_hung_up.set(true);
                state.hung_up.notify_all();
            })
        });
        while !state.has_hung_up.get() {
            state.hung_up.wait().await;
        }
    }
}

impl Hangup {
    /// Waits for `work` as long as the peer is there; `None` when it has gone before.
    pub async fn unless_gone<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let (mut work, mut gone) = (pin!(work), pin!(self.wait()));
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => gone.as_mut().poll(context).map(|()| None),
        })
        .await
    }
}

impl fmt::Debug for Hangup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = &self.0.state;
        f.debug_tuple("Hangup").field(&state.has_hung_up).finish()
    }
}
