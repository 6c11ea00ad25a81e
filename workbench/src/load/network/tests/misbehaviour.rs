//! Nothing drops out of a count, whatever the server does, in any protocol.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use super::lines::with_lines;
use super::multiplexing::{Http2Server, Reply};
use super::server::{Server, answer};
use super::{Connection, Endpoint, GO, certificates, drive_closed, drive_open, sums};
use crate::load::network::{Protocol, Tls};
use crate::load::{ClosedSpec, OpenSpec, fixture};

/// What a server does with one request.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Answer,
    Refuse,
    Close,
    Stall,
    Garbage,
    Half,
}

const DEEDS: [Deed; 6] = [Deed::Answer, Deed::Refuse, Deed::Close, Deed::Stall, Deed::Garbage, Deed::Half];

fn http1(deed: Deed) -> (Vec<u8>, bool) {
    match deed {
        Deed::Answer => (answer("200 OK", "fine"), true),
        Deed::Refuse => (answer("503 Busy", ""), true),
        Deed::Close => (Vec::new(), false),
        Deed::Stall => (Vec::new(), true),
        Deed::Garbage => (b"\x00\xff nonsense \r\n\r\n".to_vec(), true),
        Deed::Half => (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec(), false),
    }
}

fn line(deed: Deed) -> (Vec<u8>, bool) {
    match deed {
        Deed::Answer => (b"VALUE 1\n".to_vec(), true),
        Deed::Refuse => (b"ERROR\n".to_vec(), true),
        Deed::Close => (Vec::new(), false),
        Deed::Stall => (Vec::new(), true),
        Deed::Garbage => (b"\x00\xff\n\n\nVALUE\n".to_vec(), true),
        Deed::Half => (b"VAL".to_vec(), false),
    }
}

fn http2(deed: Deed) -> Reply {
    match deed {
        Deed::Answer => Reply::Answer(200, "fine"),
        Deed::Refuse => Reply::Answer(503, ""),
        Deed::Close => Reply::Cut,
        Deed::Stall => Reply::Silence,
        Deed::Garbage => Reply::Last,
        Deed::Half => Reply::Half,
    }
}

/// Open and closed loop against the server: every operation is in one of the four counts.
fn nothing_is_lost(endpoint: &Endpoint, open: &OpenSpec) -> Result<(), TestCaseError> {
    let outcome = drive_open(endpoint, open, &GO).unwrap();
    prop_assert_eq!(sums(&outcome).iter().sum::<u64>(), open.count as u64);
    for operation in &outcome.operations {
        let counted = operation.answered + operation.errors + operation.timeouts + operation.unanswered;
        prop_assert_eq!(counted, operation.scheduled, "{}", operation.name);
        prop_assert_eq!(operation.error_kinds.values().sum::<u64>(), operation.errors);
        prop_assert_eq!(operation.latency.len() + operation.error_latency.len(), operation.scheduled);
    }
    let spec = ClosedSpec {
        operations: open.operations.clone(),
        timeout: open.timeout,
        duration: Duration::from_millis(20),
        ..fixture::closed()
    };
    let outcome = drive_closed(endpoint, &spec, &GO).unwrap();
    for operation in &outcome.operations {
        prop_assert_eq!(operation.error_kinds.values().sum::<u64>(), operation.errors);
        prop_assert_eq!(operation.latency.len(), operation.answered + operation.timeouts);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn every_operation_is_counted_once(
        deeds in prop::collection::vec(select(&DEEDS), 1..12),
        count in 1_usize..60,
        concurrency in 1_usize..9,
        close: bool,
    ) {
        let connection = if close { Connection::Close } else { Connection::KeepAlive };
        let spec = OpenSpec { concurrency, timeout: Duration::from_millis(60), ..fixture::open(count) };
        let next = |deeds: &[Deed]| {
            let (deeds, number) = (deeds.to_vec(), std::sync::atomic::AtomicUsize::new(0));
            move || deeds[number.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % deeds.len()]
        };
        let deed = next(&deeds);
        let server = Server::start_with(move |_, _| http1(deed()));
        nothing_is_lost(&Endpoint { connection, ..server.target() }, &spec)?;
        let deed = next(&deeds);
        let server = Server::secure(certificates::server(&[]).0, move |_, _| http1(deed()).0);
        let secure = Endpoint { connection, tls: Some(Tls::Insecure), protocol: Protocol::Http1, ..server.target() };
        nothing_is_lost(&secure, &spec)?;
        let deed = next(&deeds);
        let server = Server::of_lines(move |_, _| line(deed()));
        nothing_is_lost(&Endpoint { connection, ..server.lines() }, &with_lines(spec.clone()))?;
        let deed = next(&deeds);
        let server = Http2Server::start(None, move |_, _| http2(deed()));
        nothing_is_lost(&server.target(), &spec)?;
    }
}
