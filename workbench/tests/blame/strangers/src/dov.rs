//! Small things all services here share: a plain HTTP reader, a counter-based shuffle.

/// splitmix64: cheap spreading of small integers.
pub fn spread(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

pub struct Head {
    pub path: String,
    pub close: bool,
    pub len: usize,
}

/// Parses a request head if `buf` holds a whole one.
pub fn head(buf: &[u8]) -> Option<Head> {
    let end = buf.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&buf[..end]);
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let _verb = first.next()?;
    let path = first.next()?.to_string();
    let mut close = first.next() == Some("HTTP/1.0");
    for line in lines {
        let lower = line.to_ascii_lowercase();
        if lower.starts_with("connection:") {
            close = lower.contains("close");
        }
    }
    Some(Head { path, close, len: end })
}

pub fn reply(status: &str, body: &str, close: bool) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: {}\r\n\r\n{body}",
        body.len(),
        if close { "close" } else { "keep-alive" },
    )
    .into_bytes()
}
