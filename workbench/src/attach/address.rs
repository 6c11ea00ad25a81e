//! Where debug endpoints are: what people type, made whole.

use std::net::IpAddr;

use base64::Engine as _;

use crate::load::network::Tls;

/// Folder of Go's endpoints (`net/http/pprof`), unless the address names another.
const FOLDER: &str = "/debug/pprof";

/// Address of debug endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Name or number of the host.
    pub(crate) host: String,
    /// Port.
    pub(crate) port: u16,
    /// What comes before [`FOLDER`], for the endpoints that lie beside it; empty or `/prefix`.
    pub(crate) root: String,
    /// Folder of the profiles without a slash at its end.
    pub(crate) folder: String,
    /// Whether it speaks TLS.
    pub(crate) secure: bool,
    /// Whose certificates are taken, where it does.
    pub(crate) trust: Tls,
    /// Value of the header `Authorization`, where a name and password were given.
    pub(crate) authorization: Option<String>,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    /// A scheme that is not spoken.
    #[error("`{0}://` is not spoken here: write http://HOST:PORT or https://HOST:PORT")]
    Scheme(String),
    /// No host, or no port that is one.
    #[error("`{0}` is not the address of debug endpoints: http://HOST:PORT, HOST:PORT or :PORT")]
    Malformed(String),
}

impl Address {
    /// Whether a text is meant as an address: it has a scheme, a slash or a port.
    pub(crate) fn is_meant(text: &str) -> bool {
        text.contains("://") || text.contains('/') || text.rsplit_once(':').is_some_and(|(_, port)| is_number(port))
    }

    /// Reads `http://user:password@host:6060/prefix/debug/pprof/heap?debug=1` and everything shorter. What follows the
    /// folder is dropped: all its profiles are asked for.
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        let malformed = || AddressError::Malformed(shown(text));
        let (secure, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            Some((scheme, _)) => return Err(AddressError::Scheme(scheme.escape_debug().to_string())),
            None => (false, text),
        };
        let usual = if secure { 443 } else { 80 };
        let rest = rest.split(['?', '#']).next().unwrap_or(rest);
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, authority),
        };
        let (host, port) = match authority.rsplit_once(':') {
            // `[::1]` has colons of its own.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| malformed())?),
            _ => (authority, usual),
        };
        let host = if host.is_empty() && port != usual { "127.0.0.1" } else { host };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '/' | '\\' | '"' | '<' | '>');
        if host.is_empty() || host.contains(odd) || path.contains(|c: char| !c.is_ascii_graphic()) {
            return Err(malformed());
        }
        let (root, folder) = match path.find(FOLDER) {
            Some(at) => (&path[..at], path[..at + FOLDER.len()].to_owned()),
            None if path.trim_matches('/').is_empty() => ("", FOLDER.to_owned()),
            None => ("", path.trim_end_matches('/').to_owned()),
        };
        let authorization =
            user.map(|user| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(decoded(user))));
        let (host, root) = (host.to_owned(), root.to_owned());
        Ok(Self { host, port, root, folder, secure, trust: Tls::System, authorization })
    }

    /// `http://host:6060/debug/pprof/`, without name and password.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}{}/", if self.secure { "https" } else { "http" }, self.authority(), self.folder)
    }

    /// Whether it is a loopback address.
    pub(crate) fn is_local(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// `host:6060`, for the header `Host`.
    pub(crate) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// The text without a password that it may have.
fn shown(text: &str) -> String {
    let (before, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let scheme = if before.is_empty() { String::new() } else { format!("{before}://") };
    format!("{scheme}{rest}").escape_debug().to_string()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `%40` as `@`.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = (*first == b'%').then(|| tail.get(..2)).flatten();
        match code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_type_becomes_whole() {
        let url = |text| Address::parse(text).map(|address| address.url()).unwrap_or_else(|e| e.to_string());
        for text in
            ["127.0.0.1:6060", ":6060", "http://127.0.0.1:6060", "http://127.0.0.1:6060/debug/pprof/heap?debug=1"]
        {
            assert_eq!(url(text), "http://127.0.0.1:6060/debug/pprof/", "{text}");
        }
        assert_eq!(url("http://svc/admin/debug/pprof"), "http://svc:80/admin/debug/pprof/");
        assert_eq!(url("http://svc:1/internal/prof/"), "http://svc:1/internal/prof/");
        assert_eq!(url("https://svc/"), "https://svc:443/debug/pprof/");
        assert_eq!(url("[::1]:6060"), "http://[::1]:6060/debug/pprof/");
        assert_eq!(Address::parse("http://svc/admin/debug/pprof").unwrap().root, "/admin");
    }

    #[test]
    fn passwords_go_into_a_header_and_nowhere_else() {
        let address = Address::parse("http://me:p%40ss@svc:6060").unwrap();
        assert_eq!(address.authorization.as_deref(), Some("Basic bWU6cEBzcw=="));
        assert_eq!(address.url(), "http://svc:6060/debug/pprof/");
        let error = Address::parse("http://me:secret@svc:port").unwrap_err().to_string();
        assert!(error.contains("http://svc:port") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn other_texts_are_refused() {
        assert!(matches!(Address::parse("ftp://svc:6060"), Err(AddressError::Scheme(_))));
        for text in ["", "http://", "http:// :1", "svc:99999", "http://a\nb:1", "http://svc:1/a\r\nx"] {
            assert!(matches!(Address::parse(text), Err(AddressError::Malformed(_))), "{text:?}");
        }
        assert!(!Address::is_meant("4711") && !Address::is_meant("my-service"));
        assert!(Address::is_meant(":6060") && Address::is_meant("svc:6060") && Address::is_meant("svc/debug/pprof"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in any::<String>()) {
            if let Ok(address) = Address::parse(&text) {
                prop_assert!(!address.folder.contains(['\r', '\n', ' ']));
            }
        }
    }
}
