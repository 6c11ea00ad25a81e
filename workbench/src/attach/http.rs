//! One request, one answer: HTTP/1.1, in the clear or over TLS, everything bounded.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::header::{AUTHORIZATION, CONNECTION, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::address::Address;
use crate::load::network::once::{self, Disagreed};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// Nobody listens, no such host, no way there.
    #[error("{authority} cannot be reached: {source}")]
    Unreachable {
        /// Host and port.
        authority: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// No TLS can be agreed.
    #[error("no TLS can be agreed: {0}")]
    Tls(Disagreed),
    /// Silence.
    #[error("no answer within {0:?}")]
    Silent(Duration),
    /// The connection ended within the answer.
    #[error("the connection was closed before the answer was whole ({got} bytes came)")]
    Cut {
        /// Bytes of the body that came.
        got: usize,
    },
    /// Not HTTP, or broken.
    #[error("what answers is not HTTP: {0}")]
    NotHttp(String),
    /// The request cannot be made.
    #[error("the request cannot be made: {0}")]
    Request(#[from] hyper::http::Error),
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: u16,
    /// `Content-Type`, in lower case; may be empty.
    pub(crate) content_type: String,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// The body was longer than asked for; the rest was not read.
    pub(crate) cut: bool,
}

impl Answer {
    /// The first line of a text, for messages.
    pub(crate) fn first_line(&self) -> String {
        let start = &self.body[..self.body.len().min(400)];
        let text = String::from_utf8_lossy(start);
        text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().chars().take(200).collect()
    }
}

/// Asks for `path`; the whole may take `within`, the body be `most` bytes.
pub(crate) async fn get(address: &Address, path: &str, within: Duration, most: usize) -> Result<Answer, HttpError> {
    match timeout(within, ask(address, path, most)).await {
        Ok(answered) => answered,
        Err(_) => Err(HttpError::Silent(within)),
    }
}

async fn ask(address: &Address, path: &str, most: usize) -> Result<Answer, HttpError> {
    let unreachable = |source| HttpError::Unreachable { authority: address.authority(), source };
    let connected = timeout(CONNECT, TcpStream::connect((address.host.as_str(), address.port))).await;
    let stream = connected.map_err(|_| HttpError::Silent(CONNECT))?.map_err(unreachable)?;
    // Ends with the request: the answer's end closes it.
    let (mut sender, connection) = if address.secure {
        let (config, name) = once::secured(&address.authority(), address.trust.clone())
            .map_err(|problem| HttpError::Tls(Disagreed::Other(problem)))?;
        let agreed = tokio_rustls::TlsConnector::from(config).connect(name, stream).await;
        let stream = agreed.map_err(|error| HttpError::Tls(Disagreed::of(&error, &address.host)))?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| told(&error, 0))?;
        (sender, tokio::spawn(async move { connection.await.is_ok() }))
    } else {
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| told(&error, 0))?;
        (sender, tokio::spawn(async move { connection.await.is_ok() }))
    };
    let mut request = hyper::Request::get(path)
        .header(HOST, address.authority())
        .header(USER_AGENT, concat!("workbench/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close");
    if let Some(authorization) = &address.authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    let request = request.body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await.map_err(|error| told(&error, 0))?;
    let content_type = response.headers().get(hyper::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut answer = Answer {
        status: response.status().as_u16(),
        content_type: content_type.unwrap_or_default().to_ascii_lowercase(),
        ..Answer::default()
    };
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| told(&error, answer.body.len()))?;
        if let Some(data) = frame.data_ref() {
            let room = most - answer.body.len();
            answer.body.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                answer.cut = true;
                break;
            }
        }
    }
    connection.abort();
    Ok(answer)
}

fn told(error: &hyper::Error, got: usize) -> HttpError {
    if error.is_incomplete_message() || (error.is_body_write_aborted() || error.is_closed() || error.is_canceled()) {
        return HttpError::Cut { got };
    }
    let io = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    if io.is_some() { HttpError::Cut { got } } else { HttpError::NotHttp(error.to_string()) }
}
