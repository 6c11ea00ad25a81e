//! Specs for tests.

use std::time::Duration;

use scenarios::spec::{Arrivals, Request};

use super::placement::Placement;
use super::spec::{ClosedSpec, OpenSpec, Operation, Shape};

/// An operation that sends `GET /<name>/<sequence>`.
pub(super) fn operation(name: &str, weight: f64) -> Operation {
    let request = Request {
        method: "GET".into(),
        path: format!("/{name}/${{sequence}}"),
        headers: vec![],
        body: None,
        expect_status: 200,
        expect_body: None,
    };
    Operation { name: name.into(), measured: true, weight, rate: None, request: Some(request), line: None }
}

/// `count` operations at a high rate: three of four are `read`, the rest `write`.
pub(super) fn open(count: usize) -> OpenSpec {
    OpenSpec {
        operations: vec![operation("read", 3.0), operation("write", 1.0)],
        arrivals: Arrivals::Poisson,
        shape: Shape::default(),
        rate: 20_000.0,
        count,
        concurrency: 4,
        max_in_flight: 10_000,
        timeout: Duration::from_secs(30),
        seed: 11,
        placement: Placement::Shared,
        each: false,
    }
}

/// The same mix for a moment.
pub(super) fn closed() -> ClosedSpec {
    ClosedSpec {
        operations: open(0).operations,
        concurrency: 4,
        duration: Duration::from_millis(60),
        timeout: Duration::from_secs(30),
        seed: 11,
        placement: Placement::Shared,
    }
}
