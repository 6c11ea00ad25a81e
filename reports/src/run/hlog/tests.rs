use proptest::prelude::*;

use super::*;

fn histogram(values: &[u64]) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1_000, 60_000_000_000, 3).unwrap();
    for value in values {
        histogram.saturating_record(*value);
    }
    histogram
}

fn interval(tag: &str, start_s: f64, values: &[u64]) -> Interval {
    Interval { tag: tag.to_owned(), start_s, duration_s: 1.0, histogram: histogram(values) }
}

#[test]
fn what_is_written_is_read() {
    let intervals = [
        interval("orders", 0.0, &[1_000_000, 2_000_000, 59_000_000_000]),
        interval("orders.service", 0.25, &[900_000]),
        interval("driver.lag", 1.5, &[]),
    ];
    let bytes = to_bytes(&intervals).unwrap();
    assert_eq!(parse(&bytes).unwrap(), intervals);
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("\nTag=orders,0.000,1.000,59.0"), "{text}");
}

#[test]
fn hostile_tags_come_back_and_never_collide() {
    let tags = ["a b", "a_b", "a,b", "a%20b", "", "x\ny", "Tag=,", "é\u{2028}", "100%"];
    let intervals: Vec<Interval> = tags.iter().map(|tag| interval(tag, 0.0, &[5_000])).collect();
    let read = parse(&to_bytes(&intervals).unwrap()).unwrap();
    assert_eq!(read.iter().map(|interval| interval.tag.as_str()).collect::<Vec<_>>(), tags);
}

#[test]
fn times_that_do_not_fit_are_refused() {
    let error = to_bytes(&[interval("orders", -1.0, &[])]).unwrap_err();
    assert!(error.to_string().starts_with("histogram `orders` cannot be written: -1 s"), "{error}");
    assert!(to_bytes(&[interval("orders", f64::NAN, &[])]).is_err());
}

#[test]
fn merging_is_exact() {
    let merged = merge(&[
        interval("a", 0.0, &[1_000_000, 3_000_000]),
        interval("b", 0.0, &[7_000_000]),
        interval("a", 1.0, &[2_000_000, 9_000_000_000]),
    ]);
    assert_eq!(merged.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(merged["a"], histogram(&[1_000_000, 2_000_000, 3_000_000, 9_000_000_000]));
    assert_eq!(merged["b"].len(), 1);
}

#[test]
fn merging_takes_other_bounds() {
    let mut merged = merge(&[interval("a", 0.0, &[1_000_000])]);
    let mut wide = Histogram::<u64>::new(3).unwrap();
    wide.record(200_000_000_000).unwrap();
    add(&mut merged, "a", &wide);
    assert_eq!(merged["a"].len(), 2);
    assert!(merged["a"].max() >= 199_000_000_000);
}

#[test]
fn curve_reaches_the_resolvable_end() {
    let values: Vec<u64> = (1..=1_000).map(|n| n * 1_000_000).collect();
    let curve = curve(&histogram(&values));
    assert!(curve.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
    assert_eq!(curve[0].0, 0.0);
    let (before_last, last) = (curve[curve.len() - 2], curve[curve.len() - 1]);
    assert!((before_last.0 - 0.999).abs() < 1e-9, "{before_last:?}");
    assert!(last.0 == 1.0 && (last.1 - 1.0).abs() < 2e-3, "{last:?}");
    assert!(super::curve(&histogram(&[])).is_empty());
    assert_eq!(super::curve(&histogram(&[2_000_000])).len(), 2);
}

#[test]
fn quantiles_in_seconds() {
    let values: Vec<u64> = (1..=1_000).map(|n| n * 1_000_000).collect();
    let quantiles = quantiles(&histogram(&values));
    for (name, expected) in
        [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999), ("max", 1.0), ("mean", 0.5005)]
    {
        assert!((quantiles[name] / expected - 1.0).abs() < 2e-3, "{name}: {}", quantiles[name]);
    }
    assert!(super::quantiles(&histogram(&[])).is_empty());
}

#[test]
fn damage_names_its_line() {
    let bytes = to_bytes(&[interval("a", 0.0, &[5_000]), interval("b", 0.0, &[5_000])]).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let lines = text.lines().count();
    let (whole_lines, end) = text.split_at(text.find("#[End").unwrap());
    assert_eq!(end, "#[End of log, intervals: 2]\n");
    let cut = parse(whole_lines.as_bytes()).unwrap_err();
    assert_eq!(cut, HlogError::Line { line: lines, problem: "the log is cut off: its last line is missing".into() });
    let cut = parse(whole_lines.trim_end().as_bytes()).unwrap_err();
    assert_eq!(cut, HlogError::Line { line: lines - 1, problem: "the line is cut off".into() });
    let garbage = parse(format!("{text}garbage\n{text}").as_bytes()).unwrap_err();
    assert_eq!(garbage, HlogError::Line { line: lines + 1, problem: "not a line of an interval log".into() });
    let payload = parse(b"Tag=a,0.0,1.0,0.0,HISTFAAA\n").unwrap_err();
    assert!(matches!(payload, HlogError::Line { line: 1, .. }), "{payload}");
}

/// A log of one interval around an encoded histogram.
fn log(bytes: &[u8]) -> Vec<u8> {
    format!("0.0,1.0,0.0,{}\n#[End of log, intervals: 1]\n", encode(bytes)).into_bytes()
}

/// A V2 header (uncompressed) whose payload claims what it likes.
fn forged(length: u32, digits: u32, low: u64, high: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = 0x1c84_9313_u32.to_be_bytes().to_vec();
    bytes.extend(length.to_be_bytes());
    bytes.extend(0_u32.to_be_bytes());
    bytes.extend(digits.to_be_bytes());
    bytes.extend(low.to_be_bytes());
    bytes.extend(high.to_be_bytes());
    bytes.extend(1.0_f64.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .flat_map(|group| {
            let mut word = [0_u8; 4];
            word[1..=group.len()].copy_from_slice(group);
            let bits = u32::from_be_bytes(word);
            (0..=group.len()).map(move |digit| DIGITS[(bits >> (18 - 6 * digit) & 63) as usize] as char)
        })
        .collect()
}

#[test]
fn forged_lengths_and_counts_are_refused() {
    let most_negative = [0xff; 9];
    let largest_count = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    for (name, bytes) in [
        ("a length of 4 GiB", forged(u32::MAX, 3, 1, 1 << 40, &[2])),
        ("a run of 2^63 zeros", forged(9, 3, 1, 1 << 40, &most_negative)),
        ("a count of 2^63", forged(9, 3, 1, 1 << 40, &largest_count)),
        ("an empty range", forged(1, 3, 0, 0, &[2])),
        ("more digits than there are", forged(1, 300, 1, 1 << 40, &[2])),
    ] {
        let problem = parse(&log(&bytes)).unwrap_err().to_string();
        assert!(problem.starts_with("line 1: the histogram"), "{name}: {problem}");
    }
    let sound = log(&forged(2, 3, 1, 1 << 40, &[1, 2]));
    assert_eq!(parse(&sound).unwrap()[0].histogram.len(), 1);
}

proptest! {
    #[test]
    fn truncated_or_overwritten_logs_never_panic(
        values in proptest::collection::vec(1_000_u64..60_000_000_000, 0..50),
        cut in 0.0_f64..1.0,
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = to_bytes(&[interval("a", 0.0, &values), interval("b", 1.0, &values)]).unwrap();
        let length = bytes.len();
        for (at, byte) in flips {
            bytes[at.index(length)] = byte;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        bytes.truncate((length as f64 * cut) as usize);
        if let Ok(intervals) = parse(&bytes) {
            for histogram in merge(&intervals).values() {
                let _ = curve(histogram);
            }
        }
    }

    #[test]
    fn arbitrary_payloads_never_panic(
        digits in 0_u32..7, low in any::<u64>(), high in any::<u64>(),
        payload in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let bytes = forged(u32::try_from(payload.len()).unwrap(), digits, low, high, &payload);
        if let Ok(intervals) = parse(&log(&bytes)) {
            let _ = quantiles(&intervals[0].histogram);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn any_values_round_trip(values in proptest::collection::vec(any::<u64>(), 0..100), tag in ".{0,20}") {
        let intervals = [interval(&tag, 0.0, &values)];
        prop_assert_eq!(parse(&to_bytes(&intervals).unwrap()).unwrap(), intervals);
    }
}
