//! The one shape of histogram used here, and how it travels: V2-deflate in base64, as in `.hlog` files.

use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

/// Smallest value told apart, nanoseconds. Larger bounds coarsen everything above them too: told apart from 1 µs, values
/// up to a millisecond stand on a grid of 512 ns, which is 10 % of an operation of 5 µs.
const LOWEST_NS: u64 = 1;
/// Largest value; beyond it values saturate.
const HIGHEST_NS: u64 = 60_000_000_000;

/// Empty: nanoseconds, to 60 s, 3 digits (about 220 KiB).
pub(super) fn new() -> Histogram<u64> {
    Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, 3).expect("constant bounds that the crate accepts")
}

/// A histogram as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Encoded(String);

impl Encoded {
    /// Packs a histogram.
    pub fn new(histogram: &Histogram<u64>) -> Self {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(histogram, &mut bytes)
            .expect("writing to memory, with counts that fit 63 bits");
        Self(STANDARD.encode(&bytes))
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Unpacks it; `None` where the text is none of ours.
    pub fn decode(&self) -> Option<Histogram<u64>> {
        let bytes = STANDARD.decode(&self.0).ok()?;
        let decoded: Histogram<u64> = Deserializer::new().deserialize(&mut Cursor::new(bytes)).ok()?;
        // The reader allows any bounds; ours are needed for adding one to another.
        let mut histogram = new();
        histogram.add(decoded).ok()?;
        Some(histogram)
    }
}

/// For `#[serde(with = "histogram::text")]`.
pub(super) mod text {
    use hdrhistogram::Histogram;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::Encoded;

    pub(in crate::load) fn serialize<S: Serializer>(histogram: &Histogram<u64>, to: S) -> Result<S::Ok, S::Error> {
        Encoded::new(histogram).serialize(to)
    }

    pub(in crate::load) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Histogram<u64>, D::Error> {
        Encoded::deserialize(from)?.decode().ok_or_else(|| D::Error::custom("not a histogram in base64"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_histogram_survives_the_pipe(values in prop::collection::vec(1_000_u64..100_000_000_000, 0..200)) {
            let mut histogram = new();
            for value in values {
                histogram.saturating_record(value);
            }
            prop_assert_eq!(Encoded::new(&histogram).decode(), Some(histogram));
        }

        #[test]
        fn values_are_kept_to_three_digits(value in 1_000_u64..60_000_000_000) {
            let mut histogram = new();
            histogram.saturating_record(value);
            prop_assert!(histogram.value_at_quantile(0.5).abs_diff(value) <= value / 1000, "{} {:?}", value, histogram.max());
        }

        #[test]
        fn garbage_is_refused_without_panic(text in "[A-Za-z0-9+/]{0,64}") {
            prop_assert_eq!(Encoded(text).decode(), None);
        }
    }
}
