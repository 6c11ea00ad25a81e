//! Waits of goroutines that were traced, each with its beginning and its end: by place, and those that end at ticks.

use std::collections::BTreeMap;

use flamegraphs::capture::goroutines::GoTrace;
use flamegraphs::capture::tasks::Frame;
use flamegraphs::names::{Owners, Whose};
use reports::run::{GOROUTINES, Ticks, TraceFrame, WaitCause, WaitPlace};

use crate::evidence::trace::frame;
use crate::subject::outside::moments;

/// Places kept.
const MOST: usize = 40;
/// Ends of waits so near to each other are one moment, nanoseconds.
const AT_ONCE_NS: u64 = 1_500_000;
/// Moments from which a pace can be told.
const LEAST_MOMENTS: usize = 20;
/// Part of the moments that must follow each other at that pace, and how near to it.
const STEADY: f64 = 0.7;
const NEAR: f64 = 0.2;
/// Who ends waits was woken just before, nanoseconds, at this part of the moments.
const BEFORE_NS: u64 = 3_000_000;
const MOSTLY: f64 = 0.7;

/// Packages in which goroutines wait that wait for the program's own: channels and locks.
const RUNTIME: &[&str] = &["runtime.", "sync.", "internal/sync.", "time.Sleep"];

/// Waits at one place.
#[derive(Default)]
struct Waits {
    own: Vec<TraceFrame>,
    /// The function of a library that it called.
    asks: String,
    /// A library called the program back there.
    called_back: bool,
    /// In Go's words.
    why: String,
    /// Beginnings and ends; `CLOCK_MONOTONIC`, nanoseconds.
    all: Vec<(u64, u64)>,
}

/// Places of a trace, from a moment on.
pub(super) struct Places(Vec<Waits>);

impl Places {
    pub(super) fn of(trace: &GoTrace, program: &str, from_ns: u64) -> Self {
        let frames = trace.stacks.iter().flatten();
        let owners = Owners::of(frames.map(|frame| (frame.function.as_str(), frame.file.as_str())), &[program]);
        let is_own = |frame: &&Frame| owners.whose(&frame.function, &frame.file) == Whose::Program;
        let told = |stack: &Vec<Frame>| -> (Vec<TraceFrame>, String, bool) {
            let called = stack.iter().position(|frame| is_own(&frame)).filter(|at| *at > 0).map(|at| &stack[at - 1]);
            let of_runtime = |frame: &&Frame| RUNTIME.iter().any(|of| frame.function.starts_with(of));
            let asks = called.filter(|called| !of_runtime(called)).map(|called| called.function.clone());
            let first = stack.iter().take_while(|frame| !frame.function.starts_with(moments::FIRST)).last();
            let called_back = first.is_some_and(|first| !is_own(&first));
            (stack.iter().filter(is_own).map(frame).collect(), asks.unwrap_or_default(), called_back)
        };
        let stacks: Vec<(Vec<TraceFrame>, String, bool)> = trace.stacks.iter().map(told).collect();
        let mut places: BTreeMap<(&[TraceFrame], u8), Waits> = BTreeMap::new();
        let stretches = trace.lives.iter().flat_map(|life| &life.stretches).filter(|one| one.from_ns >= from_ns);
        for (stretch, (reason, stack)) in stretches.filter_map(|one| Some((one, one.waits()?))) {
            let Some((own, asks, called_back)) = stacks.get(stack as usize).filter(|(own, ..)| !own.is_empty()) else {
                continue;
            };
            let waits = places.entry((own, reason)).or_insert_with(|| Waits {
                own: own.clone(),
                asks: asks.clone(),
                called_back: *called_back,
                why: trace.reasons.get(usize::from(reason)).cloned().unwrap_or_default(),
                all: Vec::new(),
            });
            waits.all.push((stretch.from_ns, stretch.to_ns));
        }
        Self(places.into_values().collect())
    }

    /// The places, the longest time first.
    #[allow(clippy::cast_precision_loss, reason = "nanoseconds of one recording")]
    pub(super) fn rows(&self) -> Vec<WaitPlace> {
        let row = |waits: &Waits| {
            let lengths = || waits.all.iter().map(|(from, to)| to.saturating_sub(*from));
            let TraceFrame { function, file, line } = waits.own[0].clone();
            WaitPlace {
                cause: WaitCause::Blocked,
                function,
                file,
                line,
                within: waits.why.clone(),
                thread: GOROUTINES.to_owned(),
                callers: Vec::new(),
                own: waits.own.clone(),
                asks: waits.asks.clone(),
                called_back: waits.called_back,
                waits: waits.all.len() as u64,
                total_s: lengths().sum::<u64>() as f64 * 1e-9,
                longest_s: lengths().max().unwrap_or(0) as f64 * 1e-9,
            }
        };
        let mut rows: Vec<WaitPlace> = self.0.iter().map(row).collect();
        rows.sort_by(|a, b| b.total_s.total_cmp(&a.total_s));
        rows.truncate(MOST);
        rows
    }

    /// Places whose waits end at a steady pace, several at once or one, with who wakes just before they do.
    #[allow(clippy::cast_precision_loss, reason = "nanoseconds of one recording")]
    pub(super) fn ticks(&self) -> Vec<Ticks> {
        let mut ticks = Vec::new();
        for waits in &self.0 {
            let moments = moments(&waits.all);
            let Some(pace_ns) = pace(&moments) else { continue };
            // Fewer moments than waits: else it is each operation that comes at a pace.
            if 3 * moments.len() > 2 * waits.all.len() {
                continue;
            }
            let wakes = |other: &&Waits| {
                let mut ends: Vec<u64> = other.all.iter().map(|(_, to)| *to).collect();
                ends.sort_unstable();
                let just = |moment: &&u64| {
                    let at = ends.partition_point(|end| *end <= **moment);
                    at > 0 && **moment - ends[at - 1] <= BEFORE_NS
                };
                moments.iter().filter(just).count() as f64 >= MOSTLY * moments.len() as f64
            };
            let others = self.0.iter().filter(|other| other.own != waits.own && other.all.len() < 2 * waits.all.len());
            // The fewest waits: who wakes at the ticks, and not whenever anything happens.
            let by = others.filter(wakes).min_by_key(|other| other.all.len());
            let total_ns: u64 = waits.all.iter().map(|(from, to)| to.saturating_sub(*from)).sum();
            ticks.push(Ticks {
                waits_at: waits.own.clone(),
                by: by.map(|by| by.own.clone()).unwrap_or_default(),
                pace_s: pace_ns as f64 * 1e-9,
                moments: moments.len() as u64,
                waits: waits.all.len() as u64,
                total_s: total_ns as f64 * 1e-9,
            });
        }
        ticks
    }
}

/// Moments at which waits end, those at once as the first of them.
fn moments(waits: &[(u64, u64)]) -> Vec<u64> {
    let mut ends: Vec<u64> = waits.iter().map(|(_, to)| *to).collect();
    ends.sort_unstable();
    let mut moments: Vec<u64> = Vec::new();
    let mut last = None;
    for end in ends {
        if last.is_none_or(|last| end - last > AT_ONCE_NS) {
            moments.push(end);
        }
        last = Some(end);
    }
    moments
}

/// The time from one moment to the next where that is all but always the same, nanoseconds.
#[allow(clippy::cast_precision_loss, reason = "nanoseconds of one recording")]
fn pace(moments: &[u64]) -> Option<u64> {
    if moments.len() < LEAST_MOMENTS {
        return None;
    }
    let mut gaps: Vec<u64> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    let middle = gaps[gaps.len() / 2];
    let near = |gap: &&u64| gap.abs_diff(middle) as f64 <= NEAR * middle as f64;
    (gaps.iter().filter(near).count() as f64 >= STEADY * gaps.len() as f64).then_some(middle)
}

#[cfg(test)]
mod tests {
    use flamegraphs::capture::goroutines::{Does, Life, Stretch};

    use super::*;

    const MS: u64 = 1_000_000;

    fn place(function: &str, all: Vec<(u64, u64)>) -> Waits {
        let own = vec![TraceFrame { function: function.into(), file: "shop/main.go".into(), line: 9 }];
        Waits { own, asks: String::new(), called_back: false, why: "chan receive".into(), all }
    }

    #[test]
    fn answers_that_leave_together_at_a_pace_leave_at_ticks() {
        // Five come between two ticks of 40 ms each, and all of them end with the tick.
        let orders = (0..200).map(|n| (n * 8 * MS, (n / 5 + 1) * 40 * MS + 200_000)).collect();
        let feed = (0..40).map(|n| (n * 40 * MS, (n + 1) * 40 * MS)).collect();
        let other = (0..900).map(|n| (n * 2 * MS, (n + 1) * 2 * MS)).collect();
        let places = Places(vec![place("main.order", orders), place("main.feed", feed), place("main.other", other)]);
        let ticks = places.ticks();
        assert_eq!(ticks.len(), 1);
        assert_eq!(
            (ticks[0].waits_at[0].function.as_str(), ticks[0].by[0].function.as_str()),
            ("main.order", "main.feed")
        );
        assert_eq!((ticks[0].moments, ticks[0].waits), (40, 200));
        assert!((ticks[0].pace_s - 0.04).abs() < 1e-6);
        assert_eq!(places.rows()[0].function, "main.order");
    }

    #[test]
    fn what_ends_whenever_it_is_done_has_no_pace() {
        let orders = (0..200).map(|n| (n * 8 * MS, n * 8 * MS + (n * 7 % 13) * MS)).collect();
        assert_eq!(Places(vec![place("main.order", orders)]).ticks(), []);
        // Each is answered at once, and they come at a pace.
        let alone = (0..200).map(|n| (n * 10 * MS, n * 10 * MS + MS)).collect();
        assert_eq!(Places(vec![place("main.order", alone)]).ticks(), []);
    }

    #[test]
    fn what_a_library_called_back_is_told_from_what_the_program_began() {
        let stack = |functions: &[&str]| -> Vec<Frame> {
            let all = ["runtime.gopark"].iter().chain(functions).chain(&["runtime.goexit.abi0"]);
            let file = |name: &str| if name.starts_with("main.") { "/w/shop/main.go" } else { "/usr/go/src/x.go" };
            all.map(|name| Frame { function: (*name).into(), file: file(name).into(), line: 7 }).collect()
        };
        let life = |stack| Life {
            ended: false,
            stretches: vec![Stretch { from_ns: MS, to_ns: 9 * MS, does: Does::Waits { reason: 0, stack } }],
        };
        let trace = GoTrace {
            lives: vec![life(0), life(1)],
            stacks: vec![
                stack(&["net/http.(*Client).Get", "main.ask", "net/http.(*conn).serve"]),
                stack(&["runtime.chanrecv1", "main.work"]),
            ],
            reasons: vec!["select".into()],
            ..GoTrace::default()
        };
        let told: Vec<_> = Places::of(&trace, "/w/shop/shop", 0).rows();
        let told: Vec<_> = told.iter().map(|row| (row.function.as_str(), row.asks.as_str(), row.called_back)).collect();
        assert_eq!(told, [("main.ask", "net/http.(*Client).Get", true), ("main.work", "", false)]);
    }
}
