mod certificates;
mod closed;
mod http2;
mod lines;
mod misbehaviour;
mod multiplexing;
mod secure;
mod server;

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use scenarios::spec::{Arrivals, Request};

use self::server::{Server, answer};
use super::client::Client as _;
use super::engine::Engine;
use super::{Connection, Endpoint, drive_closed, drive_open};
use crate::load::clock::{Clock, MonotonicClock};
use crate::load::pacer::Pacing;
use crate::load::slots::Ending;
use crate::load::{ClosedSpec, LoadError, OpenSpec, PhaseOutcome, fixture};

static GO: AtomicBool = AtomicBool::new(false);

fn open(server: &Server, spec: &OpenSpec) -> PhaseOutcome {
    let outcome = drive_open(&server.target(), spec, &GO).unwrap();
    assert_eq!(sums(&outcome).iter().sum::<u64>(), spec.count as u64);
    outcome
}

/// Answered, errors, timeouts and unanswered operations of all kinds.
fn sums(outcome: &PhaseOutcome) -> [u64; 4] {
    let sum = |count: fn(&crate::load::OpOutcome) -> u64| outcome.operations.iter().map(count).sum();
    [sum(|o| o.answered), sum(|o| o.errors), sum(|o| o.timeouts), sum(|o| o.unanswered)]
}

/// Every kind of error with its number.
fn errors(outcome: &PhaseOutcome) -> Vec<(String, u64)> {
    let mut errors = std::collections::BTreeMap::new();
    for (kind, count) in outcome.operations.iter().flat_map(|o| &o.error_kinds) {
        *errors.entry(kind.clone()).or_default() += count;
    }
    errors.into_iter().collect()
}

fn short(spec: OpenSpec) -> OpenSpec {
    OpenSpec { timeout: Duration::from_millis(50), ..spec }
}

fn with_request(mut spec: OpenSpec, change: impl Fn(&mut Request)) -> OpenSpec {
    spec.operations.iter_mut().filter_map(|o| o.request.as_mut()).for_each(change);
    spec
}

#[test]
fn every_operation_of_the_schedule_is_sent_once() {
    let server = Server::start(|_, _| answer("200 OK", "fine"));
    let spec = fixture::open(500);
    let outcome = open(&server, &spec);
    assert_eq!(sums(&outcome), [500, 0, 0, 0]);
    assert_eq!((outcome.operations[0].answered, outcome.operations[1].answered), (375, 125));
    assert_eq!((outcome.driver.asked, outcome.driver.sent, outcome.driver.reconnects), (500, 500, 0));
    let name = |operation: u16| &spec.operations[usize::from(operation)].name;
    let mut expected: Vec<String> = (0..)
        .zip(spec.schedule().operations)
        .map(|(sequence, operation)| format!("GET /{}/{sequence} HTTP/1.1", name(operation)))
        .collect();
    let mut seen = server.request_lines();
    expected.sort_unstable();
    seen.sort_unstable();
    assert_eq!(seen, expected);
}

#[test]
fn background_load_has_connections_of_its_own() {
    let served = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = std::sync::Arc::clone(&served);
    let server = Server::start(move |request, _| {
        if request.contains("/export/") {
            // As many of them as there are connections, until every measured operation was answered.
            while seen.load(Ordering::Relaxed) < 400 {
                std::thread::sleep(Duration::from_millis(1));
            }
        } else {
            seen.fetch_add(1, Ordering::Relaxed);
        }
        answer("200 OK", "fine")
    });
    let mut spec = fixture::open(400);
    let export = fixture::operation("export", 0.0);
    spec.operations.push(crate::load::Operation { rate: Some(500.0), measured: false, ..export });
    let outcome = drive_open(&server.target(), &spec, &GO).unwrap();
    let counts: Vec<_> = outcome.operations.iter().map(|o| (o.name.as_str(), o.scheduled, o.answered)).collect();
    assert_eq!(counts, [("read", 300, 300), ("write", 100, 100), ("export", 10, 10)]);
    assert_eq!((outcome.driver.asked, outcome.driver.sent, outcome.driver.lag.len()), (410, 410, 400));
    assert_eq!(outcome.measured_latency().len(), 400);
    let mut expected: Vec<String> = (0..10).map(|sequence| format!("GET /export/{sequence} HTTP/1.1")).collect();
    let mut exports: Vec<String> = server.request_lines().into_iter().filter(|line| line.contains("export")).collect();
    exports.sort_unstable();
    expected.sort_unstable();
    assert_eq!(exports, expected);
}

#[test]
fn background_load_fails_with_the_phase_and_ends_with_it() {
    let mut spec = fixture::open(10);
    spec.operations.push(crate::load::Operation { rate: Some(500.0), ..fixture::operation("export", 0.0) });
    let nobody = Endpoint::loopback(TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    assert!(matches!(drive_open(&nobody, &spec, &GO), Err(LoadError::Unreachable { .. })));
    let server = Server::start(|_, _| answer("200 OK", ""));
    let stopped = AtomicBool::new(true);
    assert!(drive_open(&server.target(), &spec, &stopped).unwrap().interrupted);
}

#[test]
fn chunked_answers_and_their_text_are_understood() {
    let chunked = |text: &str| {
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n{:x}\r\n{text}\r\n0\r\n\r\n",
            text.len()
        )
    };
    let server = Server::start(move |request, _| {
        chunked(if request.contains("/write/") { "order refused" } else { "order placed" }).into_bytes()
    });
    let spec = with_request(fixture::open(200), |r| r.expect_body = Some("order placed".into()));
    let outcome = open(&server, &spec);
    assert_eq!(sums(&outcome), [150, 50, 0, 0]);
    assert_eq!(errors(&outcome), [("the body lacks the expected text".to_owned(), 50)]);
}

#[test]
fn a_wrong_status_is_an_error_and_the_connection_goes_on() {
    let server =
        Server::start(
            |request, _| {
                if request.contains("/write/") { answer("503 Busy", "later") } else { answer("200 OK", "") }
            },
        );
    let outcome = open(&server, &fixture::open(200));
    assert_eq!(sums(&outcome), [150, 50, 0, 0]);
    assert_eq!(errors(&outcome), [("status 503".to_owned(), 50)]);
    assert_eq!(outcome.driver.reconnects, 0);
}

#[test]
fn a_server_that_announces_its_close_loses_nothing() {
    let server = Server::start(|_, _| b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok".to_vec());
    let outcome = open(&server, &fixture::open(100));
    assert_eq!(sums(&outcome), [100, 0, 0, 0]);
    assert_eq!(outcome.driver.reconnects, 100);
}

#[test]
fn a_body_without_length_ends_with_the_connection() {
    let server = Server::start_with(|_, _| (b"HTTP/1.1 200 OK\r\n\r\nall of it".to_vec(), false));
    let spec = with_request(fixture::open(50), |r| r.expect_body = Some("all of it".into()));
    assert_eq!(sums(&open(&server, &spec)), [50, 0, 0, 0]);
}

#[test]
fn a_connection_that_closes_between_requests_is_replaced_without_an_error() {
    let server = Server::start_with(|_, _| (answer("200 OK", "bye"), false));
    let target = server.target();
    let operations = fixture::open(0).operations;
    let mut engine = Engine::connect(&target, &operations, 1, 1, Pacing::Sleep, &GO).unwrap();
    for sequence in 0..3 {
        while !engine.has_idle() {
            engine.step(MonotonicClock.now_ns() + 1_000_000).unwrap();
        }
        engine.start(sequence, 0, u64::MAX);
        let ending = loop {
            engine.step(MonotonicClock.now_ns() + 1_000_000).unwrap();
            if let Some(over) = engine.completions().next() {
                break over.ending;
            }
        };
        assert_eq!(ending, Ending::Answered);
        while engine.reconnects() <= sequence {
            engine.step(MonotonicClock.now_ns() + 1_000_000).unwrap();
        }
    }
    assert_eq!(engine.completions().len(), 0);
}

#[test]
fn a_close_in_the_middle_of_an_answer_is_an_error() {
    let server =
        Server::start_with(|_, _| (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this".to_vec(), false));
    let outcome = open(&server, &fixture::open(20));
    assert_eq!(sums(&outcome), [0, 20, 0, 0]);
    assert_eq!(errors(&outcome), [("connection closed before the answer was complete".to_owned(), 20)]);
}

#[test]
fn garbage_is_an_error() {
    let server = Server::start(|_, _| b"SSH-2.0-OpenSSH_9.6\r\n".to_vec());
    let outcome = open(&server, &fixture::open(20));
    assert_eq!(sums(&outcome), [0, 20, 0, 0]);
    assert_eq!(errors(&outcome), [("the answer is not HTTP/1".to_owned(), 20)]);
}

#[test]
fn a_server_that_never_answers_ends_in_timeouts_for_all_that_was_due() {
    let server = Server::start(|_, _| vec![]);
    let outcome = open(&server, &short(fixture::open(20)));
    assert_eq!(sums(&outcome), [0, 0, 20, 0]);
    assert_eq!((outcome.driver.sent, outcome.operations[0].latency.len()), (20, 15));
    assert!(outcome.operations.iter().all(|o| o.latency.min() >= 49_000_000), "none is younger than the timeout");
}

#[test]
fn only_the_slow_answers_time_out_and_their_connections_are_replaced() {
    let server = Server::start(|request, _| if request.contains("/write/") { vec![] } else { answer("200 OK", "") });
    let outcome = open(&server, &OpenSpec { concurrency: 64, timeout: Duration::from_secs(2), ..fixture::open(80) });
    assert_eq!(sums(&outcome), [60, 0, 20, 0]);
    assert_eq!(outcome.driver.reconnects, 20);
}

#[test]
fn beyond_max_in_flight_operations_are_shed_and_counted() {
    let server = Server::start(|_, _| vec![]);
    let spec = short(OpenSpec { max_in_flight: 3, concurrency: 1, rate: 0.0, ..fixture::open(10) });
    let outcome = open(&server, &spec);
    assert_eq!(sums(&outcome), [0, 0, 3, 7]);
    assert_eq!((outcome.driver.sent, outcome.operations.iter().map(|o| o.shed).sum::<u64>()), (3, 7));
    assert!(crate::load::driver_limited(&outcome, Duration::from_secs(60)).is_some());
}

#[test]
fn operations_that_wait_for_a_connection_are_sent_in_order() {
    let server = Server::start(|_, _| answer("200 OK", ""));
    let outcome = open(&server, &OpenSpec { concurrency: 1, rate: 0.0, ..fixture::open(50) });
    assert_eq!(sums(&outcome), [50, 0, 0, 0]);
    assert_eq!(outcome.operations.iter().map(|o| o.waited).sum::<u64>(), 49);
    let numbers: Vec<u32> =
        server.request_lines().iter().map(|line| line.split(['/', ' ']).nth(3).unwrap().parse().unwrap()).collect();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
}

#[test]
fn a_port_where_nobody_listens_is_an_error() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for error in [
        drive_open(&Endpoint::new(port), &fixture::open(10), &GO).unwrap_err(),
        drive_closed(&Endpoint::new(port), &fixture::closed(), &GO).unwrap_err(),
    ] {
        assert!(matches!(&error, LoadError::Unreachable { target, .. } if *target == port.to_string()), "{error}");
    }
}

#[test]
fn a_server_that_goes_away_is_counted_as_errors() {
    let server = Server::vanishing(4);
    let outcome = open(&server, &fixture::open(20));
    assert_eq!(sums(&outcome), [0, 20, 0, 0]);
    let errors = errors(&outcome);
    assert!(errors.iter().any(|(kind, _)| kind == "connection refused"), "{errors:?}");
    let server = Server::vanishing(4);
    let outcome = drive_closed(&server.target(), &fixture::closed(), &GO).unwrap();
    assert_eq!(outcome.answered(), 0);
    // How many attempts to connect again fit into the phase is a matter of time.
    assert!(outcome.failed() >= 4, "the four cut ones at least");
}

#[test]
fn large_requests_and_answers_go_through_in_parts() {
    let answer = answer("200 OK", &("x".repeat(3_000_000) + "needle"));
    let server = Server::start(move |_, body| {
        assert_eq!(body.len(), 6_000_000);
        answer.clone()
    });
    let spec = OpenSpec { concurrency: 2, ..fixture::open(4) };
    let spec = with_request(spec, |r| {
        r.body = Some("y".repeat(6_000_000));
        r.expect_body = Some("needle".into());
    });
    assert_eq!(sums(&open(&server, &spec)), [4, 0, 0, 0]);
}

#[test]
fn closed_arrivals_send_as_many_operations_without_lag() {
    let server = Server::start(|_, _| answer("200 OK", ""));
    let outcome = open(&server, &OpenSpec { arrivals: Arrivals::Closed, ..fixture::open(200) });
    assert_eq!(sums(&outcome), [200, 0, 0, 0]);
    assert_eq!((outcome.driver.lag.max(), outcome.operations[0].waited), (0, 0));
    let silent = Server::start(|_, _| vec![]);
    let outcome = open(&silent, &short(OpenSpec { arrivals: Arrivals::Closed, ..fixture::open(8) }));
    assert_eq!(sums(&outcome), [0, 0, 8, 0]);
}

#[test]
fn a_request_to_stop_is_heeded() {
    let server = Server::start(|_, _| vec![]);
    let stop = AtomicBool::new(true);
    let outcome = drive_open(&server.target(), &OpenSpec { rate: 0.01, ..fixture::open(10) }, &stop).unwrap();
    assert!(outcome.interrupted);
    assert_eq!(sums(&outcome), [0, 0, 0, 10]);
    let spec = ClosedSpec { duration: Duration::from_secs(1000), ..fixture::closed() };
    let outcome = drive_closed(&server.target(), &spec, &stop).unwrap();
    assert!(outcome.interrupted);
    assert_eq!(outcome.answered(), 0);
}

#[test]
fn a_schedule_without_operations_ends_at_once() {
    let server = Server::start(|_, _| vec![]);
    let outcome = open(&server, &fixture::open(0));
    assert_eq!((outcome.driver.asked, outcome.operations[0].scheduled), (0, 0));
    assert_eq!(crate::load::driver_limited(&outcome, Duration::ZERO), None);
}

#[test]
fn an_operation_without_a_request_is_named() {
    let server = Server::start(|_, _| vec![]);
    let mut spec = fixture::open(10);
    spec.operations[1].request = None;
    let error = drive_open(&server.target(), &spec, &GO).unwrap_err();
    assert_eq!(error.to_string(), "operation `write`: has no request, and the subject is a server");
}

#[test]
fn a_connection_for_each_request_connects_for_each_and_says_so() {
    let server = Server::start(|head, _| {
        let polite = head.contains("connection: close");
        answer(if polite { "200 OK" } else { "400 Bad" }, "")
    });
    let endpoint = Endpoint { connection: Connection::Close, ..server.target() };
    let outcome = drive_open(&endpoint, &fixture::open(100), &GO).unwrap();
    assert_eq!((sums(&outcome), outcome.driver.reconnects), ([100, 0, 0, 0], 100));
    let outcome = drive_closed(&endpoint, &fixture::closed(), &GO).unwrap();
    assert_eq!(outcome.failed(), 0);
    assert_eq!(outcome.answered() + 100, server.request_lines().len() as u64);
}

#[test]
fn without_a_server_each_request_of_its_own_connection_is_refused() {
    // One connection to see that it can be had, and then nobody listens.
    let server = Server::vanishing(1);
    let endpoint = Endpoint { connection: Connection::Close, ..server.target() };
    let outcome = drive_open(&endpoint, &fixture::open(40), &GO).unwrap();
    let failed = sums(&outcome)[1];
    assert_eq!((failed, outcome.driver.sent), (40, 40), "{:?}", errors(&outcome));
}
