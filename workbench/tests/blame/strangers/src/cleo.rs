//! Pieces the services share: a small generator, HTTP/1.1 framing.
pub mod rng {
    //! xorshift64*, enough for test data.
    pub struct Rng(u64);

    impl Rng {
        pub fn new(seed: u64) -> Rng {
            Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
        }

        pub fn next(&mut self) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
        }

        pub fn below(&mut self, n: usize) -> usize {
            (self.next() >> 11) as usize % n
        }

        pub fn unit(&mut self) -> f32 {
            (self.next() >> 40) as f32 / (1u64 << 24) as f32
        }
    }
}

pub mod wire {
    //! HTTP/1.1 heads, as much of them as the hand-made servers need.
    use std::io::{self, Read};
    use tokio::io::{AsyncRead, AsyncReadExt};

    #[derive(Debug)]
    pub struct Head {
        pub method: String,
        pub path: String,
        pub keep: bool,
    }

    pub fn parse_head(raw: &[u8]) -> Option<Head> {
        let text = std::str::from_utf8(raw).ok()?;
        let mut lines = text.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let method = first.next()?.to_owned();
        let path = first.next()?.to_owned();
        let mut keep = first.next()? != "HTTP/1.0";
        for line in lines {
            if let Some((name, value)) = line.split_once(':') {
                if name.eq_ignore_ascii_case("connection") {
                    keep = !value.trim().eq_ignore_ascii_case("close");
                }
            }
        }
        Some(Head { method, path, keep })
    }

    fn take_head(pending: &mut Vec<u8>) -> Option<io::Result<Head>> {
        let end = pending.windows(4).position(|w| w == b"\r\n\r\n")?;
        let head = parse_head(&pending[..end]);
        pending.drain(..end + 4);
        Some(head.ok_or_else(|| io::ErrorKind::InvalidData.into()))
    }

    pub async fn next_head<R: AsyncRead + Unpin>(from: &mut R, pending: &mut Vec<u8>) -> io::Result<Option<Head>> {
        loop {
            if let Some(head) = take_head(pending) {
                return head.map(Some);
            }
            if from.read_buf(pending).await? == 0 {
                return Ok(None);
            }
        }
    }

    pub fn next_head_sync<R: Read>(from: &mut R, pending: &mut Vec<u8>) -> io::Result<Option<Head>> {
        let mut chunk = [0u8; 2048];
        loop {
            if let Some(head) = take_head(pending) {
                return head.map(Some);
            }
            match from.read(&mut chunk)? {
                0 => return Ok(None),
                n => pending.extend_from_slice(&chunk[..n]),
            }
        }
    }

    pub fn reply(status: &str, body: &str, keep: bool) -> Vec<u8> {
        let connection = if keep { "keep-alive" } else { "close" };
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: {connection}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}
