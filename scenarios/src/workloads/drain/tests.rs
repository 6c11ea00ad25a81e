//! Draining, seen from both ends of real connections.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::sync::{Semaphore, mpsc};

use super::serve;
use crate::workload::Drained;
use crate::workloads::loopback::{Client, Server};

/// Far beyond any test, so that only the tests that pause the clock ever reach it.
const FAR: Duration = Duration::from_secs(30);

const GATED: &[u8] = b"GET /gated HTTP/1.1\r\nhost: test\r\n\r\n";

/// Larger than the socket buffers of both ends together.
const LARGE: usize = 64 << 20;

/// Reports its own end, however it comes.
struct Ended(mpsc::UnboundedSender<&'static str>);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.send("ended");
    }
}

struct Fixture {
    server: Server,
    /// Lets gated requests through.
    gate: Arc<Semaphore>,
    /// "entered" and "ended" of gated requests.
    events: mpsc::UnboundedReceiver<&'static str>,
}

impl Fixture {
    fn start() -> Self {
        let gate = Arc::new(Semaphore::new(0));
        let (sender, events) = mpsc::unbounded_channel();
        let gated = {
            let gate = gate.clone();
            move || async move {
                sender.send("entered").unwrap();
                let _ended = Ended(sender.clone());
                gate.acquire().await.unwrap().forget();
                "through"
            }
        };
        let router = Router::new()
            .route("/quick", get(|| async { "quick" }))
            .route("/gated", get(gated))
            .route("/large", get(|| async { vec![b'x'; LARGE] }))
            .route("/panic", get(|| async { panic!("on purpose") as &'static str }));
        let server = Server::start(FAR, |listener, shutdown| Box::pin(serve(router, listener, shutdown)));
        Self { server, gate, events }
    }

    /// A connection with a request that waits at the gate.
    async fn held(&mut self) -> Client {
        let mut client = self.server.connect().await;
        client.send(GATED).await;
        assert_eq!(self.events.recv().await, Some("entered"));
        client
    }

    /// An idle connection that has had an answer.
    async fn idle(&self) -> Client {
        let mut client = self.server.connect().await;
        assert_eq!(client.get("/quick").await, (200, "quick".to_owned()));
        client
    }

    /// Asks for shutdown and waits until it has begun, which closes idle connections.
    async fn begin_shutdown(&self) {
        let mut witness = self.idle().await;
        self.server.ask_to_stop();
        assert!(witness.closed().await);
    }
}

fn drained(in_flight: u64, drained: u64, cut: u64) -> Drained {
    Drained { in_flight, drained, cut, took: Duration::ZERO }
}

#[tokio::test]
async fn requests_in_flight_are_answered_before_the_server_ends() {
    let mut fixture = Fixture::start();
    let (mut one, mut two) = (fixture.held().await, fixture.held().await);
    fixture.begin_shutdown().await;
    fixture.gate.add_permits(2);
    for client in [&mut one, &mut two] {
        assert_eq!(client.answer().await, Some((200, "through".to_owned())));
        assert!(client.closed().await);
    }
    assert_eq!(fixture.server.stopped().await, drained(2, 2, 0));
}

#[tokio::test]
async fn a_request_that_never_finishes_is_cut_at_the_deadline() {
    let mut fixture = Fixture::start();
    let (mut one, mut never) = (fixture.held().await, fixture.held().await);
    fixture.begin_shutdown().await;
    fixture.gate.add_permits(1);
    assert_eq!(one.answer().await, Some((200, "through".to_owned())));
    assert!(one.closed().await);
    // From here on nothing happens but the deadline; a paused clock jumps to it.
    tokio::time::pause();
    assert_eq!(fixture.server.stopped().await, drained(2, 1, 1));
    tokio::time::resume();
    assert_eq!(never.answer().await, None);
}

#[tokio::test]
async fn connections_without_a_request_hold_nothing_up() {
    let fixture = Fixture::start();
    let mut idle = fixture.idle().await;
    let mut fresh = fixture.server.connect().await;
    let mut halfway = fixture.idle().await;
    halfway.send(&GATED[..20]).await;
    // Makes sure that the others were accepted.
    fixture.begin_shutdown().await;
    assert_eq!(fixture.server.stopped().await, drained(0, 0, 0));
    for client in [&mut idle, &mut fresh, &mut halfway] {
        assert!(client.closed().await);
    }
}

#[tokio::test]
async fn nobody_is_accepted_once_shutdown_began() {
    let mut fixture = Fixture::start();
    let _held = fixture.held().await;
    fixture.begin_shutdown().await;
    assert!(tokio::net::TcpStream::connect(fixture.server.address).await.is_err());
    fixture.gate.add_permits(1);
    assert_eq!(fixture.server.stopped().await, drained(1, 1, 0));
}

#[tokio::test]
async fn a_response_that_the_client_does_not_read_is_in_flight_and_cut() {
    let fixture = Fixture::start();
    let mut slow = fixture.server.connect().await;
    slow.send(b"GET /large HTTP/1.1\r\nhost: test\r\n\r\n").await;
    // The first byte proves that hyper has taken the body, which it can write in part only.
    assert!(slow.readable().await);
    fixture.begin_shutdown().await;
    tokio::time::pause();
    assert_eq!(fixture.server.stopped().await, drained(1, 0, 1));
}

#[tokio::test]
async fn a_slow_client_that_reads_on_gets_its_whole_response() {
    let fixture = Fixture::start();
    let mut slow = fixture.server.connect().await;
    slow.send(b"GET /large HTTP/1.1\r\nhost: test\r\n\r\n").await;
    assert!(slow.readable().await);
    fixture.begin_shutdown().await;
    let (status, body) = slow.answer().await.unwrap();
    assert_eq!((status, body.len()), (200, LARGE));
    assert_eq!(fixture.server.stopped().await, drained(1, 1, 0));
}

#[tokio::test]
async fn requests_of_clients_that_hung_up_are_over() {
    let mut fixture = Fixture::start();
    drop(fixture.held().await);
    assert_eq!(fixture.events.recv().await, Some("ended"));
    fixture.begin_shutdown().await;
    assert_eq!(fixture.server.stopped().await, drained(0, 0, 0));
}

#[tokio::test]
async fn a_panic_ends_its_own_connection_only() {
    let fixture = Fixture::start();
    let mut bystander = fixture.idle().await;
    let mut unlucky = fixture.server.connect().await;
    unlucky.send(b"GET /panic HTTP/1.1\r\nhost: test\r\n\r\n").await;
    assert!(unlucky.closed().await);
    assert_eq!(bystander.get("/quick").await.0, 200);
    fixture.begin_shutdown().await;
    assert_eq!(fixture.server.stopped().await, drained(0, 0, 0));
}
