//! HTTP/2 without TLS.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::multiplexing::{Http2Server, Reply};
use super::server::{Server, answer};
use super::{Connection, Endpoint, GO, drive_closed, drive_open, errors, short, sums, with_request};
use crate::load::network::Protocol;
use crate::load::{ClosedSpec, OpenSpec, fixture};

#[test]
fn every_operation_goes_over_one_connection() {
    let server = Http2Server::start(None, |path, _| {
        Reply::Answer(200, if path.contains("/write/") { "order refused" } else { "order placed" })
    });
    let spec = with_request(fixture::open(500), |r| r.expect_body = Some("order placed".into()));
    let outcome = drive_open(&server.target(), &spec, &GO).unwrap();
    assert_eq!((sums(&outcome), outcome.driver.reconnects), ([375, 125, 0, 0], 0));
    assert_eq!(errors(&outcome), [("the body lacks the expected text".to_owned(), 125)]);
    assert_eq!(server.requests.load(Ordering::SeqCst), 500);
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn more_than_a_hundred_at_a_time_take_more_connections() {
    let server = Http2Server::start(None, |_, _| Reply::Answer(200, ""));
    let spec = ClosedSpec { concurrency: 201, ..fixture::closed() };
    let outcome = drive_closed(&server.target(), &spec, &GO).unwrap();
    assert!(outcome.answered() > 201);
    assert_eq!((outcome.failed(), server.connections.load(Ordering::SeqCst)), (0, 3));
}

#[test]
fn large_requests_and_a_closed_loop() {
    let server = Http2Server::start(None, |_, _| Reply::Answer(201, ""));
    let spec = with_request(fixture::open(8), |r| {
        r.method = "POST".into();
        r.body = Some("y".repeat(30_000));
        r.expect_status = 201;
    });
    assert_eq!(sums(&drive_open(&server.target(), &spec, &GO).unwrap()), [8, 0, 0, 0]);
}

#[test]
fn wrong_answers_are_told_apart() {
    for (reply, kind) in [
        (Reply::Answer(503, "later"), "status 503"),
        (Reply::Reset, "the server gave the request up (RST_STREAM)"),
        (Reply::Half, "the server gave the request up (RST_STREAM)"),
    ] {
        let server = Http2Server::start(None, move |_, _| reply);
        let outcome = drive_open(&server.target(), &fixture::open(40), &GO).unwrap();
        assert_eq!(errors(&outcome), [(kind.to_owned(), 40)]);
        assert_eq!(outcome.driver.reconnects, 0, "{kind}");
    }
}

#[test]
fn a_request_that_times_out_leaves_its_connection() {
    let server =
        Http2Server::start(
            None,
            |path, _| {
                if path.contains("/write/") { Reply::Silence } else { Reply::Answer(200, "") }
            },
        );
    let spec = OpenSpec { concurrency: 64, timeout: Duration::from_secs(2), ..fixture::open(80) };
    let outcome = drive_open(&server.target(), &spec, &GO).unwrap();
    assert_eq!((sums(&outcome), outcome.driver.reconnects), ([60, 0, 20, 0], 0));
}

#[test]
fn a_connection_that_is_cut_costs_what_was_in_flight_and_is_made_anew() {
    let server = Http2Server::start(None, |_, number| if number == 20 { Reply::Cut } else { Reply::Answer(200, "") });
    let outcome = drive_open(&server.target(), &OpenSpec { rate: 1000.0, ..fixture::open(100) }, &GO).unwrap();
    let [answered, failed, timeouts, unanswered] = sums(&outcome);
    assert_eq!((answered + failed, timeouts, unanswered, outcome.driver.reconnects), (100, 0, 0, 1));
    assert!((1..=4).contains(&failed), "no more than were in flight: {failed}");
}

#[test]
fn a_server_that_takes_no_more_over_a_connection_loses_nothing() {
    let server = Http2Server::start(None, |_, number| match number % 10 {
        9 => Reply::Last,
        _ => Reply::Answer(200, ""),
    });
    let outcome = drive_open(&server.target(), &OpenSpec { rate: 2000.0, ..fixture::open(100) }, &GO).unwrap();
    assert_eq!(sums(&outcome), [100, 0, 0, 0], "{:?}", errors(&outcome));
    assert!(outcome.driver.reconnects >= 5);
}

#[test]
fn a_server_of_http1_is_told_by_name() {
    let server = Server::start(|_, _| answer("200 OK", ""));
    let endpoint = Endpoint { protocol: Protocol::Http2, ..server.target() };
    let refused = drive_open(&endpoint, &short(fixture::open(10)), &GO).unwrap_err().to_string();
    assert!(refused.contains("HTTP/2"), "{refused}");
}

fn each_its_own(server: &Http2Server) -> Endpoint {
    Endpoint { connection: Connection::Close, ..server.target() }
}

#[test]
fn a_connection_for_each_request() {
    let server = Http2Server::start(None, |_, _| Reply::Answer(200, ""));
    let outcome = drive_open(&each_its_own(&server), &fixture::open(60), &GO).unwrap();
    assert_eq!((sums(&outcome), outcome.driver.reconnects), ([60, 0, 0, 0], 60));
    // And the one that shows that there can be any.
    assert_eq!((server.requests.load(Ordering::SeqCst), server.connections.load(Ordering::SeqCst)), (60, 61));
    let outcome = drive_closed(&each_its_own(&server), &fixture::closed(), &GO).unwrap();
    assert!(outcome.answered() > 4 && outcome.failed() == 0, "{outcome:?}");
}

#[test]
fn a_connection_for_each_request_fails_alone() {
    let server = Http2Server::start(None, |path, number| match number {
        7 => Reply::Cut,
        _ if path.contains("/write/") => Reply::Reset,
        _ => Reply::Answer(200, ""),
    });
    let outcome = drive_open(&each_its_own(&server), &fixture::open(40), &GO).unwrap();
    let [answered, failed, timeouts, unanswered] = sums(&outcome);
    assert_eq!((answered + failed, timeouts, unanswered, outcome.driver.reconnects), (40, 0, 0, 40));
    assert!((10..=11).contains(&failed), "{:?}", errors(&outcome));
}

#[test]
fn a_request_that_times_out_takes_the_connection_that_is_its_own() {
    let write = |path: &str| path.contains("/write/");
    let server =
        Http2Server::start(None, move |path, _| if write(path) { Reply::Silence } else { Reply::Answer(200, "") });
    let spec = OpenSpec { concurrency: 64, timeout: Duration::from_secs(2), ..fixture::open(80) };
    let outcome = drive_open(&each_its_own(&server), &spec, &GO).unwrap();
    assert_eq!((sums(&outcome), outcome.driver.reconnects), ([60, 0, 20, 0], 80));
}
