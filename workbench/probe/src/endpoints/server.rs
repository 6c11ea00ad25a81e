//! Listens, on a thread of its own, and keeps the number of connections small.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::poll::PollFlags;
use tokio::runtime::{Builder, Handle, Runtime};

use super::connection;
use super::recording::Tasks;
use super::response::{Response, Status};
use super::routes::Routes;
use super::stop::{Stop, Stopper, Woken, pair};
use super::trace;
use crate::heap;
use crate::tasks::Recorder;

/// Port unless another is asked for: that of every Go service's example.
pub const DEFAULT_PORT: u16 = 6060;
/// Connections that are served at a time; the next one is told 503.
pub const MOST_CONNECTIONS: usize = 8;
/// Refused connections that stay open until their clients have read why.
const MOST_REFUSED: usize = 16;
/// Pause after a failed `accept`: it fails again at once while file descriptors are short.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why there are no endpoints.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The operating system refused the service its runtime.
    #[error("cannot build the runtime: {0}")]
    Runtime(io::Error),
    /// No thread or no file descriptor.
    #[error("cannot start the debug endpoints: {0}")]
    Io(#[from] io::Error),
}

/// What to serve, and where: 127.0.0.1:6060 unless told otherwise.
#[derive(Debug, Clone)]
pub struct Endpoints {
    address: SocketAddr,
    runtime: Option<Handle>,
    tasks: Tasks,
    heap_rate: u64,
}

impl Default for Endpoints {
    fn default() -> Self {
        Self::new()
    }
}

impl Endpoints {
    /// Endpoints of the runtime that this is called within; outside of one there are no figures of the scheduler.
    pub fn new() -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, DEFAULT_PORT).into(),
            runtime: Handle::try_current().ok(),
            tasks: Tasks::Unrecorded,
            heap_rate: heap::DEFAULT_RATE,
        }
    }

    /// Explains this runtime.
    #[must_use]
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Records the tasks of the runtime that `builder` will build, for `/debug/pprof/goroutine` and
    /// `/sched/latencies:seconds`. Takes the place of any task hooks that the builder had. Each poll then looks at the
    /// clock four times; what that costs is told by `cargo bench -p probe --bench tasks`. In a build without `--cfg
    /// tokio_unstable` there are no hooks: the endpoint then says so, and all else works.
    #[must_use]
    pub fn record(mut self, builder: &mut Builder) -> Self {
        self.tasks = Tasks::record(builder);
        self
    }

    /// As [`Self::record`], by a recorder that is in place already. Whether it records is its owner's affair.
    #[must_use]
    pub fn recorder(mut self, recorder: Recorder) -> Self {
        self.tasks = Tasks::Recorded(recorder);
        self
    }

    /// Samples one allocated byte in so many on average, from the start of the endpoints on: [`heap::DEFAULT_RATE`], which
    /// is Go's, unless another is asked for. Under it the instructions of small allocations rise by a few per cent, and
    /// every sample costs a walk of the stack: the bench `tasks` measures CPU of request-like work at 1.05 to 1.07 times
    /// that without (two runs, each within [1.04, 1.08]), of spawns and of a ping-pong at no more than noise. 0: only while somebody asks for a profile of so many seconds. Without
    /// [`crate::allocator::Selectable`] as the global allocator, and beside another heap profile, nothing is sampled.
    #[must_use]
    pub fn heap_rate(mut self, bytes: u64) -> Self {
        self.heap_rate = bytes;
        self
    }

    /// All at once: records tasks ([`Self::record`]), builds the runtime, explains it and starts.
    ///
    /// # Errors
    /// The operating system refuses a runtime, or as [`Self::start`].
    pub fn start_with(self, builder: &mut Builder) -> Result<(Runtime, Server), StartError> {
        let recording = self.record(builder);
        let runtime = builder.build().map_err(StartError::Runtime)?;
        let server = recording.runtime(runtime.handle().clone()).start()?;
        Ok((runtime, server))
    }

    /// Listens on another port of the same address; 0 takes a free one, see [`Server::address`].
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// Listens on an address that other machines may reach. Whoever reaches it can read the command line and the names
    /// of all functions of this process, and make it profile itself: nothing here asks for a password.
    #[must_use]
    pub fn exposed_to_others_at(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Listens, and begins the lines that [`super::TRACE_ENV`] asks for.
    ///
    /// # Errors
    /// The address is taken, or the operating system refuses a thread.
    pub fn start(self) -> Result<Server, StartError> {
        let failed = |source| StartError::Listen { address: self.address, source };
        let listener = TcpListener::bind(self.address).map_err(failed)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stopper, stop) = pair()?;
        let trace = trace::start_from_env(self.runtime.clone(), stop.clone())?;
        // Where it cannot run, whoever asks is told why.
        let heap = heap::Profiler::start(self.heap_rate).ok();
        let routes = Arc::new(Routes::new(self.runtime, self.tasks, heap));
        let accepting =
            thread::Builder::new().name("debug-http".into()).spawn(move || accept(&listener, &routes, &stop))?;
        let threads = [Some(accepting), trace].into_iter().flatten().collect();
        Ok(Server { address, stopper: Some(stopper), threads })
    }
}

/// Running endpoints; dropping it ends them, a profile in progress included.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stopper: Option<Stopper>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopper = None;
        for thread in self.threads.drain(..) {
            // A panic of ours has been printed; it must not become one of the service.
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, routes: &Arc<Routes>, stop: &Stop) {
    let serving = Arc::new(AtomicUsize::new(0));
    let mut refused = Refused::default();
    loop {
        match stop.wait(Some((listener.as_fd(), PollFlags::POLLIN)), None) {
            Ok(Woken::Event) => {}
            Ok(Woken::Deadline | Woken::Stopped) | Err(_) => return,
        }
        match listener.accept() {
            Ok((stream, _)) => {
                if let Err(stream) = begin(stream, routes, stop, &serving) {
                    refused.add(stream);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => {
                if !matches!(stop.wait(None, Some(Instant::now() + ACCEPT_PAUSE)), Ok(Woken::Deadline)) {
                    return;
                }
            }
        }
    }
}

/// Gives a place back, whatever becomes of the thread that holds it.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves a connection on a thread of its own; gives it back where there are too many, or no thread can be had.
fn begin(stream: TcpStream, routes: &Arc<Routes>, stop: &Stop, serving: &Arc<AtomicUsize>) -> Result<(), TcpStream> {
    // This thread alone adds, so nothing can come between the test and the addition.
    if serving.load(Ordering::Relaxed) >= MOST_CONNECTIONS {
        return Err(stream);
    }
    serving.fetch_add(1, Ordering::Relaxed);
    let place = Place(serving.clone());
    let stream = Arc::new(stream);
    let (served, routes, stop) = (stream.clone(), routes.clone(), stop.clone());
    let spawned = thread::Builder::new().name("debug-client".into()).spawn(move || {
        let _place = place;
        // A client that went away is its own affair.
        let _ = connection::serve(&served, &routes, &stop);
    });
    match spawned {
        Ok(_) => Ok(()),
        // The closure is gone, and its share of the connection with it.
        Err(_) => Arc::try_unwrap(stream).map_or(Ok(()), Err),
    }
}

/// Connections that were told 503. Kept for a while without a thread: a socket that is closed before its client's
/// request has been read would reset the connection, and the client might never see the answer.
#[derive(Default)]
struct Refused(VecDeque<TcpStream>);

impl Refused {
    fn add(&mut self, mut stream: TcpStream) {
        let reason = format!("{MOST_CONNECTIONS} connections are being served: try again later");
        // Never waits: the answer fits into the empty buffer of a new socket.
        if stream.set_nonblocking(true).is_ok() {
            let _ = stream.write_all(&Response::refusal(Status::Overloaded, reason).to_bytes(true));
            let _ = stream.shutdown(Shutdown::Write);
            self.0.push_back(stream);
        }
        self.0.retain_mut(|stream| !is_finished(stream));
        if self.0.len() > MOST_REFUSED {
            self.0.pop_front();
        }
    }
}

/// Takes what the client has sent, a little at most; true once it has closed.
fn is_finished(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 4096]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    }
}
