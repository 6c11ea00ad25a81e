//! Lines instead of HTTP.

use super::server::Server;
use super::{GO, drive_closed, drive_open, errors, sums};
use crate::load::{ClosedSpec, OpenSpec, fixture};

#[test]
fn lines_are_asked_and_answered() {
    let server = Server::of_lines(|line, _| {
        let miss = line.starts_with("GET write");
        (if miss { "MISS\r\n".into() } else { format!("VALUE {line}\n").into_bytes() }, true)
    });
    let spec = with_lines(fixture::open(200));
    let outcome = drive_open(&server.lines(), &spec, &GO).unwrap();
    assert_eq!((sums(&outcome), outcome.driver.reconnects), ([150, 50, 0, 0], 0));
    assert_eq!(errors(&outcome), [("the body lacks the expected text".to_owned(), 50)]);
    let mut seen = server.request_lines();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 200, "each once");
    let spec = ClosedSpec { operations: spec.operations, ..fixture::closed() };
    let outcome = drive_closed(&server.lines(), &spec, &GO).unwrap();
    assert!(outcome.answered() > 0);
}

#[test]
fn more_than_one_line_is_not_taken_for_the_next_answer() {
    let server = Server::of_lines(|line, _| (format!("VALUE {line}\nEND\n").into_bytes(), true));
    let outcome = drive_open(&server.lines(), &with_lines(fixture::open(50)), &GO).unwrap();
    assert_eq!((sums(&outcome), outcome.driver.reconnects), ([50, 0, 0, 0], 50));
}

#[test]
fn a_line_cut_off_is_an_error() {
    let server = Server::of_lines(|_, _| (b"VAL".to_vec(), false));
    let outcome = drive_open(&server.lines(), &with_lines(fixture::open(20)), &GO).unwrap();
    assert_eq!(errors(&outcome), [("connection closed before the answer was complete".to_owned(), 20)]);
}

/// The same operations as lines.
pub(super) fn with_lines(mut spec: OpenSpec) -> OpenSpec {
    for operation in &mut spec.operations {
        operation.request = None;
        let send = format!("GET {} ${{sequence}}", operation.name);
        operation.line = Some(scenarios::spec::Line { send, expect: Some("VALUE".into()) });
    }
    spec
}
