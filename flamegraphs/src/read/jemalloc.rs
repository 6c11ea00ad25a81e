//! `heap_v2`, the text that jemalloc's own heap profiler dumps (`prof.dump` of jemalloc(3)), with the memory map behind it.

use crate::names::DROP_ALLOCATOR_FRAMES;
use crate::profile::{Builder, LocationId, Mapping, Profile, Symbols, ValueType};

/// Rates beyond this (2^62, jemalloc takes the logarithm) are no rate.
const MOST_RATE: u64 = 1 << 62;
/// The line that the memory map follows.
const MAP: &str = "MAPPED_LIBRARIES:";

/// A dump that does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}, found `{text}`")]
pub struct JemallocError {
    /// 1-based.
    pub line: usize,
    /// What should be there.
    pub expected: &'static str,
    /// The line, its first 80 characters, control characters escaped.
    pub text: String,
}

/// A profile and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct JemallocHeap {
    /// Sample types `inuse_objects` and `inuse_space`; before them, where the profiler ran with `prof_accum`,
    /// `alloc_objects` and `alloc_space`: Go's four in Go's order. Addresses lie within their calls and are not symbolised.
    pub profile: Profile,
    /// Mean distance of sampled bytes, bytes.
    pub rate: u64,
    /// Blocks that were sampled: what the estimates rest on (those still live where nothing was accumulated).
    pub sampled: u64,
}

/// Objects and bytes as they are dumped: in use, and since the start.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    live: (u64, u64),
    accumulated: (u64, u64),
}

/// Reads a dump.
///
/// What is dumped are sampled blocks. Each stack's are scaled by 1/(1 − e^(−mean size/rate)), as `AdjustSamples` of
/// jemalloc's `jeprof` does; with `prof_unbias` (the default since 5.3) jemalloc has arranged its numbers so that exactly
/// this gives an unbiased estimate, whatever the mix of sizes.
///
/// # Errors
/// At the first line that is none of such a dump.
pub fn jemalloc(text: &str) -> Result<JemallocHeap, JemallocError> {
    let wrong = |line: usize, expected, text: &str| JemallocError {
        line: line + 1,
        expected,
        text: text.chars().take(80).flat_map(char::escape_debug).collect(),
    };
    let mut lines = text.lines().enumerate();
    let (at, first) = lines.next().unwrap_or_default();
    let rate = first
        .strip_prefix("heap_v2/")
        .and_then(|rate| rate.parse().ok())
        .filter(|rate| (1..=MOST_RATE).contains(rate))
        .ok_or_else(|| wrong(at, "`heap_v2/` and a rate in bytes", first))?;
    let mut stacks: Vec<(Vec<u64>, Counts)> = Vec::new();
    let mut map = Vec::new();
    let mut totals = None;
    while let Some((at, line)) = lines.next() {
        if line == MAP {
            map = lines.by_ref().map(|(_, line)| line).collect();
        } else if let Some(addresses) = line.strip_prefix('@') {
            let stack = stack(addresses).ok_or_else(|| wrong(at, "`@ 0x1f00 0x2f00 …`", line))?;
            let (at, line) = lines.next().unwrap_or((at + 1, ""));
            let counts = all_threads(line).ok_or_else(|| wrong(at, "`t*: 1: 64 [2: 128]`", line))?;
            stacks.push((stack, counts));
        } else if totals.is_none() {
            totals = Some(all_threads(line).ok_or_else(|| wrong(at, "`t*: 1: 64 [2: 128]`", line))?);
        } else if !line.trim().is_empty() && counts(line).is_none() {
            return Err(wrong(at, "a stack, the counts of a thread, or the memory map", line));
        }
    }
    if totals.is_none() {
        return Err(wrong(1, "`t*: 1: 64 [2: 128]`", ""));
    }
    Ok(build(rate, &stacks, &map))
}

/// Addresses of a stack, leaf first; all of them are return addresses, the leaf's is jemalloc's own.
fn stack(text: &str) -> Option<Vec<u64>> {
    let address = |text: &str| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok();
    text.split_ascii_whitespace().map(|text| Some(address(text)?.saturating_sub(1))).collect()
}

/// The counts of all threads together.
fn all_threads(line: &str) -> Option<Counts> {
    counts(line).filter(|_| line.trim_start().starts_with("t*:"))
}

/// `t3: 1: 64 [2: 128] name of the thread`.
fn counts(line: &str) -> Option<Counts> {
    let (_, rest) = line.trim_start().strip_prefix('t')?.split_once(": ")?;
    let (live, rest) = rest.split_once(" [")?;
    let (accumulated, _) = rest.split_once(']')?;
    let pair = |text: &str| {
        let (objects, bytes) = text.split_once(": ")?;
        Some((objects.parse().ok()?, bytes.parse().ok()?))
    };
    Some(Counts { live: pair(live)?, accumulated: pair(accumulated)? })
}

fn build(rate: u64, stacks: &[(Vec<u64>, Counts)], map: &[&str]) -> JemallocHeap {
    let accumulates = stacks.iter().any(|(_, counts)| counts.accumulated.0 > 0);
    let in_use = [ValueType::new("inuse_objects", "count"), ValueType::new("inuse_space", "bytes")];
    let allocated = [ValueType::new("alloc_objects", "count"), ValueType::new("alloc_space", "bytes")];
    let mut builder = Builder::new(allocated.into_iter().filter(|_| accumulates).chain(in_use));
    let mut mappings: Vec<Mapping> = map.iter().filter_map(|line| mapping(line)).collect();
    // The program before what it maps, as `go tool pprof` expects.
    mappings.sort_by_key(|mapping| (!mapping.file.starts_with('/') || mapping.file.contains(".so"), mapping.start));
    for mapping in mappings {
        builder.mapping(mapping);
    }
    let mut sampled = 0_u64;
    for (stack, counts) in stacks {
        let seen = if accumulates { counts.accumulated.0 } else { counts.live.0 };
        sampled = sampled.saturating_add(seen);
        let (live, all) = (unbiased(counts.live, rate), unbiased(counts.accumulated, rate));
        let values: Vec<i64> = if accumulates { vec![all.0, all.1, live.0, live.1] } else { vec![live.0, live.1] };
        let stack: Vec<LocationId> = stack.iter().map(|address| builder.location(*address, &[])).collect();
        builder.sample(&stack, &values, &[]).expect("as many values as types, of this builder's own locations");
    }
    let meta = builder.meta();
    meta.default_sample_type = "inuse_space".to_owned();
    meta.drop_frames = DROP_ALLOCATOR_FRAMES.to_owned();
    meta.period_type = Some(ValueType::new("space", "bytes"));
    meta.period = i64::try_from(rate).unwrap_or(i64::MAX);
    JemallocHeap { profile: builder.finish(), rate, sampled }
}

/// What sampled blocks stand for. No block, no estimate: 0/0 is what other readers stumble over.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "estimates; `as` saturates")]
fn unbiased((objects, bytes): (u64, u64), rate: u64) -> (i64, i64) {
    if objects == 0 || bytes == 0 {
        return (0, 0);
    }
    let (objects, bytes) = (objects as f64, bytes as f64);
    let scale = -1.0 / (-(bytes / objects) / rate as f64).exp_m1();
    ((objects * scale).round() as i64, (bytes * scale).round() as i64)
}

/// An executable line of `/proc/PID/maps` (proc(5)).
fn mapping(line: &str) -> Option<Mapping> {
    let mut fields = line.splitn(6, ' ');
    let (start, limit) = fields.next()?.split_once('-')?;
    let permissions = fields.next()?;
    let offset = fields.next()?;
    let file = fields.nth(2).unwrap_or_default().trim();
    if permissions.as_bytes().get(2) != Some(&b'x') {
        return None;
    }
    let hex = |digits| u64::from_str_radix(digits, 16).ok();
    Some(Mapping {
        start: hex(start)?,
        limit: hex(limit)?,
        offset: hex(offset)?,
        file: file.to_owned(),
        build_id: String::new(),
        symbols: Symbols::default(),
    })
}

#[cfg(test)]
mod tests;
