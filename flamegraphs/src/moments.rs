//! When samples were taken, and what two parts of a recording say of each function.
//!
//! A profile adds equal stacks up and forgets when they were seen. With its moments beside it, any part of the time can be
//! set against any other: what ran while the service was late, against what ran when it was not.

use std::collections::{BTreeMap, HashMap};

use crate::functions::{Frame, Functions};
use crate::profile::{Label, Profile};

/// One sample that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// When, nanoseconds; of a clock that all moments of a profile share.
    pub time_ns: u64,
    /// Position in [`Profile::samples`].
    pub sample: u32,
}

/// A profile and when its samples were taken.
#[derive(Debug, Clone, Default)]
pub struct Timed {
    /// Everything added up.
    pub profile: Profile,
    moments: Vec<Moment>,
}

/// A piece of the time, with one sample after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// First nanosecond.
    pub from_ns: u64,
    /// One past the last.
    pub to_ns: u64,
}

/// A function, and in how many samples of each piece of the time it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Readable name.
    pub function: String,
    /// Source file of the line that it was seen in most; may be empty.
    pub file: String,
    /// That line, 0 where unknown.
    pub line: i64,
    /// Written in the program itself: false of libraries, runtimes, the standard library, the kernel's entry. Where nothing
    /// of the program is in the profile, libraries count.
    pub own: bool,
    /// By group of pieces and piece: samples with the function anywhere on the stack.
    pub anywhere: [Vec<u64>; 2],
    /// The same, with the function the innermost that is its own; at the leaf where none is.
    pub leaf: [u64; 2],
}

/// What two groups of pieces of the time hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// By group and piece: samples.
    pub samples: [Vec<u64>; 2],
    /// Functions, in no particular order.
    pub functions: Vec<Seen>,
}

impl Timed {
    /// Moments are kept in the order of time; those of samples that the profile does not have are left out.
    pub fn new(profile: Profile, mut moments: Vec<Moment>) -> Self {
        let samples = profile.samples().len();
        moments.retain(|moment| (moment.sample as usize) < samples);
        moments.sort_unstable();
        Self { profile, moments }
    }

    /// In the order of time.
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// Moments from a piece of the time.
    pub fn within(&self, piece: Piece) -> &[Moment] {
        let at = |ns: u64| self.moments.partition_point(|moment| moment.time_ns < ns);
        let (from, to) = (at(piece.from_ns), at(piece.to_ns));
        self.moments.get(from..to).unwrap_or_default()
    }

    /// Samples of each function in each of two groups of pieces.
    pub fn parts(&self, groups: [&[Piece]; 2]) -> Parts {
        let functions = Functions::new(&self.profile);
        let own = |frame: &Frame<'_>| functions.is_written_here(frame.name);
        let mut parts = Parts { samples: groups.map(|pieces| vec![0; pieces.len()]), functions: Vec::new() };
        let mut all: HashMap<u32, Seen> = HashMap::new();
        let mut lines: HashMap<u32, BTreeMap<(&str, i64), u64>> = HashMap::new();
        // By name: the last moment that had it, counted from 1.
        let mut counted = vec![0_u64; functions.count()];
        let mut moments = 0;
        for (group, pieces) in groups.into_iter().enumerate() {
            for (at, piece) in pieces.iter().enumerate() {
                for moment in self.within(*piece) {
                    parts.samples[group][at] += 1;
                    moments += 1;
                    let stack = || functions.of(moment.sample as usize);
                    let innermost = stack().find(|frame| own(frame)).or_else(|| stack().next()).map(|frame| frame.name);
                    for frame in stack() {
                        // A function that calls itself is in the sample once.
                        if std::mem::replace(&mut counted[frame.name as usize], moments) == moments {
                            continue;
                        }
                        let one = all.entry(frame.name).or_insert_with(|| seen(&functions, frame.name, groups));
                        one.anywhere[group][at] += 1;
                        one.leaf[group] += u64::from(Some(frame.name) == innermost);
                        *lines.entry(frame.name).or_default().entry((frame.file, frame.line)).or_default() += 1;
                    }
                }
            }
        }
        for (name, mut one) in all {
            let most = lines.get(&name).and_then(|lines| lines.iter().max_by_key(|(place, count)| (**count, *place)));
            if let Some(((file, line), _)) = most {
                (one.file, one.line) = ((*file).to_owned(), *line);
            }
            parts.functions.push(one);
        }
        parts.functions.sort_by(|a, b| a.function.cmp(&b.function));
        parts
    }

    /// The profile of a group of pieces against the rest: sample types `within`, `outside` (counts) and `excess`, the CPU
    /// of the pieces minus what the same length of the rest used, nanoseconds. Excess may be negative.
    pub fn difference(&self, within: &[Piece], outside: &[Piece], labels: &[Label]) -> Profile {
        let length =
            |pieces: &[Piece]| pieces.iter().map(|piece| piece.to_ns.saturating_sub(piece.from_ns)).sum::<u64>();
        let (inside_ns, outside_ns) = (length(within), length(outside));
        let scale = if outside_ns == 0 { 0.0 } else { inside_ns as f64 / outside_ns as f64 };
        let count = |pieces: &[Piece]| {
            let mut counts = vec![0_i64; self.profile.samples().len()];
            for moment in pieces.iter().flat_map(|piece| self.within(*piece)) {
                counts[moment.sample as usize] += 1;
            }
            counts
        };
        let (inside, rest) = (count(within), count(outside));
        let period = self.profile.meta.period.max(1);
        self.profile.revalued(["within/count", "outside/count", "excess/nanoseconds"], labels, |at| {
            let (inside, rest) = (inside[at], rest[at]);
            #[allow(clippy::cast_possible_truncation, reason = "samples of one recording times their period")]
            let excess = ((inside as f64 - rest as f64 * scale) * period as f64).round() as i64;
            (inside != 0 || rest != 0).then_some([inside, rest, excess])
        })
    }
}

fn seen(functions: &Functions<'_>, name: u32, groups: [&[Piece]; 2]) -> Seen {
    let (function, _) = functions.name(name);
    let own = functions.is_written_here(name);
    let anywhere = groups.map(|pieces| vec![0; pieces.len()]);
    Seen { function: function.to_owned(), file: String::new(), line: 0, own, anywhere, leaf: [0; 2] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Builder, Frame as Described, ValueType};

    /// `serve` all the time at lines 5 and 6; `stall` under it from 100 to 130.
    fn timed() -> Timed {
        let mut builder = Builder::new([ValueType::new("samples", "count"), ValueType::new("cpu", "nanoseconds")]);
        builder.meta().period = 10;
        let mut at = |address, function, line| {
            builder.location(address, &[Described { function, file: "src/app.rs", line, ..Described::default() }])
        };
        let (usual, other, stall) = (at(1, "app::serve", 5), at(2, "app::serve", 6), at(3, "app::stall", 9));
        let mut moments = Vec::new();
        let mut take = |stack: &[_], times: std::ops::Range<u64>| {
            for time_ns in times.step_by(10) {
                let sample = builder.sample(stack, &[1, 10], &[]).unwrap();
                moments.push(Moment { time_ns, sample: u32::try_from(sample).unwrap() });
            }
        };
        take(&[stall, other], 100..130);
        take(&[usual], 0..100);
        take(&[usual], 130..200);
        Timed::new(builder.finish(), moments)
    }

    const LATE: Piece = Piece { from_ns: 95, to_ns: 131 };
    const REST: [Piece; 2] = [Piece { from_ns: 0, to_ns: 95 }, Piece { from_ns: 131, to_ns: 200 }];

    #[test]
    fn each_function_is_counted_in_its_part_of_the_time() {
        let timed = timed();
        assert_eq!(timed.moments().len(), 20);
        let parts = timed.parts([&[LATE], &REST]);
        assert_eq!(parts.samples, [vec![4], vec![10, 6]]);
        let [serve, stall] = &parts.functions[..] else { panic!("two functions: {parts:?}") };
        assert_eq!(
            (serve.function.as_str(), &serve.anywhere, serve.leaf),
            ("app::serve", &[vec![4], vec![10, 6]], [1, 16])
        );
        assert_eq!((serve.file.as_str(), serve.line), ("src/app.rs", 5));
        assert_eq!(
            (stall.function.as_str(), &stall.anywhere, stall.leaf),
            ("app::stall", &[vec![3], vec![0, 0]], [3, 0])
        );
        assert_eq!((stall.line, stall.own), (9, true));
    }

    #[test]
    fn the_difference_is_what_the_rest_would_not_have_used() {
        let difference = timed().difference(&[LATE], &REST, &[Label::text("variant", "a")]);
        let kinds: Vec<_> = difference.sample_types().iter().map(|one| one.kind.as_str()).collect();
        assert_eq!(kinds, ["within", "outside", "excess"]);
        assert_eq!((difference.total(0), difference.total(1)), (Some(4), Some(16)));
        // Of 164 ns of rest with 16 samples, 36 ns would have 3.512: of 10 ns each.
        let excess: Vec<_> = difference.samples().iter().map(|sample| sample.values[2]).collect();
        assert_eq!(excess, [30, 10 - 35]);
        assert!(difference.samples().iter().all(|sample| sample.label("variant") == Some("a")));
        let bytes = crate::write::pprof(&difference);
        assert_eq!(crate::read::pprof(&bytes).unwrap(), difference);
    }

    #[test]
    fn recursion_counts_once() {
        let mut builder = Builder::new([ValueType::new("samples", "count")]);
        let at = builder.location(1, &[Described { function: "app::walk", ..Described::default() }]);
        let sample = u32::try_from(builder.sample(&[at, at, at], &[1], &[]).unwrap()).unwrap();
        let timed = Timed::new(builder.finish(), vec![Moment { time_ns: 5, sample }, Moment { time_ns: 6, sample: 9 }]);
        assert_eq!(timed.moments().len(), 1, "a sample that is not there has no moment");
        let parts = timed.parts([&[Piece { from_ns: 0, to_ns: 10 }], &[]]);
        assert_eq!(parts.functions[0].anywhere, [vec![1], vec![]]);
    }
}
