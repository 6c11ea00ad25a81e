//! One answer after the other over one connection, in whichever protocol serves one request at a time.

use scenarios::spec::Protocol;

use super::http1::Parser;
use super::lines::LineReader;
use super::template::Expected;
use crate::load::slots::Failure;

/// The begin of a TLS record that carries an alert (RFC 8446 §5.1): what a TLS server says to plain text.
pub(super) const ALERT: [u8; 2] = [21, 3];

/// Reads answers as they come in, in pieces of any size.
#[derive(Debug)]
pub(super) struct Answer {
    reader: Reader,
    /// First bytes of the answer, to tell TLS by.
    begin: [u8; 2],
    begun: usize,
}

#[derive(Debug)]
enum Reader {
    Http1(Parser),
    Lines(LineReader),
}

impl Answer {
    /// A reader for the protocol.
    pub(super) fn new(protocol: Protocol) -> Self {
        let reader = match protocol {
            Protocol::Lines => Reader::Lines(LineReader::default()),
            Protocol::Auto | Protocol::Http1 | Protocol::Http2 => Reader::Http1(Parser::new()),
        };
        Self { reader, begin: [0; 2], begun: 0 }
    }

    /// A message was sent.
    pub(super) fn begin(&mut self) {
        self.begun = 0;
        match &mut self.reader {
            Reader::Http1(parser) => parser.begin(),
            Reader::Lines(reader) => reader.begin(),
        }
    }

    /// Takes what came in. `true` once the answer is complete.
    pub(super) fn feed(&mut self, input: &[u8], expected: &Expected) -> Result<bool, Failure> {
        for &byte in input.iter().take(ALERT.len().saturating_sub(self.begun)) {
            self.begin[self.begun] = byte;
            self.begun += 1;
        }
        if self.is_alert() {
            return Err(Failure::TlsSpoken);
        }
        match &mut self.reader {
            Reader::Http1(parser) => parser.feed(input, expected).map_err(|_| Failure::Malformed),
            Reader::Lines(reader) => Ok(reader.feed(input, expected)),
        }
    }

    fn is_alert(&self) -> bool {
        self.begun == ALERT.len() && self.begin == ALERT
    }

    /// The connection was closed. `true` where that ends the answer as it should.
    pub(super) fn close(&mut self) -> bool {
        match &mut self.reader {
            Reader::Http1(parser) => parser.close(),
            Reader::Lines(_) => false,
        }
    }

    /// What is wrong with a complete answer, if anything.
    pub(super) fn wrong(&self, expected: &Expected) -> Option<Failure> {
        match &self.reader {
            Reader::Http1(parser) if parser.status() != expected.status => Some(Failure::Status(parser.status())),
            Reader::Http1(parser) => (!parser.body_matches(expected)).then_some(Failure::Body),
            Reader::Lines(reader) => (!reader.matches(expected)).then_some(Failure::Body),
        }
    }

    /// The connection may serve another message.
    pub(super) fn keep_alive(&self) -> bool {
        match &self.reader {
            Reader::Http1(parser) => parser.keep_alive(),
            Reader::Lines(reader) => reader.keep_alive(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_of_tls_is_told_from_garbage_in_any_pieces() {
        let expected = Expected { status: 200, body: None, head: false };
        for protocol in [Protocol::Http1, Protocol::Lines] {
            let mut answer = Answer::new(protocol);
            answer.begin();
            assert_eq!(answer.feed(&[21, 3, 1, 0, 2, 2, 70], &expected), Err(Failure::TlsSpoken));
        }
        let mut answer = Answer::new(Protocol::Lines);
        answer.begin();
        assert_eq!(answer.feed(&[21], &expected), Ok(false));
        assert_eq!(answer.feed(&[3, 1], &expected), Err(Failure::TlsSpoken));
    }
}
