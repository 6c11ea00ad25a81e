//! One connection to an endpoint that blocks: for a look before or beside the load.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustls::StreamOwned;

use super::endpoint::Endpoint;
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
