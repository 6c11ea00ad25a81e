//! Drives an HTTP/1.1 server over loopback or a network, from one thread: its own epoll loop and client.
//!
//! A connection serves one request at a time and is kept alive. Operations that find none free wait in order with their
//! intended time kept. A request that times out takes its connection with it; whatever closes or breaks is connected
//! anew. Nothing is allocated per operation once the buffers have found their size.

mod closed;
mod connection;
mod engine;
mod needle;
mod open;
mod request;
mod response;
#[cfg(test)]
mod tests;
mod waiter;

use std::net::SocketAddr;

pub use self::closed::{drive_closed, drive_closed_metered};
pub use self::open::drive_open;

/// Where to send requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTarget {
    /// Address and port.
    pub address: SocketAddr,
    /// Value of the `host` header.
    pub host: String,
}

impl HttpTarget {
    /// A server by its address.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, host: address.to_string() }
    }

    /// A server on a port of this machine.
    pub fn loopback(port: u16) -> Self {
        Self::new(SocketAddr::from(([127, 0, 0, 1], port)))
    }
}
