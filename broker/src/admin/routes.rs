//! The table of what is served, and the way from a request to its handler.
//!
//! Everything is read, nothing is changed: GET and HEAD are the only methods. The OpenAPI document
//! is made from this table, so that there is no route that it does not tell of.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use hyper::body::{Body as _, Incoming};
use hyper::header::{ACCEPT, CONNECTION, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::answer::{Answer, Body, Problem};
use super::api::{
    Paged, cluster, configs, connections, groups, logs, memory, partitions, topics, transactions,
};
use super::broker::Broker;
use super::call::{self, Call};
use super::{health, openapi, scrape};

type Answering = Pin<Box<dyn Future<Output = Result<Answer, Problem>>>>;

/// A path, and who answers there.
pub struct Route {
    /// `{name}` stands for any one segment.
    pub path: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// What the query may have.
    pub parameters: &'static [Parameter],
    /// The schema of the JSON that is answered; `None` for text.
    pub schema: Option<fn(&mut SchemaGenerator) -> Schema>,
    handler: Box<dyn Fn(Call) -> Answering>,
}

/// A parameter of the query.
pub struct Parameter {
    pub name: &'static str,
    pub kind: &'static str,
    pub doc: &'static str,
}

/// What a list takes.
const PAGE: &[Parameter] = &[
    Parameter {
        name: "limit",
        kind: "integer",
        doc: "Items of the page, 1 to 1000; 100 when not given.",
    },
    Parameter {
        name: "after",
        kind: "string",
        doc: "Where the page begins: `next` of the page before.",
    },
];

impl Route {
    /// A route that answers JSON.
    fn json<T, F>(
        path: &'static str,
        summary: &'static str,
        handler: impl Fn(Call) -> F + 'static,
    ) -> Self
    where
        T: Serialize + JsonSchema,
        F: Future<Output = Result<T, Problem>> + 'static,
    {
        let handler = move |call| -> Answering {
            let value = handler(call);
            Box::pin(async move { Answer::json(&value.await?) })
        };
        Self {
            path,
            summary,
            parameters: &[],
            schema: Some(SchemaGenerator::subschema_for::<T>),
            handler: Box::new(handler),
        }
    }

    /// A route that answers text.
    fn text<F>(
        path: &'static str,
        summary: &'static str,
        handler: impl Fn(Call) -> F + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Answer, Problem>> + 'static,
    {
        Self {
            path,
            summary,
            parameters: &[],
            schema: None,
            handler: Box::new(move |call| Box::pin(handler(call))),
        }
    }

    /// A route that answers a list, page by page.
    fn list<T, F>(
        path: &'static str,
        summary: &'static str,
        handler: impl Fn(Call) -> F + 'static,
    ) -> Self
    where
        T: Serialize + JsonSchema,
        F: Future<Output = Result<Paged<T>, Problem>> + 'static,
    {
        Self {
            parameters: PAGE,
            ..Self::json(path, summary, handler)
        }
    }

    /// The decoded values of the path's names, if the path fits.
    fn fits(&self, path: &str) -> Option<Vec<String>> {
        let (mut wanted, mut given) = (self.path.split('/'), path.split('/'));
        let mut values = Vec::new();
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return Some(values),
                (Some(name), Some(value)) if name.starts_with('{') => {
                    values.push(call::decoded(value).filter(|value| !value.is_empty())?);
                }
                (Some(wanted), Some(given)) if wanted == given => {}
                _ => return None,
            }
        }
    }
}

pub fn table() -> Vec<Route> {
    vec![
        Route::json("/healthz", "Whether the process lives.", health::healthz),
        Route::json(
            "/readyz",
            "Whether clients can be sent to this broker: its shards have recovered, its \
             listeners are open, its directory is not fenced.",
            health::readyz,
        ),
        Route::text(
            "/metrics",
            "Metrics for Prometheus, as its text format or as OpenMetrics.",
            scrape::metrics,
        ),
        Route::json("/api/v1/cluster", "The cluster.", cluster::show),
        Route::list(
            "/api/v1/brokers",
            "The brokers, by node id.",
            cluster::brokers,
        ),
        Route::list(
            "/api/v1/brokers/{node_id}/configs",
            "The configs that this broker acts on, and where each value comes from.",
            configs::of_broker,
        ),
        Route::list("/api/v1/topics", "The topics, by name.", topics::list),
        Route::json(
            "/api/v1/topics/{topic}",
            "A topic, and what this broker holds of it.",
            topics::show,
        ),
        Route::list(
            "/api/v1/topics/{topic}/configs",
            "The configs of a topic, and where each value comes from.",
            configs::of_topic,
        ),
        Route::list(
            "/api/v1/topics/{topic}/partitions",
            "The partitions of a topic, by number.",
            partitions::list,
        ),
        Route::json(
            "/api/v1/topics/{topic}/partitions/{partition}",
            "A partition.",
            partitions::show,
        ),
        Route::list(
            "/api/v1/topics/{topic}/partitions/{partition}/segments",
            "The segments of a partition, oldest first.",
            partitions::segments,
        ),
        Route::list("/api/v1/groups", "The groups, by id.", groups::list),
        Route::json(
            "/api/v1/groups/{group}",
            "A group and its members.",
            groups::show,
        ),
        Route::json(
            "/api/v1/groups/{group}/lag",
            "How far a group is behind, in records and in time, and what comes of it.",
            groups::lag,
        ),
        Route::list(
            "/api/v1/transactions",
            "The transactional ids.",
            transactions::list,
        ),
        Route::json(
            "/api/v1/transactions/{transactional_id}",
            "A transactional id and its transaction.",
            transactions::show,
        ),
        Route::list(
            "/api/v1/logs",
            "The logs of all partitions, by topic and number.",
            logs::list,
        ),
        Route::list(
            "/api/v1/connections",
            "The open connections of clients, by shard.",
            connections::list,
        ),
        Route::json("/api/v1/memory", "The shares of naru.memory.", memory::show),
        Route::json("/api/v1/openapi.json", "This document.", async |_| {
            Ok::<_, Problem>(openapi::document(&table()))
        }),
    ]
}

/// The routes of one broker.
pub struct Routes {
    broker: Rc<Broker>,
    table: Vec<Route>,
}

impl Routes {
    pub fn new(broker: Rc<Broker>) -> Self {
        Self {
            broker,
            table: table(),
        }
    }

    pub async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        if !matches!(head.method, Method::GET | Method::HEAD) {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            let problem = Problem::new(status, "everything here is read only: GET or HEAD");
            return last(problem.into_response());
        }
        if !body.is_end_stream() {
            let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "no request has a body");
            return last(problem.into_response());
        }
        let path = head.uri.path();
        let Some(query) = call::query(head.uri.query().unwrap_or_default()) else {
            return Problem::bad_request("the query is not UTF-8").into_response();
        };
        let mut found = self.table.iter().filter_map(|r| Some((r, r.fits(path)?)));
        let Some((route, values)) = found.next() else {
            let detail = format!("there is nothing at {path}");
            return Problem::not_found(detail).into_response();
        };
        let accept = head.headers.get(ACCEPT);
        let call = Call {
            broker: Rc::clone(&self.broker),
            path: values,
            query,
            accept: accept
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
        };
        match (route.handler)(call).await {
            Ok(answer) => answer.into_response(StatusCode::OK),
            Err(problem) => problem.into_response(),
        }
    }
}

/// An answer after which nothing of the connection is believed any more.
fn last(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_path_stands_for_one_segment() {
        let handler = async |_| Ok::<_, Problem>(0u8);
        let route = Route::json("/a/{x}/b", "", handler);
        assert_eq!(route.fits("/a/1%2F2/b").unwrap(), ["1/2"]);
        for path in ["/a/b", "/a//b", "/a/1/2/b", "/a/1/b/", "/a/%ff/b"] {
            assert_eq!(route.fits(path), None, "{path}");
        }
    }
}
