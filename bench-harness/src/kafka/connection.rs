//! A connection: requests go out as they are given, answers come back in their order.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use naru_client::{KafkaError, Versions, address_of};
use naru_runtime::sync::{Notify, Receiver, Sender, oneshot};
use naru_runtime::{Handle, Socket};
use naru_wire::{ApiKey, Message, Request, Str, decode_response, encode_request};

use super::frames::Frames;

const CLIENT: &str = "naru-bench";

/// How long a broker may take to accept a connection and say what it serves.
const OPEN_TIME_MAX: Duration = Duration::from_secs(10);

/// Clones share the connection; it is closed with the last of them.
#[derive(Clone)]
pub struct Connection {
    inner: Rc<Inner>,
}

struct Inner {
    address: String,
    socket: Socket,
    client_id: Str,
    versions: RefCell<Versions>,
    next_correlation_id: Cell<i32>,
    /// Who waits for an answer, in the order of the requests.
    waiting: RefCell<VecDeque<(i32, Sender<Bytes>)>>,
    outbox: RefCell<Vec<Bytes>>,
    has_outgoing: Rc<Notify>,
    is_sending: Cell<bool>,
    has_sent: Notify,
    /// Why the connection is of no use any more.
    broken: RefCell<Option<String>>,
}

/// The answer to a request that has been given to the connection.
pub struct Answer<M> {
    inner: Rc<Inner>,
    frame: Receiver<Bytes>,
    version: i16,
    message: PhantomData<fn() -> M>,
}

impl Connection {
    /// Connects to `address` (`host:port`) and asks for the versions that the broker serves.
    pub async fn open(handle: &Handle, address: &str) -> Result<Self, KafkaError> {
        let unreachable = |reason: String| KafkaError::Unreachable {
            address: address.to_owned(),
            reason,
        };
        let target = address_of(address)?;
        let opening = async {
            let socket = Socket::connect(handle, target)
                .await
                .map_err(|error| unreachable(error.to_string()))?;
            let connection = Self::on(handle, socket, address);
            connection.ask_versions().await?;
            Ok(connection)
        };
        match handle.timeout(OPEN_TIME_MAX, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(unreachable("no answer in 10 s".into())),
        }
    }

    fn on(handle: &Handle, socket: Socket, address: &str) -> Self {
        let inner = Rc::new(Inner {
            address: address.to_owned(),
            socket: socket.clone(),
            client_id: Str::from_static(CLIENT),
            versions: RefCell::default(),
            next_correlation_id: Cell::new(0),
            waiting: RefCell::default(),
            outbox: RefCell::default(),
            has_outgoing: Rc::default(),
            is_sending: Cell::new(false),
            has_sent: Notify::new(),
            broken: RefCell::default(),
        });
        // The tasks hold the state weakly: they end with the last clone of the connection, whose
        // drop ends the socket.
        handle.spawn(receive(Rc::downgrade(&inner), Frames::new(socket)));
        handle.spawn(send(Rc::downgrade(&inner), Rc::clone(&inner.has_outgoing)));
        Self { inner }
    }

    async fn ask_versions(&self) -> Result<(), KafkaError> {
        let (request, version) = Versions::request(CLIENT);
        let response = self.send_in(&request, version)?.await?;
        self.inner.versions.replace(Versions::of(response)?);
        Ok(())
    }

    pub fn address(&self) -> &str {
        &self.inner.address
    }

    /// The newest version of `R`, up to `limit`, that both sides have.
    pub fn version<R: Request>(&self, limit: i16) -> Result<i16, KafkaError> {
        let versions = self.inner.versions.borrow();
        versions.newest::<R>(&self.inner.address, limit)
    }

    /// Gives a request to the connection, in the newest version that both sides have. The answer
    /// may be awaited later; further requests may follow before.
    pub fn send<R: Request>(&self, request: &R) -> Result<Answer<R::Response>, KafkaError> {
        self.send_in(request, self.version::<R>(i16::MAX)?)
    }

    /// As [`Self::send`], in a given version.
    pub fn send_in<R: Request>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<Answer<R::Response>, KafkaError> {
        let (sender, frame) = oneshot();
        let correlation_id = self.put(request, version)?;
        self.inner
            .waiting
            .borrow_mut()
            .push_back((correlation_id, sender));
        Ok(Answer {
            inner: Rc::clone(&self.inner),
            frame,
            version,
            message: PhantomData,
        })
    }

    /// Gives a request to the connection that is not answered: produce with acks=0.
    pub fn send_unanswered<R: Request>(&self, request: &R, version: i16) -> Result<(), KafkaError> {
        self.put(request, version).map(|_| ())
    }

    fn put<R: Request>(&self, request: &R, version: i16) -> Result<i32, KafkaError> {
        let inner = &self.inner;
        if let Some(reason) = &*inner.broken.borrow() {
            return Err(inner.broke(reason));
        }
        let correlation_id = inner.next_correlation_id.get();
        inner
            .next_correlation_id
            .set(correlation_id.wrapping_add(1));
        let pieces = encode_request(request, version, correlation_id, Some(&inner.client_id))
            .map_err(|error| inner.unreadable(R::KEY, error.to_string()))?;
        inner.outbox.borrow_mut().extend(pieces);
        inner.has_outgoing.notify_all();
        Ok(correlation_id)
    }

    /// Waits until the kernel has taken all that was given: what bounds a producer that is not
    /// answered.
    pub async fn drained(&self) -> Result<(), KafkaError> {
        let inner = &self.inner;
        loop {
            let sent = inner.has_sent.wait();
            if let Some(reason) = &*inner.broken.borrow() {
                return Err(inner.broke(reason));
            }
            if !inner.is_sending.get() && inner.outbox.borrow().is_empty() {
                return Ok(());
            }
            sent.await;
        }
    }

    /// Sends a request and waits for its answer.
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Response, KafkaError> {
        self.send(request)?.await
    }
}

impl Inner {
    fn broke(&self, reason: &str) -> KafkaError {
        KafkaError::Broken {
            address: self.address.clone(),
            reason: reason.to_owned(),
        }
    }

    fn unreadable(&self, api: ApiKey, reason: String) -> KafkaError {
        KafkaError::Unreadable {
            address: self.address.clone(),
            api,
            reason,
        }
    }

    /// Nothing goes over this connection any more; all who wait hear of it.
    fn end(&self, reason: String) {
        self.broken.borrow_mut().get_or_insert(reason);
        self.socket.shutdown();
        let waiting = self.waiting.take();
        drop(waiting);
        self.has_outgoing.notify_all();
        self.has_sent.notify_all();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.socket.shutdown();
        self.has_outgoing.notify_all();
    }
}

/// Gives each frame to who waits for it.
async fn receive(inner: Weak<Inner>, mut frames: Frames) {
    loop {
        let frame = frames.next().await;
        let Some(inner) = inner.upgrade() else {
            return;
        };
        let given = frame.and_then(|frame| {
            let waiting = inner.waiting.borrow_mut().pop_front();
            let (expected, sender) = waiting.ok_or("an answer came that nobody waits for")?;
            let correlation_id = frame.first_chunk().map(|bytes| i32::from_be_bytes(*bytes));
            if correlation_id != Some(expected) {
                return Err(format!(
                    "the answer to request {expected} was due, {correlation_id:?} came"
                ));
            }
            // Who gave up waiting does not want it.
            let _ = sender.send(frame);
            Ok(())
        });
        if let Err(reason) = given {
            inner.end(reason);
            return;
        }
    }
}

/// Sends what has gathered, in one go.
async fn send(inner: Weak<Inner>, has_outgoing: Rc<Notify>) {
    while let Some(strong) = inner.upgrade() {
        let pieces = strong.outbox.take();
        let socket = strong.socket.clone();
        let is_broken = strong.broken.borrow().is_some();
        strong.is_sending.set(!pieces.is_empty());
        let woken = has_outgoing.wait();
        drop(strong);
        if is_broken {
            return;
        }
        if pieces.is_empty() {
            woken.await;
            continue;
        }
        let sent = socket.send_all(pieces).await;
        let Some(inner) = inner.upgrade() else {
            return;
        };
        inner.is_sending.set(false);
        match sent {
            Ok(()) => inner.has_sent.notify_all(),
            Err(error) => inner.end(error.to_string()),
        }
    }
}

impl<M: Message> Future for Answer<M> {
    type Output = Result<M, KafkaError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let frame = ready!(Pin::new(&mut self.frame).poll(context));
        let inner = &self.inner;
        Poll::Ready(match frame {
            Some(frame) => decode_response::<M>(frame, self.version)
                .map(|(_, message)| message)
                .map_err(|error| inner.unreadable(M::KEY, error.to_string())),
            None => {
                let reason = inner.broken.borrow();
                Err(inner.broke(reason.as_deref().unwrap_or("it was closed")))
            }
        })
    }
}
