//! A client of the console that connects and does not read. One process, one subscriber: one test.
#![cfg(tokio_unstable)]
#![allow(clippy::unwrap_used, reason = "a test: helpers outside of test functions may panic too")]

use std::net::SocketAddr;
use std::time::Duration;

use console_api::instrument::instrument_client::InstrumentClient;
use console_api::instrument::{InstrumentRequest, Update};
use probe::console::{Console, Options};
use tonic::Streaming;
use tonic::transport::Endpoint;

#[global_allocator]
static ALLOCATOR: probe::allocator::Selectable = probe::allocator::Selectable;

/// Updates that wait in the process for one client.
const BUFFER: usize = 8;
/// Of HTTP/2, bytes: so much is under way to a client that does not read, as far as it is concerned.
const WINDOW: u32 = 1 << 16;
/// The server holds some hundred KiB more for one stream, and an update is some hundred bytes.
const UPDATES: usize = 1_500;

async fn connect(address: SocketAddr) -> Streaming<Update> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let endpoint = endpoint.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
    let mut client = InstrumentClient::new(endpoint.connect().await.unwrap());
    let mut stream = client.watch_updates(InstrumentRequest {}).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    stream
}

#[test]
fn a_client_that_does_not_read_is_let_go_and_told_so_and_holds_up_nobody() {
    let options = Options {
        address: "127.0.0.1:0".parse().unwrap(),
        publish_interval: Duration::from_millis(1),
        client_buffer: BUFFER,
        ..Options::default()
    };
    let console = Console::start(&options).unwrap();
    let client = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (kept, ended) = client.block_on(async {
        // The client is not the subject.
        let _unseen = tracing::subscriber::set_default(tracing::subscriber::NoSubscriber::default());
        let mut slow = connect(console.address()).await;
        let mut quick = connect(console.address()).await;
        let mut heard = 0;
        while heard < UPDATES {
            match quick.message().await {
                Ok(Some(_)) => heard += 1,
                // On a machine that is busy enough even this one is slow for a moment.
                Ok(None) | Err(_) => quick = connect(console.address()).await,
            }
        }
        let mut kept = 0;
        loop {
            match slow.message().await {
                Ok(Some(_)) => kept += 1,
                end => break (kept, end.map(|_| ())),
            }
        }
    });
    assert!(kept < UPDATES, "all {kept} were kept for somebody who does not read");
    // Where the client itself breaks off, for too many frames that nobody read, what was kept went with the connection.
    if ended.is_ok() {
        assert!(kept >= BUFFER, "{kept}: what was kept is still delivered");
    }
}
