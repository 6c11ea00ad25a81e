//! Reads answers of one line; keeps nothing of them.

use super::template::Expected;

/// One answer after the other over one connection.
#[derive(Debug, Default)]
pub(super) struct LineReader {
    matched: usize,
    begun: bool,
    complete: bool,
    /// More has come than one line.
    overfull: bool,
}

impl LineReader {
    /// A line was sent.
    pub(super) fn begin(&mut self) {
        *self = Self::default();
    }

    /// Takes what came in. `true` once the line is complete.
    pub(super) fn feed(&mut self, input: &[u8], expected: &Expected) -> bool {
        self.begun |= !input.is_empty();
        let end = input.iter().position(|&byte| byte == b'\n');
        let content = &input[..end.unwrap_or(input.len())];
        if let Some(needle) = &expected.body {
            self.matched = needle.advance(self.matched, content);
        }
        if let Some(end) = end {
            self.complete = true;
            self.overfull = end + 1 < input.len();
        }
        self.complete
    }

    /// The expected text was in the line.
    pub(super) fn matches(&self, expected: &Expected) -> bool {
        expected.body.as_ref().is_none_or(|needle| needle.is_found(self.matched))
    }

    /// The connection may serve another line: what came besides must not be taken for the next answer.
    pub(super) fn keep_alive(&self) -> bool {
        self.complete && !self.overfull
    }
}

#[cfg(test)]
mod tests {
    use super::super::needle::Needle;
    use super::*;

    fn expected(text: Option<&str>) -> Expected {
        Expected { status: 0, body: text.map(Needle::new), head: false }
    }

    #[test]
    fn a_line_ends_at_its_feed_whatever_the_pieces() {
        let line = b"VALUE 17\r\n";
        for cut in 0..line.len() {
            let (mut reader, expected) = (LineReader::default(), expected(Some("UE 1")));
            reader.begin();
            assert!(!reader.feed(&line[..cut], &expected));
            assert!(reader.feed(&line[cut..], &expected) && reader.matches(&expected) && reader.keep_alive());
        }
    }

    #[test]
    fn text_of_a_second_line_is_not_in_the_first() {
        let (mut reader, expected) = (LineReader::default(), expected(Some("VALUE")));
        reader.begin();
        assert!(reader.feed(b"MISS\nVALUE\n", &expected));
        assert!(!reader.matches(&expected) && !reader.keep_alive());
    }
}
