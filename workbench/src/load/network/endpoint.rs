//! Where to send operations, and how.

use std::net::SocketAddr;
use std::path::PathBuf;

use scenarios::spec::{Connection, Load, Protocol, Scheme};

/// A networked subject as the driver sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Address and port.
    pub address: SocketAddr,
    /// What is spoken.
    pub protocol: Protocol,
    /// TLS below it, where there is any.
    pub tls: Option<Tls>,
    /// Host and port as a person wrote them: the `host` header, and the name that a certificate must have.
    pub host: String,
    /// How long a connection lives.
    pub connection: Connection,
}

/// Whose certificates are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Those signed by an authority that this machine trusts.
    System,
    /// The same, or by an authority in this file (PEM).
    Authorities(PathBuf),
    /// Any.
    Insecure,
}

impl Endpoint {
    /// An HTTP/1.1 server with lasting connections, by its address.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            protocol: Protocol::Auto,
            tls: None,
            host: address.to_string(),
            connection: Connection::KeepAlive,
        }
    }

    /// Such a server on a port of this machine.
    pub fn loopback(port: u16) -> Self {
        Self::new(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// The server at `address`, spoken to as scheme and load say; `host` with its port, as the person wrote it.
    #[must_use]
    pub fn of(load: &Load, address: SocketAddr, host: &str, scheme: Scheme) -> Self {
        let trusted = || match (&load.tls_ca, load.tls_insecure) {
            (_, true) => Tls::Insecure,
            (Some(file), false) => Tls::Authorities(PathBuf::from(file)),
            (None, false) => Tls::System,
        };
        Self {
            address,
            protocol: match (load.protocol, scheme) {
                (Protocol::Auto, Scheme::Tcp) => Protocol::Lines,
                (protocol, _) => protocol,
            },
            tls: (scheme == Scheme::Https).then(trusted),
            host: host.to_owned(),
            connection: load.connection,
        }
    }
}
