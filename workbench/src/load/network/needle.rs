//! Finds a text in a body that comes in pieces, without keeping the body (Knuth, Morris and Pratt 1977).

/// A text to look for.
#[derive(Debug, Clone)]
pub(super) struct Needle {
    text: Vec<u8>,
    /// For each prefix, the longest proper suffix of it that is a prefix of the text too.
    fallback: Vec<usize>,
}

impl Needle {
    /// Prepares a search; an empty text is found at once.
    pub(super) fn new(text: &str) -> Self {
        let text = text.as_bytes().to_vec();
        let mut fallback = vec![0; text.len()];
        let mut matched = 0;
        for end in 1..text.len() {
            while matched > 0 && text[end] != text[matched] {
                matched = fallback[matched - 1];
            }
            matched += usize::from(text[end] == text[matched]);
            fallback[end] = matched;
        }
        Self { text, fallback }
    }

    /// Goes on with `bytes` after `matched` bytes of the text were seen last; returns the new number. Found it is once
    /// [`Needle::is_found`] says so, and stays found.
    pub(super) fn advance(&self, mut matched: usize, bytes: &[u8]) -> usize {
        for &byte in bytes {
            if self.is_found(matched) {
                break;
            }
            while matched > 0 && byte != self.text[matched] {
                matched = self.fallback[matched - 1];
            }
            matched += usize::from(byte == self.text[matched]);
        }
        matched
    }

    pub(super) fn is_found(&self, matched: usize) -> bool {
        matched == self.text.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_finds_what_a_plain_search_finds(body in "[ab]{0,40}", text in "[ab]{0,6}", cut in 0_usize..40) {
            let needle = Needle::new(&text);
            let (first, second) = body.as_bytes().split_at(cut.min(body.len()));
            let matched = needle.advance(needle.advance(0, first), second);
            prop_assert_eq!(needle.is_found(matched), body.contains(&text));
        }
    }
}
