//! Which protocol is spoken, where the endpoint leaves it open.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use scenarios::spec::{Connection, Protocol};

use super::client::Unreachable;
use super::endpoint::Endpoint;
use super::engine::CONNECT_NS;
use super::tls::TlsClient;
use super::waiter::Waiter;
use super::wire::{Progress, Wire};
use crate::load::LoadError;
use crate::load::clock::{Clock, MonotonicClock};
use crate::load::pacer::{Pacing, STOP_CHECK_NS};

/// The endpoint with its protocol settled: without TLS HTTP/1.1, over TLS what the server prefers (ALPN, RFC 7301), for
/// which one connection is made. A connection for each request means HTTP/1.1.
pub(super) fn settled(endpoint: &Endpoint, stop: &AtomicBool) -> Result<Endpoint, LoadError> {
    let with = |protocol| Endpoint { protocol, ..endpoint.clone() };
    match (endpoint.protocol, endpoint.connection) {
        (Protocol::Auto, Connection::Close) => return Ok(with(Protocol::Http1)),
        (Protocol::Auto, Connection::KeepAlive) => {}
        _ => return Ok(endpoint.clone()),
    }
    let Some(tls) = TlsClient::new(endpoint)? else { return Ok(with(Protocol::Http1)) };
    match agreed(endpoint, &tls, stop) {
        Ok(protocol) => Ok(with(protocol)),
        Err(why) => Err(why.into_error(endpoint)),
    }
}

fn agreed(endpoint: &Endpoint, tls: &TlsClient, stop: &AtomicBool) -> Result<Protocol, Unreachable> {
    let mut waiter = Waiter::new(Pacing::Sleep).map_err(Unreachable::Io)?;
    let (mut wire, mut connected) = Wire::open(endpoint.address, Some(tls)).map_err(Unreachable::Io)?;
    waiter.register(wire.socket(), 0, !connected).map_err(Unreachable::Io)?;
    let end_ns = MonotonicClock.now_ns() + CONNECT_NS;
    loop {
        if connected {
            let progress = wire.greet().map_err(Unreachable::Greeting)?;
            if progress == Progress::Done {
                return Ok(if wire.agreed() == Some(b"h2") { Protocol::Http2 } else { Protocol::Http1 });
            }
            waiter.change(wire.socket(), 0, progress == Progress::Blocked).map_err(Unreachable::Io)?;
        }
        let now_ns = MonotonicClock.now_ns();
        if stop.load(Ordering::Relaxed) {
            return Ok(Protocol::Http1);
        }
        if now_ns >= end_ns {
            let connecting = Unreachable::Io(io::ErrorKind::TimedOut.into());
            return Err(if connected { Unreachable::Silent } else { connecting });
        }
        waiter.wait(end_ns.min(now_ns + STOP_CHECK_NS)).map_err(Unreachable::Io)?;
        let happened = (0..).map_while(|index| waiter.ready(index)).any(|ready| ready.token == 0);
        if !connected && happened {
            wire.connected().map_err(Unreachable::Io)?;
            connected = true;
        }
    }
}
