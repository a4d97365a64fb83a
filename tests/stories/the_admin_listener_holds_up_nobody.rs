//! Whoever asks over HTTP and reads nothing, or sends what is no request, holds up neither other
//! askers nor the broker's clients, nor its end.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;

use crate::harness::{Broker, Load, create_topic, free_port, http};

/// Asks again and again until nothing more fits between the two, and reads nothing.
fn scraper_that_never_reads(port: u16) -> TcpStream {
    let mut stream = http::connect(port).unwrap();
    stream.set_nonblocking(true).unwrap();
    let asked = "GET /api/v1/openapi.json HTTP/1.1\r\nHost: naru\r\n\r\n".repeat(1000);
    // The kernel takes a few megabytes on either side: what answers of twenty kilobytes fill.
    let mut rest = asked.as_bytes();
    for _ in 0..50 {
        while !rest.is_empty() {
            match stream.write(rest) {
                Ok(taken) => rest = &rest[taken..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => return stream,
                Err(error) => panic!("{error}"),
            }
        }
        rest = asked.as_bytes();
    }
    stream
}

#[test]
fn a_scraper_that_never_reads_costs_others_nothing() {
    let port = free_port();
    let mut broker = Broker::start(&[("naru.admin.listener", &port.to_string())]);
    let _scrapers = [
        scraper_that_never_reads(port),
        scraper_that_never_reads(port),
    ];
    assert_eq!(http::get(port, "/healthz").status, 200);
    assert_eq!(http::get(port, "/readyz").status, 200);
    assert_eq!(http::get(port, "/api/v1/memory").status, 200);
    create_topic(&broker.bootstrap(), "served", 1, &[]);
    let load = Load::new(&broker.bootstrap(), &[]);
    load.send_record("served", 0, 0);
    load.finish();
    assert_eq!(load.acked().len(), 1);
    assert!(broker.terminate().success());
}

#[test]
fn what_is_no_plain_question_is_refused() {
    let port = free_port();
    let _broker = Broker::start(&[("naru.admin.listener", &port.to_string())]);
    let status = |request: String| http::request(port, &request).status;
    assert_eq!(
        status("POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".into()),
        405
    );
    assert_eq!(
        status("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n".into()),
        413
    );
    let long = "x".repeat(20 << 10);
    assert_eq!(
        status(format!(
            "GET /healthz HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"
        )),
        431
    );
    let many: String = (0..100).map(|number| format!("X{number}: 1\r\n")).collect();
    assert_eq!(
        status(format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{many}\r\n")),
        431
    );
    assert_eq!(status("no request at all\r\n\r\n".into()), 400);
}
