//! Reads answers as they come in, in pieces of any size; keeps heads that are incomplete, never bodies.

use super::template::Expected;

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
mod tests;
