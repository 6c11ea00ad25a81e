//! What the goroutines of a Go program wait for: the kernel sees Go's threads alone, and a goroutine that waits for a lock is off
//! every one of them. Told by uprobes in Go's runtime; where these are refused, asked of `net/http/pprof` in it.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flamegraphs::capture::Recording;
use flamegraphs::capture::goroutines::{GoTrace, GoTracer};

use super::starts::Starts;
use super::{moments, sockets};
use crate::attach::address::Address;
use crate::attach::goroutines::{Goroutine, counted, stacks};
use crate::attach::http::get;
use crate::load::{Clock as _, MonotonicClock};

/// From one dump to the next. The world stops for each (`runtime.Stack`), so that it waits at least [`TIMES`] as long as that
/// took.
const PACE: Duration = Duration::from_millis(50);
const TIMES: u32 = 20;
/// The same where they are counted by stack: the world goes on meanwhile.
const TIMES_COUNTED: u32 = 1;
/// How long whoever begins to ask waits for the first answer.
const FIRST: Duration = Duration::from_secs(1);
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of a dump, and goroutines in it: beyond these asking is a burden.
const MOST_BYTES: usize = 8 << 20;
const MOST_GOROUTINES: usize = 10_000;
/// Ports of the program that are tried.
const MOST_PORTS: usize = 8;
/// The function that answers; a program that lacks it has no such endpoints.
const INDEX: &[u8] = b"net/http/pprof.Index";

/// What goroutines of a program did.
#[derive(Debug, Clone)]
pub enum Goroutines {
    /// It was asked for all of them again and again.
    Asked(Vec<Dump>),
    /// Probes in Go's runtime told.
    Traced(Box<GoTrace>),
}

impl Goroutines {
    /// What all of them did at one moment after the other.
    pub(crate) fn moments(&self, samples: &Recording) -> Cow<'_, [Dump]> {
        match self {
            Self::Asked(dumps) => Cow::Borrowed(dumps),
            Self::Traced(trace) => Cow::Owned(moments::of(trace, Some(samples))),
        }
    }

    /// Who started them, where that was seen.
    pub(crate) fn starts(&self) -> Starts<'_> {
        match self {
            Self::Asked(_) => Starts::default(),
            Self::Traced(trace) => Starts::of(trace),
        }
    }
}

/// All goroutines at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dump {
    /// Who did what.
    pub(crate) goroutines: Vec<Goroutine>,
    /// When it was asked for, `CLOCK_MONOTONIC` in nanoseconds.
    pub(crate) at_ns: u64,
    /// How long it stands for: until the next.
    pub(crate) covers: Duration,
}

/// Asks again and again until it is stopped.
#[derive(Debug)]
pub(crate) struct Asking {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Goroutines, String>>,
}

impl Asking {
    /// Begins to ask a process, at the address that it is driven at or at another port that it listens on; `None` where it is
    /// no program of Go. Returns when it was asked for the first time: what its goroutines do before there is any load tells who
    /// of them waits for work.
    pub(crate) fn start(pid: u32, driven: Option<SocketAddr>) -> Option<Self> {
        let program = format!("/proc/{pid}/exe");
        let binary = crate::binary::Binary::read(Path::new(&program)).filter(|binary| binary.go)?;
        drop(binary);
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let (first, is_asked) = mpsc::channel();
        let thread = std::thread::Builder::new().name("goroutines".into()).spawn(move || {
            let refused = match GoTracer::start(pid) {
                Ok(tracer) => return traced(tracer, &flag, &first),
                Err(refused) => refused,
            };
            if !contains(&std::fs::read(&program).unwrap_or_default(), INDEX) {
                return Err(format!("it does not import `net/http/pprof`, and they cannot be traced: {refused}"));
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let asked = runtime.map_err(|error| error.to_string())?.block_on(ask(pid, driven, &flag, &first));
            asked.map(Goroutines::Asked).map_err(|because| format!("{because}, and they cannot be traced: {refused}"))
        });
        let thread = thread.ok()?;
        // An error is one that does not answer, or not in time.
        let _ = is_asked.recv_timeout(FIRST);
        Some(Self { stop, thread })
    }

    /// What was answered, or why nothing was.
    pub(crate) fn stop(self) -> Result<Goroutines, String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|_| Err("asking for them failed".to_owned()))
    }
}

/// How often whoever records looks whether it is over.
const GLANCE: Duration = Duration::from_millis(20);

/// Goroutines from outside, until it is over.
fn traced(tracer: GoTracer, stop: &AtomicBool, first: &mpsc::Sender<()>) -> Result<Goroutines, String> {
    // Whoever began this may have given up waiting for it.
    let _ = first.send(());
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(GLANCE);
    }
    tracer.stop().map(|trace| Goroutines::Traced(Box::new(trace))).map_err(|error| error.to_string())
}

async fn ask(
    pid: u32,
    driven: Option<SocketAddr>,
    stop: &AtomicBool,
    first: &mpsc::Sender<()>,
) -> Result<Vec<Dump>, String> {
    let ports = sockets::listened(pid).into_iter().map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let mut tried: Vec<SocketAddr> = driven.into_iter().chain(ports).collect();
    tried.dedup();
    tried.truncate(MOST_PORTS);
    let mut dumps = Vec::new();
    for address in tried {
        let mut many = false;
        let Ok(address) = Address::parse(&format!("http://{address}")) else { continue };
        while !stop.load(Ordering::Relaxed) {
            let (began, at_ns) = (Instant::now(), MonotonicClock.now_ns());
            let Some(goroutines) = (if many { counts(&address).await } else { dump(&address).await }) else { break };
            // Whoever began this may have given up waiting for it.
            let _ = first.send(());
            let is_burden = !many && goroutines.len() > MOST_GOROUTINES;
            if is_burden && dumps.is_empty() {
                // Each with what it waits for is too much to ask for: their number by stack is not.
                many = true;
                continue;
            }
            if !is_burden {
                let times = if many { TIMES_COUNTED } else { TIMES };
                tokio::time::sleep(PACE.max(times * began.elapsed()).min(PATIENCE)).await;
            }
            dumps.push(Dump { goroutines, at_ns, covers: began.elapsed() });
            // What was seen until there were so many says how they came to be.
            if is_burden {
                break;
            }
        }
        if !dumps.is_empty() {
            return Ok(dumps);
        }
    }
    Err("none of its ports answers /debug/pprof/goroutine".to_owned())
}

/// The goroutines of one moment; `None` where somebody else answers, or nobody.
async fn dump(address: &Address) -> Option<Vec<Goroutine>> {
    asked(address, 2, stacks).await
}

/// Those that are alike, counted.
async fn counts(address: &Address) -> Option<Vec<Goroutine>> {
    asked(address, 1, |profile, _| counted(profile)).await
}

async fn asked(address: &Address, debug: u8, read: fn(&str, bool) -> Vec<Goroutine>) -> Option<Vec<Goroutine>> {
    let path = format!("{}/goroutine?debug={debug}", address.folder);
    let answer = get(address, &path, PATIENCE, MOST_BYTES).await.ok().filter(|answer| answer.status == 200)?;
    let goroutines = read(&String::from_utf8_lossy(&answer.body), answer.cut);
    (!goroutines.is_empty()).then_some(goroutines)
}

/// Whether bytes hold others.
fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_among_bytes() {
        assert!(contains(b"aaanet/http/pprof.Indexbb", INDEX));
        assert!(!contains(b"net/http/pprof.Inde", INDEX));
        assert!(!contains(b"", INDEX));
    }

    #[test]
    fn a_program_that_is_not_of_go_is_not_asked() {
        assert!(Asking::start(std::process::id(), None).is_none());
    }
}
