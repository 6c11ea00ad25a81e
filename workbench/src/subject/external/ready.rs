//! Waits until a program may be driven.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use scenarios::spec::{Load, Protocol, Ready, Scheme, Target};

use super::sockets::{self, Listener};
use super::tree::{self, Tree};
use super::wire::{self, Answer};
use crate::load::network::Endpoint;
use crate::load::network::once::{Talk, Unagreed, talk};
use crate::subject::process::{AwaitedLine, SubjectProcess};

/// How often somebody looks.
const GLANCE: Duration = Duration::from_millis(10);
/// How long a single attempt to connect, or a single answer, may take.
const ATTEMPT: Duration = Duration::from_secs(1);

/// What is waited for.
pub(super) struct Waiting<'a> {
    pub(super) ready: &'a Ready,
    pub(super) target: &'a Target,
    /// Whose certificates are taken.
    pub(super) load: &'a Load,
    /// Addresses that the target's name has.
    pub(super) addresses: &'a [SocketAddr],
    pub(super) awaited: &'a AwaitedLine,
    pub(super) patience: Duration,
    pub(super) stop: &'a AtomicBool,
}

/// Why a program may not be driven.
#[derive(Debug)]
pub(super) enum NotReady {
    /// A signal said so.
    Interrupted,
    /// It ended; how is for the caller to find out.
    Ended,
    /// In words.
    Because(String),
}

/// Waits; returns the address that answers.
pub(super) fn wait(waiting: &Waiting<'_>, process: &SubjectProcess, tree: &Tree) -> Result<SocketAddr, NotReady> {
    let deadline = Instant::now() + waiting.patience;
    let mut unready = None;
    loop {
        if waiting.stop.load(Ordering::Relaxed) {
            return Err(NotReady::Interrupted);
        }
        if let Some(address) = look(waiting, &mut unready)? {
            return Ok(address);
        }
        // A program that forks and ends leaves somebody behind who may still come to listen.
        if process.ends_within(GLANCE) && tree.alive().is_empty() {
            return Err(NotReady::Ended);
        }
        if Instant::now() >= deadline {
            return Err(NotReady::Because(late(waiting, tree, unready)));
        }
        if process.ends_within(Duration::ZERO) {
            std::thread::sleep(GLANCE);
        }
    }
}

/// One look: the address that answers, if one does. `unready` says what an answer lacked.
fn look(waiting: &Waiting<'_>, unready: &mut Option<String>) -> Result<Option<SocketAddr>, NotReady> {
    if matches!(waiting.ready, Ready::Line(_)) && !waiting.awaited.is_seen() {
        return Ok(None);
    }
    for address in waiting.addresses {
        let Ok(stream) = connect(address) else { continue };
        let Ready::Http(path) = waiting.ready else { return Ok(Some(*address)) };
        if waiting.target.scheme == Scheme::Tcp {
            return Ok(Some(*address));
        }
        let host = waiting.target.authority(address.port());
        // A status is asked for in HTTP/1.1, which every server over TLS speaks too.
        let endpoint = Endpoint::of(waiting.load, *address, &host, waiting.target.scheme);
        let endpoint = Endpoint { protocol: Protocol::Http1, ..endpoint };
        let stream = match talk(&endpoint, stream) {
            Ok(stream) => stream,
            Err(Unagreed::Ever(why)) => return Err(NotReady::Because(format!("TLS cannot be agreed: {why}"))),
            Err(Unagreed::Now(why)) => {
                *unready = Some(format!("no TLS can be agreed for GET {path}: {why}"));
                continue;
            }
        };
        match get(stream, &host, path) {
            Ok(Answer::Status(200)) => return Ok(Some(*address)),
            Ok(Answer::Status(status)) => {
                *unready = Some(format!("it answers GET {path} with status {status}, not 200"))
            }
            Ok(Answer::Tls) => return Err(NotReady::Because(wire::SPEAKS_TLS.to_owned())),
            Ok(Answer::Other(text)) => *unready = Some(format!("it answers GET {path} with what is no HTTP: {text}")),
            Err(error) => *unready = Some(format!("it does not answer GET {path}: {error}")),
        }
    }
    Ok(None)
}

/// A connection whose reads and writes end in time.
fn connect(address: &SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(address, ATTEMPT)?;
    stream.set_read_timeout(Some(ATTEMPT))?;
    stream.set_write_timeout(Some(ATTEMPT))?;
    Ok(stream)
}

fn get(mut stream: Box<dyn Talk>, host: &str, path: &str) -> std::io::Result<Answer> {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
    stream.flush()?;
    wire::answer(&mut stream.take(4096) as &mut dyn Read)
}

/// Patience ran out: what there was to see, and what to do.
fn late(waiting: &Waiting<'_>, tree: &Tree, unready: Option<String>) -> String {
    let Waiting { target, ready, patience, .. } = waiting;
    let time = scenarios::knobs::duration_text(*patience);
    if let Ready::Line(text) = ready
        && !waiting.awaited.is_seen()
    {
        return format!(
            "after {time} it had printed no line with `{text}`: correct `ready`, or give it more time by `--start-timeout`"
        );
    }
    if let Some(unready) = unready {
        return format!("after {time} {unready}: correct `ready`, or give it more time by `--start-timeout`");
    }
    let port = waiting.addresses.first().map_or(0, SocketAddr::port);
    let asked = target.authority(port);
    let pids: Vec<i32> = tree.alive().iter().map(|member| member.pid).collect();
    let own = pids.first().map(|pid| listening(*pid, &pids)).unwrap_or_default();
    if own.is_empty() {
        return format!(
            "after {time} nothing listens on {asked}, and it has no port open at all: is it told to serve there? Give it \
             more time by `--start-timeout`"
        );
    }
    let own: Vec<String> = own.iter().map(|listener| listener.address.to_string()).collect();
    format!(
        "after {time} nothing listens on {asked}, while it listens on {}: correct the target, or how it is told its port",
        own.join(", ")
    )
}

/// What these processes listen on.
fn listening(pid: i32, pids: &[i32]) -> Vec<Listener> {
    let all = sockets::listeners(pid).into_iter();
    all.filter(|listener| !sockets::holders(listener, pids).is_empty()).collect()
}

/// Whoever listens on one of these addresses before the program is started, in words.
pub(super) fn taken(addresses: &[SocketAddr]) -> Option<String> {
    let own = std::process::id().cast_signed();
    let all = sockets::listeners(own);
    let taker = all.iter().find(|listener| addresses.iter().any(|address| listener.takes(address)))?;
    let who = sockets::holders(taker, &tree::numbers()).first().map_or_else(
        || "a process that this user may not look into".to_owned(),
        |pid| format!("process {pid} (`{}`)", tree::name(*pid)),
    );
    Some(format!(
        "port {} is taken before the program is started: {who} listens on {}; stop it, or let the workbench choose a free \
         port: write `${{port}}` in the target and in the command",
        taker.address.port(),
        taker.address
    ))
}
