//! One connection to an endpoint that blocks: for a look before or beside the load.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

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
/// A host that is no name, or a machine without certificate authorities.
pub fn secured(host: &str, insecure: bool) -> Result<(Arc<ClientConfig>, ServerName<'static>), String> {
    let endpoint = Endpoint {
        host: host.to_owned(),
        tls: Some(if insecure { Tls::Insecure } else { Tls::System }),
        protocol: Protocol::Http1,
        ..Endpoint::loopback(0)
    };
    match TlsClient::new(&endpoint) {
        Ok(Some(client)) => Ok(client.parts()),
        Ok(None) => Err("it was not asked for".to_owned()),
        Err(LoadError::Tls { problem, .. }) => Err(problem),
        Err(other) => Err(other.to_string()),
    }
}

/// Why TLS was not agreed, as a person would say it.
pub fn disagreed(error: &std::io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner.map(tls::failure) {
        Some(Failure::Certificate) => {
            "the certificate is not trusted, or not for this host: `--insecure` takes any".to_owned()
        }
        Some(failure) => failure.label(&[]),
        None => error.to_string(),
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
            return Err(match inner.map(tls::failure) {
                Some(failure @ (Failure::Certificate | Failure::Protocol | Failure::NoTls)) => {
                    Unagreed::Ever(failure.label(&[]))
                }
                Some(failure) => Unagreed::Now(failure.label(&[])),
                None => Unagreed::Now(error.to_string()),
            });
        }
    }
    Ok(Box::new(StreamOwned::new(connection, stream)))
}
