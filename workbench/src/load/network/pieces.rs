//! Text with `${sequence}` and `${random:N}` in it, cut up once and written many times.

use std::io::Write as _;

use crate::load::seeded::{below, mixed};

/// A compiled template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pieces(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Sequence,
    /// Below this number, which is not 0.
    Random(u64),
}

/// What the placeholders of one message become. Random numbers come from the seed, one after the other in the order of
/// their placeholders.
#[derive(Debug)]
pub(super) struct Numbers {
    sequence: u64,
    seed: u64,
    drawn: u64,
}

impl Numbers {
    /// Those of the message with this sequence number.
    pub(super) fn new(sequence: u64, seed: u64) -> Self {
        Self { sequence, seed, drawn: 0 }
    }
}

impl Pieces {
    /// Cuts a template up.
    pub(super) fn cut(template: &str) -> Result<Self, String> {
        let mut pieces = Self::default();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("${") {
            let (placeholder, after) = after.split_once('}').ok_or_else(|| format!("`${{{after}` is not closed"))?;
            pieces.push(before);
            pieces.0.push(match placeholder.split_once(':') {
                None if placeholder == "sequence" => Piece::Sequence,
                Some(("random", limit)) => match limit.parse() {
                    Ok(limit) if limit > 0 => Piece::Random(limit),
                    _ => return Err(format!("`{limit}` in `${{{placeholder}}}` is not a number from 1")),
                },
                _ => return Err(format!("`${{{placeholder}}}` is none of ${{sequence}}, ${{random:N}}")),
            });
            rest = after;
        }
        pieces.push(rest);
        Ok(pieces)
    }

    /// Adds plain text.
    pub(super) fn push(&mut self, text: &str) {
        if !text.is_empty() {
            self.0.push(Piece::Text(text.to_owned()));
        }
    }

    /// Adds another template.
    pub(super) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Writes the text behind what is in `to`.
    pub(super) fn write(&self, numbers: &mut Numbers, to: &mut Vec<u8>) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => to.extend_from_slice(text.as_bytes()),
                Piece::Sequence => number(numbers.sequence, to),
                Piece::Random(limit) => {
                    number(below(mixed(numbers.seed, numbers.drawn), *limit), to);
                    numbers.drawn += 1;
                }
            }
        }
    }
}

/// Writes a number in decimal.
pub(super) fn number(n: u64, to: &mut Vec<u8>) {
    write!(to, "{n}").expect("writing to memory");
}
