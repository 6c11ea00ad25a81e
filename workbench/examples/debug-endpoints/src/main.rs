//! A service with debug endpoints: `cargo run --release -p debug-endpoints`, then
//! `go tool pprof -top http://127.0.0.1:6060/debug/pprof/profile?seconds=5` or a browser.
//!
//! It answers each line on its port with a checksum. The first argument is its port, the second that of the endpoints.

use std::io;
use std::net::SocketAddr;

use probe::endpoints::{DEFAULT_PORT, Endpoints};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

// Without this line everything works but the allocator's figures.
#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut ports = std::env::args().skip(1).map(|port| port.parse::<u16>());
    let (port, debug_port) =
        (ports.next().transpose()?.unwrap_or(7878), ports.next().transpose()?.unwrap_or(DEFAULT_PORT));

    // These three lines in place of `#[tokio::main]` are all that the endpoints need.
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let (runtime, debug) = Endpoints::new().port(debug_port).start_with(builder.enable_all())?;
    runtime.block_on(run(port, debug.address()))
}

async fn run(port: u16, debug: SocketAddr) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    say(&format!("service on {}, debug endpoints on http://{debug}/debug/pprof/\n", listener.local_addr()?))?;
    loop {
        let (client, _) = listener.accept().await?;
        tokio::spawn(async move {
            // A client that went away is its own affair.
            let _ = serve(client).await;
        });
    }
}

fn say(line: &str) -> io::Result<()> {
    use std::io::Write;
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}

async fn serve(client: TcpStream) -> io::Result<()> {
    let (input, mut output) = client.into_split();
    let mut lines = BufReader::new(input).lines();
    while let Some(line) = lines.next_line().await? {
        output.write_all(format!("{:016x}\n", checksum(&line)).as_bytes()).await?;
    }
    Ok(())
}

/// Enough work for a profile to have something to show.
#[inline(never)]
fn checksum(line: &str) -> u64 {
    (0..20_000_u64).fold(0, |sum, round| {
        line.bytes()
            .fold(sum ^ round, |sum, byte| std::hint::black_box(sum.wrapping_mul(31).wrapping_add(u64::from(byte))))
    })
}
