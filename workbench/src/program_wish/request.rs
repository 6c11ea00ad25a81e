//! The only operation of a program without a scenario.

use scenarios::spec::{Line, Operation, Request, Scheme};

use crate::exit::Refusal;

/// What the command line says of the requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestWish {
    /// `GET`, or `POST` where there is a body.
    pub method: Option<String>,
    /// `name: value`.
    pub headers: Vec<String>,
    /// Body.
    pub body: Option<String>,
    /// Status that counts as answered.
    pub expect_status: Option<u16>,
    /// Text the body must contain.
    pub expect_body: Option<String>,
}

impl RequestWish {
    /// The only operation: a request, or a line where the target is tcp.
    pub(super) fn operation(&self, scheme: Scheme, path: &str) -> anyhow::Result<Operation> {
        let plain = |request, line| Operation {
            name: "request".into(),
            weight: 1.0,
            rate: None,
            measured: true,
            request,
            line,
        };
        Ok(match scheme {
            Scheme::Http | Scheme::Https => plain(Some(self.request(path)?), None),
            Scheme::Tcp => plain(None, Some(self.line()?)),
        })
    }

    fn request(&self, path: &str) -> anyhow::Result<Request> {
        let header = |header: &String| {
            let (name, value) = header
                .split_once(':')
                .ok_or_else(|| Refusal::usage(format!("`--header {header}` is not a header: write \"name: value\"")))?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        };
        let usual = if self.body.is_some() { "POST" } else { "GET" };
        Ok(Request {
            method: self.method.clone().unwrap_or_else(|| usual.to_owned()),
            path: path.to_owned(),
            headers: self.headers.iter().map(header).collect::<anyhow::Result<_>>()?,
            body: self.body.clone(),
            expect_status: self.expect_status.unwrap_or(200),
            expect_body: self.expect_body.clone(),
        })
    }

    fn line(&self) -> anyhow::Result<Line> {
        if self.method.is_some() || !self.headers.is_empty() || self.expect_status.is_some() {
            return Err(Refusal::usage(
                "`--method`, `--header` and `--expect-status` are HTTP's, and the target is tcp: a line has `--body` and \
                 `--expect-body`",
            ));
        }
        let Some(send) = self.body.clone() else {
            return Err(Refusal::usage("which line is to be sent? A tcp target needs `--body 'PING'`"));
        };
        Ok(Line { send, expect: self.expect_body.clone() })
    }
}
