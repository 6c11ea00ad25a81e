//! HdrHistogram interval logs (`latency.hlog`): what every load tool of that family reads.
//!
//! One line per interval and tag, V2 histograms compressed with DEFLATE, values in nanoseconds. The driver's tags are
//! the name of an operation (latency from the intended time), `<op>.service`, `<op>.error` and `driver.lag`.

mod decode;
mod tag;

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, LogIteratorError, Tag,
};

/// One histogram of an interval log.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// What was recorded; any text, encoded where the format does not allow it.
    pub tag: String,
    /// Start in seconds since the phase began; kept to the millisecond.
    pub start_s: f64,
    /// Length in seconds; kept to the millisecond.
    pub duration_s: f64,
    /// Values in nanoseconds.
    pub histogram: Histogram<u64>,
}

/// Why an interval log could not be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HlogError {
    /// A line is not what it must be.
    #[error("line {line}: {problem}")]
    Line {
        /// 1-based line.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A histogram could not be serialised.
    #[error("histogram `{}` cannot be written: {problem}", tag.escape_debug())]
    Write {
        /// Its tag.
        tag: String,
        /// Cause.
        problem: String,
    },
}

/// Nanoseconds in a second.
const NANOS: f64 = 1e9;
/// Last line of a log, a comment to every other reader: with it a log that lost whole lines is known as such.
const END: &str = "[End of log, intervals: ";

/// Decodes a base64 V2 histogram, compressed or not, without trusting it.
///
/// # Errors
/// What is wrong with it.
pub fn histogram(text: &str) -> Result<Histogram<u64>, String> {
    decode::histogram(text)
}

/// Serialises `intervals` as an interval log.
///
/// # Errors
/// [`HlogError::Write`] for a count or a time that the format cannot hold.
pub fn to_bytes(intervals: &[Interval]) -> Result<Vec<u8>, HlogError> {
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let wrong = |tag: &str, problem: String| HlogError::Write { tag: tag.to_owned(), problem };
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("[Values are nanoseconds; times are seconds since the open-loop phase began]")
        .with_max_value_divisor(NANOS)
        .begin_log_with(&mut bytes, &mut serializer)
        .map_err(|error| wrong("", error.to_string()))?;
    for interval in intervals {
        let tag = tag::encode(&interval.tag);
        let time = |seconds: f64| {
            Duration::try_from_secs_f64(seconds).map_err(|error| wrong(&interval.tag, format!("{seconds} s: {error}")))
        };
        let (start, duration) = (time(interval.start_s)?, time(interval.duration_s)?);
        let encoded = Tag::new(&tag);
        log.write_histogram(&interval.histogram, start, duration, encoded)
            .map_err(|error| wrong(&interval.tag, error.to_string()))?;
    }
    log.write_comment(&format!("{END}{}]", intervals.len())).map_err(|error| wrong("", error.to_string()))?;
    Ok(bytes)
}

/// Reads an interval log.
///
/// # Errors
/// [`HlogError::Line`] at the first line that is damaged or cut off.
pub fn parse(bytes: &[u8]) -> Result<Vec<Interval>, HlogError> {
    let mut intervals = Vec::new();
    let mut offset = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        offset += line.len();
        let number = || bytes[..offset - 1].iter().filter(|byte| **byte == b'\n').count() + 1;
        let wrong = |problem: String| HlogError::Line { line: number(), problem };
        // One iterator per line: the parser of a whole log would search each line's delimiters across all the others.
        for entry in IntervalLogIterator::new(line) {
            let entry = match entry {
                Ok(LogEntry::Interval(entry)) => entry,
                Ok(LogEntry::StartTime(_) | LogEntry::BaseTime(_)) => continue,
                Err(LogIteratorError::ParseError { .. }) if !line.ends_with(b"\n") => {
                    return Err(wrong("the line is cut off".to_owned()));
                }
                Err(LogIteratorError::ParseError { .. }) => {
                    return Err(wrong("not a line of an interval log".to_owned()));
                }
            };
            let tag = tag::decode(entry.tag().map_or("", |tag| tag.as_str()));
            let histogram = decode::histogram(entry.encoded_histogram()).map_err(wrong)?;
            intervals.push(Interval {
                tag,
                start_s: entry.start_timestamp().as_secs_f64(),
                duration_s: entry.duration().as_secs_f64(),
                histogram,
            });
        }
    }
    let end = format!("#{END}{}]\n", intervals.len());
    if bytes.ends_with(end.as_bytes()) {
        return Ok(intervals);
    }
    let line = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    Err(HlogError::Line { line, problem: "the log is cut off: its last line is missing".to_owned() })
}

/// Adds up the histograms of each tag.
pub fn merge(intervals: &[Interval]) -> BTreeMap<String, Histogram<u64>> {
    let mut merged = BTreeMap::new();
    for interval in intervals {
        add(&mut merged, &interval.tag, &interval.histogram);
    }
    merged
}

/// Adds `histogram` to the one under `key`.
pub fn add(merged: &mut BTreeMap<String, Histogram<u64>>, key: &str, histogram: &Histogram<u64>) {
    let sum = merged.entry(key.to_owned()).or_insert_with(|| {
        // The same buckets as the first one, so that adding equals keeps every value exact; grows where others need it.
        let mut empty = Histogram::new_from(histogram);
        empty.auto(true);
        empty
    });
    // Adding to a histogram that resizes fails only where a bucket array exceeds usize, which 64-bit values cannot.
    let added = sum.add(histogram);
    debug_assert!(added.is_ok(), "an auto-resizing histogram takes any other");
}

/// Points of a percentile plot: quantile (0 to 1, ascending) and latency in seconds.
///
/// Spaced evenly in log(1 − quantile), twenty to a decade, up to the last quantile that the number of values resolves,
/// then the maximum at 1. Empty for an empty histogram.
pub fn curve(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    const PER_DECADE: f64 = 20.0;
    if histogram.is_empty() {
        return Vec::new();
    }
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let finest = 1.0 / histogram.len() as f64;
    let mut quantiles = Vec::new();
    let mut step = 0.0_f64;
    loop {
        let beyond = 10_f64.powf(-step / PER_DECADE);
        if beyond < finest {
            break;
        }
        quantiles.push(1.0 - beyond);
        step += 1.0;
    }
    quantiles.push(1.0);
    quantiles
        .iter()
        .zip(histogram.value_at_quantiles(quantiles.iter().copied()))
        .map(|(q, value)| (*q, seconds(value)))
        .collect()
}

/// `p50`, `p90`, `p99`, `p99_9`, `max` and `mean` of `histogram`, in seconds. Empty for an empty histogram.
pub fn quantiles(histogram: &Histogram<u64>) -> BTreeMap<String, f64> {
    if histogram.is_empty() {
        return BTreeMap::new();
    }
    let at = |quantile: f64| seconds(histogram.value_at_quantile(quantile));
    [
        ("p50", at(0.5)),
        ("p90", at(0.9)),
        ("p99", at(0.99)),
        ("p99_9", at(0.999)),
        ("max", seconds(histogram.max())),
        ("mean", histogram.mean() / NANOS),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds below 2^53 are 104 days")]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / NANOS
}

#[cfg(test)]
mod tests;
