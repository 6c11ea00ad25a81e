//! What the first bytes of an answer say about who speaks.

use std::io::Read;

use scenarios::problem::shown;

/// Told where a server answers in TLS what was said in the clear.
pub(super) const SPEAKS_TLS: &str = "it answers in TLS: write `https://` in the target";

/// An answer to an HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// HTTP, with this status.
    Status(u16),
    /// A TLS alert, or words about HTTPS.
    Tls,
    /// Neither; its begin.
    Other(String),
}

/// Reads as far as is needed.
pub(super) fn answer(stream: &mut dyn Read) -> std::io::Result<Answer> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 1024];
    while !bytes.ends_with(b"\r\n\r\n") && bytes.len() < 4096 {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => bytes.extend_from_slice(&chunk[..n]),
            Err(error) if bytes.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    if bytes.is_empty() {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(judge(&bytes))
}

fn judge(bytes: &[u8]) -> Answer {
    // RFC 8446 §5.1: content type alert (21), then a version that begins with 3.
    if bytes.starts_with(&[0x15, 0x03]) {
        return Answer::Tls;
    }
    let text = String::from_utf8_lossy(bytes);
    let status = text.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
    match status {
        // Go and nginx answer the request of somebody in the clear in the clear.
        Some(400) if text.contains("HTTPS server") || text.contains("to HTTPS port") => Answer::Tls,
        Some(status) => Answer::Status(status),
        None => Answer::Other(format!("`{}`", shown(text.lines().next().unwrap_or_default()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_speaks_is_told_by_the_first_bytes() {
        assert_eq!(judge(b"HTTP/1.1 200 OK\r\n\r\n"), Answer::Status(200));
        assert_eq!(judge(&[0x15, 0x03, 0x01, 0, 2, 2, 10]), Answer::Tls);
        let go = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
        assert_eq!(judge(go), Answer::Tls);
        assert_eq!(judge(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Answer::Status(400));
        assert_eq!(judge(b"220 mail.example ESMTP\r\n"), Answer::Other("`220 mail.example ESMTP`".into()));
        assert_eq!(judge("\u{1b}[31m".as_bytes()), Answer::Other("`\\u{1b}[31m`".into()));
        assert_eq!(answer(&mut &b"HTTP/1.1 204 No"[..]).unwrap(), Answer::Status(204));
        assert!(answer(&mut &b""[..]).is_err());
    }
}
