//! One connection to an endpoint that blocks: for a look before or beside the load.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, StreamOwned};

use super::Protocol;
use super::endpoint::{Endpoint, Tls};
use super::tls::{self, TlsClient};
use crate::load::LoadError;
use crate::load::slots::Failure;

/// Bytes in and out, with TLS on top or without.
pub trait Talk: Read + Write + Send {}

impl<T: Read + Write + Send> Talk for T {}

/// Why no TLS was agreed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unagreed {
    /// It will not be, however long one waits: certificates, or a server that speaks something else.
    #[error("{0}")]
    Ever(String),
    /// Not now.
    #[error("{0}")]
    Now(String),
}

/// What a client of HTTP/1.1 needs for TLS with a host, its port behind it.
///
/// # Errors
/// A host that is no name, a file of authorities that cannot be used, or a machine without any.
pub fn secured(host: &str, trust: Tls) -> Result<(Arc<ClientConfig>, ServerName<'static>), String> {
    let endpoint =
        Endpoint { host: host.to_owned(), tls: Some(trust), protocol: Protocol::Http1, ..Endpoint::loopback(0) };
    match TlsClient::new(&endpoint) {
        Ok(Some(client)) => Ok(client.parts()),
        Ok(None) => Err("it was not asked for".to_owned()),
        Err(LoadError::Tls { problem, .. }) => Err(problem),
        Err(other) => Err(other.to_string()),
    }
}

/// Why TLS was not agreed with a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Disagreed {
    /// Its certificate is not taken: what is wrong with it.
    #[error("{0}")]
    Certificate(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Disagreed {
    /// What an error of a handshake with a host means.
    pub fn of(error: &std::io::Error, host: &str) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner.map(|error| (error, tls::failure(error))) {
            Some((error, Failure::Certificate)) => Self::Certificate(tls::certificate(error, host)),
            Some((_, failure)) => Self::Other(failure.label(&[])),
            None => Self::Other(error.to_string()),
        }
    }
}

/// How long another look may take.
const LOOK: Duration = Duration::from_secs(5);

/// Why an endpoint refuses TLS for good, by another connection; `None` where this one is agreed, or says nothing.
pub(super) fn refused(endpoint: &Endpoint) -> Option<String> {
    let stream = TcpStream::connect_timeout(&endpoint.address, LOOK).ok()?;
    stream.set_read_timeout(Some(LOOK)).and_then(|()| stream.set_write_timeout(Some(LOOK))).ok()?;
    match talk(endpoint, stream) {
        Err(Unagreed::Ever(why)) => Some(why),
        Err(Unagreed::Now(_)) | Ok(_) => None,
    }
}

/// Agrees on TLS over a connected stream, where the endpoint has it. Times out as the stream does.
///
/// # Errors
/// [`Unagreed`].
pub fn talk(endpoint: &Endpoint, mut stream: TcpStream) -> Result<Box<dyn Talk>, Unagreed> {
    let client = TlsClient::new(endpoint).map_err(|error| match error {
        LoadError::Tls { problem, .. } => Unagreed::Ever(problem),
        other => Unagreed::Ever(other.to_string()),
    })?;
    let Some(client) = client else { return Ok(Box::new(stream)) };
    let mut connection = client.begin().map_err(|error| Unagreed::Ever(error.to_string()))?;
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut stream) {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            return Err(match inner.map(|inner| (inner, tls::failure(inner))) {
                Some((inner, Failure::Certificate)) => {
                    let wrong = tls::certificate(inner, tls::without_port(&endpoint.host));
                    Unagreed::Ever(format!("{wrong}; {}", tls::TAKEN_BY))
                }
                Some((_, failure @ (Failure::Protocol | Failure::NoTls))) => Unagreed::Ever(failure.label(&[])),
                Some((_, failure)) => Unagreed::Now(failure.label(&[])),
                None => Unagreed::Now(error.to_string()),
            });
        }
    }
    Ok(Box::new(StreamOwned::new(connection, stream)))
}
