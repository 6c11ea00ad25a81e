//! A program that is not ours: how it is started, where it listens, and how it says that it is ready.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Variant;
use crate::problem::{nearest, shown};

/// What stands for a free port, chosen anew for every trial, in command, variables and target.
pub const PORT: &str = "${port}";

/// A program to start and drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Program and arguments. Never empty. A program with a `/` lies relative to `folder`, one without is looked up in
    /// `PATH`.
    pub command: Vec<String>,
    /// Where it listens.
    pub target: Target,
    /// Its working folder. A relative one lies where the scenario file does.
    pub folder: Option<PathBuf>,
    /// Variables for every variant, on top of the caller's environment.
    pub env: BTreeMap<String, String>,
    /// How to tell that it may be driven.
    pub ready: Ready,
    /// How long that may take.
    pub start_timeout: Duration,
    /// How long it may take to end after SIGTERM, before SIGKILL; with 0 it is killed at once.
    pub stop_timeout: Duration,
}

impl Program {
    /// How long a program may take to be ready unless the scenario says otherwise.
    pub const START_TIMEOUT: Duration = Duration::from_secs(30);
    /// How long it may take to end.
    pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);

    /// A program with the usual patience, ready when its port is open.
    pub fn new(command: Vec<String>, target: Target) -> Self {
        Self {
            command,
            target,
            folder: None,
            env: BTreeMap::new(),
            ready: Ready::Port,
            start_timeout: Self::START_TIMEOUT,
            stop_timeout: Self::STOP_TIMEOUT,
        }
    }

    /// Program and arguments of a variant, placeholders and all.
    pub fn command_of(&self, variant: &Variant) -> Vec<String> {
        let own = variant.command.as_ref().unwrap_or(&self.command);
        own.iter().chain(&variant.args).cloned().collect()
    }
}

/// What is spoken over the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// HTTP in the clear.
    Http,
    /// HTTP over TLS.
    Https,
    /// Lines over a plain socket.
    Tcp,
}

/// Where a program listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// What it speaks.
    pub scheme: Scheme,
    /// Name or address; an IPv6 address without its brackets.
    pub host: String,
    /// `None` for [`PORT`]: a free one for each trial.
    pub port: Option<u16>,
}

/// A target that cannot be used; the message is the end of a sentence that begins with "is not".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TargetError(String);

impl Scheme {
    /// `http`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Tcp => "tcp",
        }
    }

    fn default_port(self) -> Option<u16> {
        match self {
            Self::Http => Some(80),
            Self::Https => Some(443),
            Self::Tcp => None,
        }
    }
}

impl Target {
    /// Reads `http://127.0.0.1:8080/orders` as the target and the path after it, where there is one.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<(Self, Option<String>), TargetError> {
        let wrong = |what: String| Err(TargetError(what));
        let Some((scheme, rest)) = text.split_once("://") else {
            return wrong("a target: it begins with `http://`, `https://` or `tcp://`".to_owned());
        };
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "tcp" => Scheme::Tcp,
            other => {
                let near = nearest(other, ["http", "https", "tcp"]).map(|near| format!(": did you mean `{near}`?"));
                return wrong(format!(
                    "a target: `{}` is none of http, https, tcp{}",
                    shown(other),
                    near.unwrap_or_default()
                ));
            }
        };
        // The braces of `${port}` are no part of a path, and no `/` is within them.
        let (authority, path) = match rest.find('/') {
            Some(at) => (&rest[..at], Some(rest[at..].to_owned())),
            None => (rest, None),
        };
        if authority.contains('@') {
            return wrong("a target: leave user and password out, and send them as a header".to_owned());
        }
        if authority.contains(['?', '#']) {
            return wrong("a target: a query needs a path before it, as in `http://127.0.0.1:8080/?a=b`".to_owned());
        }
        let (host, port) = split_port(authority)?;
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || "[]\"\\".contains(c)) {
            return wrong("a target: it has no host, as in `http://127.0.0.1:8080`".to_owned());
        }
        let port = match port {
            Some(PORT) => None,
            Some(digits) => match digits.parse() {
                Ok(port @ 1..) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(port),
                _ => return wrong(format!("a target: `{}` is no port from 1 to 65535", shown(digits))),
            },
            None => match scheme.default_port() {
                Some(port) => Some(port),
                None => return wrong("a target: tcp needs a port, as in `tcp://127.0.0.1:6379`".to_owned()),
            },
        };
        if scheme == Scheme::Tcp && path.as_deref().is_some_and(|path| path != "/") {
            return wrong("a target: tcp has no path".to_owned());
        }
        let path = path.filter(|path| path != "/");
        Ok((Self { scheme, host: host.to_owned(), port }, path))
    }

    /// Host and port as a URL has them, with the port that was chosen for [`PORT`].
    pub fn authority(&self, chosen: u16) -> String {
        format!("{}:{}", self.bracketed(), self.port.unwrap_or(chosen))
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

/// Host and port of `host:port`, `[::1]:port` or `host`.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), TargetError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let Some((host, rest)) = rest.split_once(']') else {
            return Err(TargetError("a target: `[` without `]`".to_owned()));
        };
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(TargetError("a target: after `]` comes `:` and the port".to_owned())),
        };
    }
    match authority.split_once(':') {
        Some((_, port)) if port != PORT && port.contains(':') => {
            Err(TargetError("a target: an IPv6 address stands in brackets, as in `http://[::1]:8080`".to_owned()))
        }
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port.map_or_else(|| PORT.to_owned(), |port| port.to_string());
        write!(f, "{}://{}:{port}", self.scheme.name(), self.bracketed())
    }
}

/// How to tell that a program may be driven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    /// It accepts connections.
    Port,
    /// It answers a GET of this path with status 200.
    Http(String),
    /// It printed a line with this text, on standard output or standard error, and accepts connections.
    Line(String),
}

impl FromStr for Ready {
    type Err = String;

    /// Reads `port`, `http:/health` or `line:listening on`. The error is the end of a sentence that begins with "is not".
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RIGHT: &str = "`port`, `http:/health` or `line:listening on`";
        match text.split_once(':') {
            None if text == "port" => Ok(Self::Port),
            Some(("http", path)) if path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic()) => {
                Ok(Self::Http(path.to_owned()))
            }
            Some(("line", text)) if !text.trim().is_empty() && !text.contains(char::is_control) => {
                Ok(Self::Line(text.to_owned()))
            }
            _ => Err(format!("one of {RIGHT}")),
        }
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port => f.write_str("port"),
            Self::Http(path) => write!(f, "http:{path}"),
            Self::Line(text) => write!(f, "line:{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        match Target::parse(text) {
            Ok((target, path)) => format!("{text} -> {target} {}", path.as_deref().unwrap_or("-")),
            Err(error) => format!("{text} is not {error}"),
        }
    }

    #[test]
    fn targets_are_read_or_say_what_would_be_right() {
        let all = [
            "http://127.0.0.1:8080/orders",
            "http://127.0.0.1:8080",
            "http://localhost",
            "https://[::1]/a?b=c",
            "tcp://127.0.0.1:6379",
            "http://127.0.0.1:${port}/a",
            "http://[::1]:${port}",
            "127.0.0.1:8080",
            "htp://127.0.0.1:8080",
            "ftp://127.0.0.1",
            "http://:8080",
            "http://127.0.0.1:0",
            "http://127.0.0.1:99999",
            "http://127.0.0.1:",
            "http://::1:8080",
            "http://[::1",
            "tcp://127.0.0.1",
            "tcp://127.0.0.1:1/a",
            "http://me:secret@127.0.0.1:1",
            "http://127.0.0.1:1?a=b",
        ];
        insta::assert_snapshot!(all.map(read).join("\n"));
    }

    #[test]
    fn readiness_is_written_as_it_is_read() {
        for text in ["port", "http:/health?full=1", "line:listening on: "] {
            assert_eq!(text.parse::<Ready>().unwrap().to_string(), text);
        }
        for text in ["", "Port", "port:", "http:", "http:health", "line:", "line: ", "line:a\nb", "tcp"] {
            text.parse::<Ready>().unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn no_target_panics_and_what_is_written_is_read(text in "(http|https|tcp)://[\\[\\]a-z0-9.:${}@/?#-]{0,24}") {
            if let Ok((target, _)) = Target::parse(&text) {
                prop_assert_eq!(Target::parse(&target.to_string()), Ok((target, None)));
            }
        }
    }
}
