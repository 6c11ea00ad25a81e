//! An answer and its bytes.

use std::fmt::Write as _;

/// Statuses that this server gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    BadRequest,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    HeadTooLarge,
    Failed,
    Overloaded,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::Forbidden => "403 Forbidden",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::RequestTimeout => "408 Request Timeout",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::Failed => "500 Internal Server Error",
            Self::Overloaded => "503 Service Unavailable",
        }
    }
}

/// Plain text for people.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: Status,
    content_type: &'static str,
    /// Name under which a browser saves it.
    file_name: Option<&'static str>,
    /// `None`: of unknown length, as HEAD answers for what is expensive to make.
    body: Option<Vec<u8>>,
}

impl Response {
    /// 200 with a body.
    pub(super) fn ok(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: Status::Ok, content_type, file_name: None, body: Some(body.into()) }
    }

    /// 200 with a body that browsers save.
    pub(super) fn file(name: &'static str, body: Vec<u8>) -> Self {
        Self { file_name: Some(name), ..Self::ok("application/octet-stream", body) }
    }

    /// Header of [`Response::file`] alone.
    pub(super) fn file_header(name: &'static str) -> Self {
        Self { body: None, ..Self::file(name, Vec::new()) }
    }

    /// Anything but 200, with the reason; ends in a line feed.
    pub(super) fn refusal(status: Status, reason: impl std::fmt::Display) -> Self {
        Self { status, content_type: TEXT, file_name: None, body: Some(format!("{reason}\n").into_bytes()) }
    }

    /// Status line, header and, where wanted, body.
    pub(super) fn to_bytes(&self, with_body: bool) -> Vec<u8> {
        let mut head = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n",
            self.status.line(),
            self.content_type
        );
        if let Some(body) = &self.body {
            let _ = write!(head, "Content-Length: {}\r\n", body.len());
        }
        if let Some(name) = self.file_name {
            let _ = write!(head, "Content-Disposition: attachment; filename=\"{name}\"\r\n");
        }
        match self.status {
            Status::Ok => {}
            Status::MethodNotAllowed => head.push_str("Allow: GET, HEAD\r\nX-Go-Pprof: 1\r\n"),
            // Go's client shows the text of an answer only where it finds this header.
            _ => head.push_str("X-Go-Pprof: 1\r\n"),
        }
        head.push_str("Connection: close\r\n\r\n");
        let mut bytes = head.into_bytes();
        if with_body {
            bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_answer_has_the_length_and_not_the_body() {
        let response = Response::ok(TEXT, "four");
        let (whole, head) = (response.to_bytes(true), response.to_bytes(false));
        assert_eq!(whole.strip_prefix(head.as_slice()), Some(b"four".as_slice()));
        insta::assert_snapshot!(String::from_utf8(head).unwrap().replace("\r\n", "\n"), @r"
        HTTP/1.1 200 OK
        Content-Type: text/plain; charset=utf-8
        X-Content-Type-Options: nosniff
        Cache-Control: no-store
        Content-Length: 4
        Connection: close
        ");
    }
}
