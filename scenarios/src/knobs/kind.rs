//! Types and ranges of knobs.

use std::fmt;
use std::time::Duration;

use super::{KnobError, cpu_set, duration_text, parse_duration, parse_size, size_text};
use crate::problem::nearest;

/// Type and range of a knob; bounds are inclusive unless they say otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A whole number.
    Integer {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// A whole number that may be below zero.
    Signed {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A number that may have a fraction.
    Number {
        /// Must be larger than this.
        above: f64,
        /// Largest.
        max: f64,
    },
    /// `true` or `false`.
    Boolean,
    /// A duration with a unit, e.g. `10s`.
    Duration {
        /// Shortest.
        min: Duration,
        /// Longest.
        max: Duration,
    },
    /// A whole number of milliseconds without a unit, as jemalloc spells it; -1 means never.
    Milliseconds {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A list of CPUs, e.g. `0-1,3`.
    CpuSet,
    /// A number of bytes, e.g. `64KiB`; a plain number is bytes.
    Bytes {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// A whole number of percent, or `off`.
    Percent {
        /// Largest.
        max: u64,
    },
    /// `name=value`, several separated by commas.
    Pairs,
    /// Bytes in Go's spelling, e.g. `256MiB`, or `off`.
    Size {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
}

impl Kind {
    /// Smallest to largest, or the words, for messages and listings.
    pub fn range(&self) -> String {
        match self {
            Self::Integer { min, max } => format!("{min} to {max}"),
            Self::Number { above, max } => format!("more than {above}, at most {max}"),
            Self::Boolean => "true or false".to_owned(),
            Self::Duration { min, max } => format!("{} to {}", duration_text(*min), duration_text(*max)),
            Self::Milliseconds { min, max } | Self::Signed { min, max } => format!("{min} to {max}"),
            Self::Choice(words) => words.join(", "),
            Self::CpuSet => "CPUs 0 to 1023".to_owned(),
            Self::Bytes { min, max } => format!("{} to {}", size_text(*min), size_text(*max)),
            Self::Size { min, max } => format!("{} to {}, or off", size_text(*min), size_text(*max)),
            Self::Percent { max } => format!("0 to {max}, or off"),
            Self::Pairs => "any names".to_owned(),
        }
    }

    /// Checks a value for the knob at `path` and returns its canonical spelling.
    pub(super) fn check(&self, path: &str, value: &str) -> Result<String, KnobError> {
        let value = value.trim();
        let not = |expected: String| KnobError::Type { path: path.to_owned(), value: value.to_owned(), expected };
        let misfit = || not(self.to_string());
        let within = |inside: bool, canonical: String| {
            inside.then_some(canonical).ok_or_else(|| KnobError::Range {
                path: path.to_owned(),
                value: value.to_owned(),
                range: self.range(),
            })
        };
        match self {
            // 128 bits, so that a number too large for the knob is "out of range" and not "no number".
            Self::Integer { min, max } => {
                let n: i128 = value.parse().map_err(|_| misfit())?;
                within(n >= i128::from(*min) && n <= i128::from(*max), n.to_string())
            }
            Self::Milliseconds { min, max } | Self::Signed { min, max } => {
                let n: i128 = value.parse().map_err(|_| misfit())?;
                within(n >= i128::from(*min) && n <= i128::from(*max), n.to_string())
            }
            Self::Number { above, max } => {
                let n: f64 = value.parse().ok().filter(|n: &f64| n.is_finite()).ok_or_else(misfit)?;
                within(n > *above && n <= *max, n.to_string())
            }
            Self::Boolean => match value {
                "true" | "false" => Ok(value.to_owned()),
                _ => Err(misfit()),
            },
            Self::Duration { min, max } => {
                let duration = parse_duration(value).map_err(not)?;
                within(duration >= *min && duration <= *max, duration_text(duration))
            }
            Self::Choice(words) if words.contains(&value) => Ok(value.to_owned()),
            Self::Choice(words) => Err(KnobError::Choice {
                path: path.to_owned(),
                value: value.to_owned(),
                choices: words.iter().map(|&word| word.to_owned()).collect(),
                nearest: nearest(value, words.iter().copied()).map(str::to_owned),
            }),
            Self::CpuSet => cpu_set::canonical(value).ok_or_else(misfit),
            Self::Bytes { min, max } => {
                let bytes = parse_size(value).map_err(not)?;
                within((*min..=*max).contains(&bytes), size_text(bytes))
            }
            Self::Percent { .. } if value == "off" => Ok(value.to_owned()),
            Self::Percent { max } => {
                let n: i128 = value.parse().map_err(|_| misfit())?;
                within(n >= 0 && n <= i128::from(*max), n.to_string())
            }
            Self::Pairs => {
                let is_pair = |pair: &str| {
                    let (name, value) = pair.split_once('=').unwrap_or_default();
                    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
                    plain(name) && plain(value)
                };
                if value.split(',').all(is_pair) { Ok(value.to_owned()) } else { Err(misfit()) }
            }
            Self::Size { .. } if value == "off" => Ok(value.to_owned()),
            Self::Size { min, max } => {
                let size = parse_size(value).map_err(|expected| not(format!("{expected}, or `off`")))?;
                within((*min..=*max).contains(&size), size_text(size))
            }
        }
    }
}

/// As the end of a sentence that begins with "is not".
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer { .. } | Self::Signed { .. } => write!(f, "a whole number: {}", self.range()),
            Self::Number { .. } => write!(f, "a number: {}", self.range()),
            Self::Boolean => write!(f, "a boolean: {}", self.range()),
            Self::Duration { .. } => write!(f, "a duration: {}", self.range()),
            Self::Milliseconds { .. } => {
                write!(f, "a whole number of milliseconds without a unit: {}", self.range())
            }
            Self::Choice(_) => write!(f, "one of {}", self.range()),
            Self::Bytes { .. } => write!(f, "a size such as 64KiB: {}", self.range()),
            Self::CpuSet => write!(f, "a list of CPUs such as 0-1,3: {}", self.range()),
            Self::Percent { .. } => write!(f, "a whole number of percent: {}", self.range()),
            Self::Pairs => f.write_str("a list such as `gctrace=1,madvdontneed=1`"),
            Self::Size { .. } => write!(f, "a size such as 256MiB: {}", self.range()),
        }
    }
}
