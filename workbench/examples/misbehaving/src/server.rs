//! A server that goes wrong. Threads and blocking sockets: nothing here is to be measured.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use workbench::workload::{BoxFuture, Context, Drained, Networked, Shutdown, WorkloadError};

use crate::deeds;

/// What `workload.fault` may be; the first is the default.
const FAULTS: &[&str] =
    &["none", "build", "serve", "wrong_status", "no_http", "silent", "refuse", "exit", "linger", "fork"];

/// Requests that are answered before the first that is not.
const GOOD_REQUESTS: u64 = 20;

struct Server {
    fault: &'static str,
    heard: AtomicU64,
}

/// Builds the workload.
pub(crate) fn build(context: &Context) -> Result<Arc<dyn Networked>, WorkloadError> {
    context.accept_only(&["fault"])?;
    let fault = context.choice("fault", FAULTS)?;
    match fault {
        "build" => return Err(WorkloadError::Failed("the certificate has expired".into())),
        "fork" => deeds::leave_a_process_behind(),
        _ => {}
    }
    Ok(Arc::new(Server { fault, heard: AtomicU64::new(0) }))
}

impl Networked for Server {
    fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        mut shutdown: Shutdown,
    ) -> BoxFuture<Result<Drained, WorkloadError>> {
        Box::pin(async move {
            if self.fault == "serve" {
                eprintln!("misbehaving now: serve");
                return Err(WorkloadError::Failed("the certificate has expired".into()));
            }
            let server = Arc::clone(&self);
            std::thread::spawn(move || server.accept(&listener));
            shutdown.requested().await;
            if self.fault == "linger" {
                eprintln!("misbehaving now: linger");
                std::future::pending::<()>().await;
            }
            Ok(Drained::default())
        })
    }
}

impl Server {
    /// Hands connections to threads; with `refuse`, gives the listener up once that is due.
    fn accept(self: Arc<Self>, listener: &TcpListener) {
        let Ok(address) = listener.local_addr() else { return };
        for stream in listener.incoming().flatten() {
            if self.fault == "refuse" && self.heard.load(Ordering::Relaxed) >= GOOD_REQUESTS {
                return;
            }
            let server = Arc::clone(&self);
            std::thread::spawn(move || server.converse(stream, address));
        }
    }

    /// Answers the requests of one connection. They have no bodies and come one at a time.
    fn converse(&self, mut stream: TcpStream, address: SocketAddr) {
        let mut request = Vec::new();
        let mut chunk = [0; 1024];
        while let Ok(read @ 1..) = stream.read(&mut chunk) {
            request.extend_from_slice(&chunk[..read]);
            if !request.ends_with(b"\r\n\r\n") {
                continue;
            }
            request.clear();
            let heard = self.heard.fetch_add(1, Ordering::Relaxed);
            let good = heard < GOOD_REQUESTS;
            if heard == GOOD_REQUESTS && !matches!(self.fault, "none" | "linger") {
                eprintln!("misbehaving now: {}", self.fault);
            }
            let answer: &[u8] = match self.fault {
                "wrong_status" if !good => b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
                "no_http" if !good => b"220 mail.example ESMTP\r\n",
                "silent" if !good => continue,
                "exit" if heard == GOOD_REQUESTS => std::process::exit(7),
                "refuse" if !good => {
                    // The accepting thread looks at the count only when somebody comes.
                    let _ = TcpStream::connect(address);
                    return;
                }
                _ => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            };
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    }
}
