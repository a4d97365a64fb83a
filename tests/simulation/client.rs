//! A client's way to the server: a connection that is made again whenever it has failed.

use std::time::Duration;

use naru_bench::kafka::{Connection, KafkaError};
use naru_runtime::Handle;
use naru_wire::{Request, Str};

use super::world::BOOTSTRAP;

/// How long an answer may take before the client gives the connection up.
const ANSWER_MAX: Duration = Duration::from_secs(8);

/// How long to wait before the next try.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// Nothing is known of what was asked for: it happened, or not.
#[derive(Debug)]
pub struct Lost;

pub struct Client {
    io: Handle,
    connection: Option<Connection>,
}

impl Client {
    pub fn new(io: &Handle) -> Self {
        Self {
            io: io.clone(),
            connection: None,
        }
    }

    /// The connection, made anew if need be; this does not end before there is one.
    pub async fn connection(&mut self) -> Connection {
        loop {
            if let Some(connection) = &self.connection {
                return connection.clone();
            }
            match Connection::open(&self.io, BOOTSTRAP).await {
                Ok(connection) => self.connection = Some(connection),
                Err(KafkaError::Unreachable { .. } | KafkaError::Broken { .. }) => {
                    self.io.sleep(RETRY_AFTER).await;
                }
                Err(error) => panic!("the server does not speak Kafka's protocol: {error}"),
            }
        }
    }

    /// The next request goes over another connection.
    pub async fn hang_up(&mut self) {
        self.connection = None;
        self.io.sleep(RETRY_AFTER).await;
    }

    /// Asks, in the newest version up to `version_max`, and waits for the answer.
    pub async fn call<R: Request>(
        &mut self,
        request: &R,
        version_max: i16,
    ) -> Result<R::Response, Lost> {
        let connection = self.connection().await;
        let answer = connection
            .version::<R>(version_max)
            .and_then(|version| connection.send_in(request, version));
        let answered = match answer {
            Ok(answer) => self.io.timeout(ANSWER_MAX, answer).await,
            Err(error) => Ok(Err(error)),
        };
        match answered {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(KafkaError::Broken { .. } | KafkaError::Unreachable { .. })) | Err(_) => {
                self.hang_up().await;
                Err(Lost)
            }
            Ok(Err(error)) => panic!("an answer that makes no sense: {error}"),
        }
    }

    /// Sends a request that is not answered.
    pub async fn send<R: Request>(&mut self, request: &R, version_max: i16) {
        let connection = self.connection().await;
        let version = connection.version::<R>(version_max).unwrap();
        let sent = connection.send_unanswered(request, version);
        if sent.is_err() || connection.drained().await.is_err() {
            self.hang_up().await;
        }
    }
}

pub fn text(text: &str) -> Str {
    Str::from(text)
}
