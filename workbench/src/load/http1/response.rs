//! Reads answers as they come in, in pieces of any size; keeps heads that are incomplete, never bodies.

use super::request::Expected;

/// Longest head.
const HEAD: usize = 64 * 1024;
/// Most headers.
const HEADERS: usize = 100;

/// Not an answer by RFC 9112.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// Where in an answer the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    /// So many bytes are missing.
    Length(u64),
    /// In the line with the size of a chunk.
    ChunkSize {
        size: u64,
        digits: u8,
        extension: bool,
    },
    Chunk(u64),
    ChunkEnd,
    /// In a trailer line of this length so far.
    Trailer(usize),
    UntilClose,
    Complete,
}

/// One answer after the other over one connection.
#[derive(Debug)]
pub(super) struct Parser {
    head: Vec<u8>,
    stage: Stage,
    status: u16,
    matched: usize,
    keep_alive: bool,
    /// Something of the answer has come.
    begun: bool,
}

/// What a head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    status: u16,
    keep_alive: bool,
    chunked: bool,
    /// A transfer coding that is not chunked: the body ends with the connection.
    coded: bool,
    length: Option<u64>,
}

impl Parser {
    pub(super) fn new() -> Self {
        Self {
            head: Vec::with_capacity(4096),
            stage: Stage::Complete,
            status: 0,
            matched: 0,
            keep_alive: true,
            begun: false,
        }
    }

    /// A request was sent.
    pub(super) fn begin(&mut self) {
        self.head.clear();
        self.stage = Stage::Head;
        (self.status, self.matched, self.keep_alive, self.begun) = (0, 0, true, false);
    }

    /// Takes what came in. `true` once the answer is complete.
    pub(super) fn feed(&mut self, input: &[u8], expected: &Expected) -> Result<bool, Malformed> {
        self.begun |= !input.is_empty();
        if self.stage != Stage::Head {
            return self.body(input, expected);
        }
        if self.head.is_empty() {
            return self.head_of(input, expected, |parser| parser.head.extend_from_slice(input));
        }
        self.head.extend_from_slice(input);
        let mut whole = std::mem::take(&mut self.head);
        let mut incomplete = false;
        let complete = self.head_of(&whole, expected, |_| incomplete = true);
        if incomplete {
            self.head = whole;
        } else if self.head.is_empty() {
            // The buffer stays; an interim answer may have left the begin of the next head in another one.
            whole.clear();
            self.head = whole;
        }
        complete
    }

    /// The connection was closed. `true` where that ends the answer as it should.
    pub(super) fn close(&mut self) -> bool {
        if self.stage == Stage::UntilClose {
            self.stage = Stage::Complete;
        }
        self.keep_alive = false;
        self.begun && self.stage == Stage::Complete
    }

    /// Status of the answer.
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// The expected text was in the body.
    pub(super) fn body_matches(&self, expected: &Expected) -> bool {
        expected.body.as_ref().is_none_or(|needle| needle.is_found(self.matched))
    }

    /// The connection may serve another request.
    pub(super) fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    fn head_of(&mut self, bytes: &[u8], expected: &Expected, keep: impl FnOnce(&mut Self)) -> Result<bool, Malformed> {
        let Some((length, head)) = read_head(bytes)? else {
            if bytes.len() > HEAD {
                return Err(Malformed);
            }
            keep(self);
            return Ok(false);
        };
        let rest = &bytes[length..];
        if (100..200).contains(&head.status) {
            // An interim answer; nobody asked to switch protocols.
            return if head.status == 101 { Err(Malformed) } else { self.feed_after_interim(rest, expected) };
        }
        self.status = head.status;
        self.keep_alive = head.keep_alive;
        self.stage = match head {
            _ if expected.head || head.status == 204 || head.status == 304 => Stage::Complete,
            Head { chunked: true, .. } => Stage::ChunkSize { size: 0, digits: 0, extension: false },
            Head { coded: true, .. } | Head { length: None, .. } => Stage::UntilClose,
            Head { length: Some(0), .. } => Stage::Complete,
            Head { length: Some(length), .. } => Stage::Length(length),
        };
        self.body(rest, expected)
    }

    fn feed_after_interim(&mut self, rest: &[u8], expected: &Expected) -> Result<bool, Malformed> {
        self.head.clear();
        if rest.is_empty() {
            return Ok(false);
        }
        self.head_of(rest, expected, |parser| parser.head.extend_from_slice(rest))
    }

    fn body(&mut self, mut input: &[u8], expected: &Expected) -> Result<bool, Malformed> {
        while let Some((&byte, rest)) = input.split_first() {
            self.stage = match self.stage {
                Stage::Length(missing) => {
                    let taken = self.content(input, missing, expected);
                    input = &input[taken..];
                    match missing - taken as u64 {
                        0 => Stage::Complete,
                        missing => Stage::Length(missing),
                    }
                }
                Stage::Chunk(missing) => {
                    let taken = self.content(input, missing, expected);
                    input = &input[taken..];
                    match missing - taken as u64 {
                        0 => Stage::ChunkEnd,
                        missing => Stage::Chunk(missing),
                    }
                }
                Stage::UntilClose => {
                    self.content(input, u64::MAX, expected);
                    return Ok(false);
                }
                Stage::Complete => {
                    // More than was asked for: whatever it is, it must not be taken for the next answer.
                    self.keep_alive = false;
                    return Ok(true);
                }
                Stage::Head => return Err(Malformed),
                line => {
                    input = rest;
                    by_byte(line, byte)?
                }
            };
        }
        Ok(self.stage == Stage::Complete)
    }

    /// Looks at up to `most` bytes of content and returns how many there are.
    fn content(&mut self, input: &[u8], most: u64, expected: &Expected) -> usize {
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(input.len());
        if let Some(needle) = &expected.body {
            self.matched = needle.advance(self.matched, &input[..length]);
        }
        length
    }
}

/// The lines around chunks (RFC 9112 §7.1); a bare line feed ends a line too.
fn by_byte(stage: Stage, byte: u8) -> Result<Stage, Malformed> {
    Ok(match (stage, byte) {
        (Stage::ChunkSize { digits: 0, .. }, b'\n') => return Err(Malformed),
        (Stage::ChunkSize { size: 0, .. }, b'\n') => Stage::Trailer(0),
        (Stage::ChunkSize { size, .. }, b'\n') => Stage::Chunk(size),
        (Stage::ChunkSize { size, digits, extension: false }, _) if byte.is_ascii_hexdigit() => {
            let digit = char::from(byte).to_digit(16).ok_or(Malformed)?;
            if digits >= 15 {
                return Err(Malformed);
            }
            Stage::ChunkSize { size: size << 4 | u64::from(digit), digits: digits + 1, extension: false }
        }
        (Stage::ChunkSize { size, digits: digits @ 1.., extension }, _) if extension || b";\r \t".contains(&byte) => {
            Stage::ChunkSize { size, digits, extension: true }
        }
        (Stage::ChunkEnd, b'\r') => Stage::ChunkEnd,
        (Stage::ChunkEnd, b'\n') => Stage::ChunkSize { size: 0, digits: 0, extension: false },
        (Stage::Trailer(0), b'\n') => Stage::Complete,
        (Stage::Trailer(_), b'\n') => Stage::Trailer(0),
        (Stage::Trailer(length), b'\r') => Stage::Trailer(length),
        (Stage::Trailer(length), _) if length < HEAD => Stage::Trailer(length + 1),
        _ => return Err(Malformed),
    })
}

/// Length and meaning of the head that `bytes` begin with; `None` where it is incomplete.
fn read_head(bytes: &[u8]) -> Result<Option<(usize, Head)>, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = response.parse(bytes).map_err(|_| Malformed)? else { return Ok(None) };
    let mut head = Head {
        status: response.code.ok_or(Malformed)?,
        keep_alive: response.version == Some(1),
        chunked: false,
        coded: false,
        length: None,
    };
    for header in response.headers.iter() {
        let items = || header.value.split(|&b| b == b',').map(<[u8]>::trim_ascii);
        if header.name.eq_ignore_ascii_case("content-length") {
            for item in items() {
                let digits = item.iter().all(u8::is_ascii_digit).then_some(item);
                let text = digits.and_then(|digits| std::str::from_utf8(digits).ok());
                let length = text.and_then(|text| text.parse().ok()).ok_or(Malformed)?;
                if head.length.is_some_and(|other| other != length) {
                    return Err(Malformed);
                }
                head.length = Some(length);
            }
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            head.chunked = items().next_back().is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"));
            head.coded = !head.chunked;
        } else if header.name.eq_ignore_ascii_case("connection") {
            for item in items() {
                match () {
                    () if item.eq_ignore_ascii_case(b"close") => head.keep_alive = false,
                    () if item.eq_ignore_ascii_case(b"keep-alive") => head.keep_alive = true,
                    () => {}
                }
            }
        }
    }
    Ok(Some((length, head)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::needle::Needle;
    use super::*;

    fn expected(body: Option<&str>, head: bool) -> Expected {
        Expected { status: 200, body: body.map(Needle::new), head }
    }

    /// Feeds an answer in pieces of `size`: whether it was complete, its status, whether the body matched, and whether
    /// the connection may be kept.
    fn read(answer: &str, size: usize, expected: &Expected) -> Result<(bool, u16, bool, bool), Malformed> {
        let mut parser = Parser::new();
        parser.begin();
        let mut complete = false;
        for piece in answer.as_bytes().chunks(size) {
            complete = parser.feed(piece, expected)?;
        }
        Ok((complete, parser.status(), parser.body_matches(expected), parser.keep_alive()))
    }

    #[test]
    fn answers_are_read_in_pieces_of_any_size() {
        let plain = expected(Some("hello"), false);
        let head = expected(None, true);
        let cases = [
            ("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n hello!", &plain, (true, 200, true, true)),
            ("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", &plain, (true, 503, false, true)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhelloo", &plain, (false, 200, true, true)),
            ("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", &plain, (true, 200, true, false)),
            (
                "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5, 5\r\n\r\nhello",
                &plain,
                (true, 200, true, true),
            ),
            (
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello",
                &plain,
                (true, 200, true, false),
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\nA;x=\"1\"\r\nlo world..\r\n0\r\na: b\r\n\r\n",
                &plain,
                (true, 200, true, true),
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n0\r\n",
                &plain,
                (false, 200, false, true),
            ),
            ("HTTP/1.1 204 No Content\r\n\r\n", &plain, (true, 204, false, true)),
            ("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n", &head, (true, 200, true, true)),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\na: b\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
                &plain,
                (true, 200, true, true),
            ),
            ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1", &plain, (true, 200, true, false)),
        ];
        for (answer, expected, outcome) in cases {
            for size in [1, 2, 7, 40, 1000] {
                assert_eq!(read(answer, size, expected), Ok(outcome), "{size} {answer}");
            }
        }
    }

    #[test]
    fn without_a_length_the_body_ends_with_the_connection() {
        let expected = expected(Some("bye"), false);
        for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n"] {
            let mut parser = Parser::new();
            parser.begin();
            assert_eq!(parser.feed(head.as_bytes(), &expected), Ok(false));
            assert_eq!(parser.feed(b"good bye", &expected), Ok(false));
            assert!(parser.close() && parser.body_matches(&expected) && !parser.keep_alive());
        }
    }

    #[test]
    fn a_close_in_the_middle_is_no_answer() {
        let expected = expected(None, false);
        for part in ["", "HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab"] {
            let mut parser = Parser::new();
            parser.begin();
            assert_eq!(parser.feed(part.as_bytes(), &expected), Ok(false));
            assert!(!parser.close(), "{part}");
        }
    }

    #[test]
    fn garbage_is_refused() {
        let plain = expected(None, false);
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        for garbage in [
            "SSH-2.0-OpenSSH_9.6\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_owned(),
            "HTTP/1.1 101 Switching\r\n\r\n".to_owned(),
            format!("{chunked}\r\n"),
            format!("{chunked}xyz\r\n"),
            format!("{chunked}1\r\nab\r\n"),
            format!("{chunked}ffffffffffffffff\r\n"),
            format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(HEAD)),
        ] {
            assert_eq!(read(&garbage, 1000, &plain), Err(Malformed), "{}", &garbage[..garbage.len().min(80)]);
        }
    }

    proptest! {
        #[test]
        fn chunks_of_any_kind_give_their_content(
            chunks in prop::collection::vec("[a-z]{1,30}", 0..8), size in 1_usize..50, text in "[a-z]{1,3}",
        ) {
            let mut answer = String::from("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n");
            for chunk in &chunks {
                answer += &format!("{:x}\r\n{chunk}\r\n", chunk.len());
            }
            answer += "0\r\n\r\n";
            let contains = chunks.concat().contains(&text);
            prop_assert_eq!(read(&answer, size, &expected(Some(&text), false)), Ok((true, 200, contains, true)));
        }

        #[test]
        fn the_size_of_the_pieces_does_not_matter(answer in "HTTP/1.1 [1-5]0[0-4] A\r\n(content-length: [0-9]|transfer-encoding: chunked)\r\n\r\n[0-3a;\r\n]{0,20}", size in 1_usize..20) {
            let expected = expected(Some("a"), false);
            prop_assert_eq!(read(&answer, size, &expected), read(&answer, 1000, &expected));
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>, size in 1_usize..50) {
            let mut parser = Parser::new();
            parser.begin();
            for piece in bytes.chunks(size) {
                if parser.feed(piece, &expected(None, false)).is_err() {
                    break;
                }
            }
        }
    }
}
