//! The head of a request, as far as this server cares.

/// Method, path, query and host of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// `GET`, `HEAD` or anything else.
    pub(super) method: String,
    /// From the first slash to the question mark, as sent.
    pub(super) path: String,
    /// Behind the question mark, as sent.
    query: String,
    /// `Host` header; none in HTTP/1.0 requests that leave it out.
    pub(super) host: Option<String>,
    /// Bytes of the request line and its headers.
    pub(super) head_bytes: usize,
    /// Bytes of the body behind them, by `Content-Length`; 0 where there is none.
    pub(super) body_bytes: usize,
}

/// Why bytes are no request that this server answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestError {
    /// Not HTTP.
    #[error("not an HTTP request: {0}")]
    Syntax(#[from] httparse::Error),
    /// A proxy's or a tunnel's request line.
    #[error("the target of a request begins with a slash here")]
    Target,
    /// Nobody can say which host was meant.
    #[error("an HTTP/1.1 request has exactly one Host header")]
    Host,
    /// Chunked, or of a length that is none.
    #[error("a body needs a Content-Length here")]
    Length,
}

/// Most headers of a request.
const MOST_HEADERS: usize = 64;

/// Reads a head; `None` while it is incomplete.
///
/// # Errors
/// It can never become a request.
pub(super) fn parse(head: &[u8]) -> Result<Option<Request>, RequestError> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head_bytes) = parsed.parse(head)? else {
        return Ok(None);
    };
    let target = parsed.path.unwrap_or_default();
    if !target.starts_with('/') {
        return Err(RequestError::Target);
    }
    let mut hosts = parsed.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("host"));
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(std::str::from_utf8(host.value).map_err(|_| RequestError::Host)?.to_owned()),
        (None, None) if parsed.version == Some(0) => None,
        _ => return Err(RequestError::Host),
    };
    let mut body_bytes = 0;
    for header in parsed.headers.iter() {
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(RequestError::Length);
        }
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(header.value).map_err(|_| RequestError::Length)?;
            body_bytes = text.trim().parse().map_err(|_| RequestError::Length)?;
        }
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok(Some(Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        host,
        head_bytes,
        body_bytes,
    }))
}

impl Request {
    /// The query as it was sent.
    pub(super) fn whole_query(&self) -> &str {
        &self.query
    }

    /// First value of `key` in the query, as sent: every value that this server knows is a number, which nobody encodes.
    pub(super) fn query(&self, key: &str) -> Option<&str> {
        self.query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .find(|(k, _)| *k == key)
            .map(|p| p.1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn path_query_and_host_are_told_apart() {
        let request =
            parse(b"GET /debug/pprof/profile?debug=0&seconds=5&seconds=6 HTTP/1.1\r\nhOST: localhost:6060\r\n\r\n");
        let request = request.unwrap().unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/debug/pprof/profile"));
        assert_eq!((request.query("seconds"), request.query("gc")), (Some("5"), None));
        assert_eq!(request.host.as_deref(), Some("localhost:6060"));
    }

    #[test]
    fn a_head_is_incomplete_until_its_empty_line() {
        let whole = b"GET / HTTP/1.0\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]), Ok(None), "{end}");
        }
        assert!(parse(whole).unwrap().unwrap().host.is_none());
    }

    #[test]
    fn a_body_has_the_length_that_is_stated() {
        let head = b"POST /debug/pprof/symbol HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
        let request = parse(&[&head[..], b"0x123"].concat()).unwrap().unwrap();
        assert_eq!((request.head_bytes, request.body_bytes), (head.len(), 5));
        for wrong in ["Content-Length: -1", "Content-Length: many", "Transfer-Encoding: chunked"] {
            let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{wrong}\r\n\r\n");
            assert_eq!(parse(head.as_bytes()), Err(RequestError::Length), "{wrong}");
        }
    }

    #[test]
    fn ambiguous_hosts_and_foreign_targets_are_refused() {
        assert_eq!(parse(b"GET / HTTP/1.1\r\n\r\n"), Err(RequestError::Host));
        assert_eq!(parse(b"GET / HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n"), Err(RequestError::Host));
        assert_eq!(parse(b"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n"), Err(RequestError::Target));
        assert!(matches!(parse(b"\x16\x03\x01\x02\x00"), Err(RequestError::Syntax(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
