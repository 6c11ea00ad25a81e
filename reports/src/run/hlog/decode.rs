//! From the text of one interval to a histogram, without trusting it.
//!
//! `hdrhistogram`'s own decoder allocates whatever a length field asks for and adds counts unchecked. Here the payload is
//! inflated under a limit and walked once before the decoder sees it.

use std::io::Read;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;

/// Padding may be missing, as some writers of interval logs leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// First bytes of an uncompressed and of a compressed V2 histogram.
const V2: u32 = 0x1c84_9313;
const V2_COMPRESSED: u32 = 0x1c84_9314;
/// Cookie, payload length, normalising offset, digits, lowest, highest, ratio.
const HEADER: usize = 40;
/// Far above any histogram of this workbench (about 100 KiB), far below what hurts.
const LARGEST: u64 = 16 * 1024 * 1024;
/// More operations than any run has: keeps every sum of counts exact and clear of overflow.
const MOST: u64 = 1 << 52;

/// Decodes a base64 V2 histogram, compressed or not.
pub(super) fn histogram(text: &str) -> Result<Histogram<u64>, String> {
    let bytes = BASE64.decode(text).map_err(|_| "the histogram is not base64")?;
    let plain = inflate(bytes)?;
    check(&plain)?;
    Deserializer::new()
        .deserialize(&mut plain.as_slice())
        .map_err(|error| format!("the histogram cannot be decoded: {error}"))
}

fn inflate(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    match word(&bytes, 0) {
        Some(V2) => Ok(bytes),
        Some(V2_COMPRESSED) => {
            let mut plain = Vec::new();
            let body = bytes.get(8..).ok_or("the histogram is cut off")?;
            ZlibDecoder::new(body)
                .take(LARGEST + 1)
                .read_to_end(&mut plain)
                .map_err(|error| format!("the histogram cannot be inflated: {error}"))?;
            if plain.len() as u64 > LARGEST {
                return Err("the histogram is larger than any this workbench writes".to_owned());
            }
            if word(&plain, 0) != Some(V2) {
                return Err("the histogram is not of format V2".to_owned());
            }
            Ok(plain)
        }
        _ => Err("the histogram is not of format V2".to_owned()),
    }
}

/// Refuses what the decoder would trip over: a length that is not there, runs of zeros or counts that overflow.
fn check(plain: &[u8]) -> Result<(), String> {
    let payload = plain.get(HEADER..).ok_or("the histogram is cut off")?;
    if word(plain, 4).map(|length| length as usize) != Some(payload.len()) {
        return Err("the histogram's length is not what it says".to_owned());
    }
    let mut rest = payload;
    let (mut total, mut index) = (0_u64, 0_u64);
    while !rest.is_empty() {
        let number = varint(&mut rest).ok_or("the histogram is cut off")?;
        // Zigzag: odd numbers are negative, a run of zeros; even ones are a count.
        let magnitude = (number >> 1) + (number & 1);
        let sum = if number & 1 == 1 { &mut index } else { &mut total };
        *sum = sum.saturating_add(magnitude);
        if total > MOST || index > MOST {
            return Err("the histogram's counts overflow".to_owned());
        }
    }
    Ok(())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes)
}

/// ZigZag LEB128-64b9B: seven bits a byte, the ninth byte whole (HdrHistogram's V2 encoding).
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for position in 0..9 {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        if position == 8 {
            value |= u64::from(byte) << 56;
        } else {
            value |= u64::from(byte & 0x7f) << (7 * position);
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    Some(value)
}
