//! Goroutines by the place that started them, over time: a number that rises and rises is of goroutines that never end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use flamegraphs::names::{Owners, Whose};
use reports::run::{Begun, StartedBy, TraceFrame};

use crate::attach::goroutines::{Goroutine, enclosing};
use crate::evidence::trace::within_project;
use crate::subject::outside::{Dump, Starts};

/// By how many a number must have risen to be kept.
const LEAST: u64 = 10;
/// Moments kept of each place.
const MOST: usize = 200;

/// Places of the program whose goroutines became more, the most first.
///
/// The dumps are of one load: at another their number rises at another pace, which is no sign of anything.
pub(super) fn rows(dumps: &[Dump], owners: &Owners, starts: &Starts<'_>) -> Vec<StartedBy> {
    let is_own = |frame: &&TraceFrame| owners.whose(&frame.function, &frame.file) == Whose::Program;
    let mut counts: BTreeMap<&TraceFrame, Vec<u64>> = BTreeMap::new();
    for (number, dump) in dumps.iter().enumerate() {
        let started = dump.goroutines.iter().filter_map(|one| Some((one.created_by.as_ref()?, one.count)));
        for (by, count) in started.filter(|(by, _)| is_own(by)) {
            counts.entry(by).or_insert_with(|| vec![0; dumps.len()])[number] += count;
        }
    }
    let began_ns = dumps.first().map_or(0, |dump| dump.at_ns);
    let at_s: Vec<f64> = dumps.iter().map(|dump| Duration::from_nanos(dump.at_ns - began_ns).as_secs_f64()).collect();
    let mut rows: Vec<StartedBy> = counts
        .into_iter()
        .filter(|(by, counts)| rose(counts) && were_started(dumps, by, counts, starts))
        .map(|(by, counts)| {
            let (state, stands_at) = dumps.last().map(|dump| doing(dump, by, &is_own)).unwrap_or_default();
            let stands_at = stands_at.as_ref().map(shown);
            StartedBy { by: shown(by), state, stands_at, alive: kept(&at_s, &counts), through: String::new() }
        })
        .collect();
    rows.extend(by_libraries(dumps, starts, &at_s, &is_own));
    rows.sort_by_key(|row| std::cmp::Reverse(row.alive.last().map(|(_, count)| *count)));
    rows
}

/// Whether a number rose by enough to be kept.
fn rose(counts: &[u64]) -> bool {
    grown(counts) >= LEAST
}

fn grown(counts: &[u64]) -> u64 {
    counts.last().copied().unwrap_or(0).saturating_sub(counts[0])
}

/// Whether as many were started as became more: one that was there before the recording is met when it goes on for the first time.
fn were_started(dumps: &[Dump], by: &TraceFrame, counts: &[u64], starts: &Starts<'_>) -> bool {
    let all = dumps.iter().flat_map(|dump| &dump.goroutines).filter(|one| one.created_by.as_ref() == Some(by));
    let begins: BTreeSet<&str> = all.filter_map(|one| Some(one.frames.last()?.function.as_str())).collect();
    if begins.is_empty() {
        return true;
    }
    let counted: Option<u64> = begins.into_iter().map(|begins| starts.count(begins)).sum();
    counted.is_none_or(|started| 2 * started >= grown(counts))
}

/// Moments that are kept of all, each with its number; the last one counts in any case.
fn kept(at_s: &[f64], counts: &[u64]) -> Vec<(f64, u64)> {
    let every = counts.len().div_ceil(MOST).max(1);
    let is_kept = |at: &usize| (counts.len() - 1 - at).is_multiple_of(every);
    (0..counts.len()).filter(is_kept).map(|at| (at_s[at], counts[at])).collect()
}

/// Places kept at which the program has libraries start goroutines.
const MOST_PLACES: usize = 20;

/// Where the program has libraries start goroutines, the most first.
pub(super) fn by_asking(owners: &Owners, starts: &Starts<'_>) -> Vec<Begun> {
    let is_own = |frame: &&TraceFrame| owners.whose(&frame.function, &frame.file) == Whose::Program;
    let all = starts.through_libraries(&is_own).into_iter().take(MOST_PLACES);
    all.map(|(through, own, count)| Begun { through, own: own.iter().map(shown).collect(), count }).collect()
}

/// Goroutines that a library started and that became more, with the function of the program that made it do so; where nobody saw
/// that, the one that waits in that package most.
fn by_libraries(
    dumps: &[Dump],
    starts: &Starts<'_>,
    at_s: &[f64],
    is_own: &dyn Fn(&&TraceFrame) -> bool,
) -> Vec<StartedBy> {
    let mut counts: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let mut calls: BTreeMap<&str, BTreeMap<&TraceFrame, u64>> = BTreeMap::new();
    for (number, dump) in dumps.iter().enumerate() {
        for one in &dump.goroutines {
            if let Some(at) = one.frames.iter().position(|frame| is_own(&frame)).filter(|at| *at > 0) {
                let within = package(&one.frames[at - 1].function);
                *calls.entry(within).or_default().entry(&one.frames[at]).or_default() += one.count;
            }
            let first = one.frames.last().filter(|first| !is_own(first) && package(&first.function) != "runtime");
            if let Some(first) = first {
                counts.entry(&first.function).or_insert_with(|| vec![0; dumps.len()])[number] += one.count;
            }
        }
    }
    let row = |(through, counts): (&str, Vec<u64>)| {
        let waits =
            || calls.get(package(through))?.iter().max_by_key(|(_, count)| **count).map(|(by, _)| (*by).clone());
        let by = starts.by(through, is_own).or_else(waits)?;
        let last =
            dumps.last()?.goroutines.iter().filter(|one| one.frames.last().is_some_and(|f| f.function == through));
        let mut states: BTreeMap<&str, u64> = BTreeMap::new();
        last.for_each(|one| *states.entry(&one.state).or_default() += one.count);
        let state = states.into_iter().max_by_key(|(_, count)| *count)?.0.to_owned();
        let (alive, through) = (kept(at_s, &counts), enclosing(through));
        Some(StartedBy { by: shown(&by), state, stands_at: None, alive, through })
    };
    let started = |through: &str, counts: &[u64]| starts.count(through).is_none_or(|all| 2 * all >= grown(counts));
    counts.into_iter().filter(|(through, counts)| rose(counts) && started(through, counts)).filter_map(row).collect()
}

/// The package of a function of Go's: `net/http` of `net/http.(*persistConn).readLoop`.
fn package(function: &str) -> &str {
    let name = function.rfind('/').map_or(0, |slash| slash + 1);
    function[name..].find('.').map_or(function, |dot| &function[..name + dot])
}

/// What most goroutines of a place do, and where in the program.
fn doing(dump: &Dump, by: &TraceFrame, is_own: &dyn Fn(&&TraceFrame) -> bool) -> (String, Option<TraceFrame>) {
    let mut sums: BTreeMap<(&str, Option<&TraceFrame>), u64> = BTreeMap::new();
    let started = |one: &&Goroutine| one.created_by.as_ref() == Some(by);
    for one in dump.goroutines.iter().filter(started) {
        *sums.entry((&one.state, one.frames.iter().find(is_own))).or_default() += one.count;
    }
    let most = sums.into_iter().max_by_key(|(_, count)| *count);
    most.map(|((state, at), _)| (state.to_owned(), at.cloned())).unwrap_or_default()
}

fn shown(frame: &TraceFrame) -> TraceFrame {
    TraceFrame { file: within_project(&frame.file).to_owned(), ..frame.clone() }
}

#[cfg(test)]
mod tests {
    use super::super::goroutines::owners;
    use super::*;

    fn told(dumps: &[Dump]) -> Vec<StartedBy> {
        rows(dumps, &owners(dumps, "/w/shop/shop"), &Starts::default())
    }

    fn frame(function: &str, file: &str, line: u32) -> TraceFrame {
        TraceFrame { function: function.into(), file: file.into(), line }
    }

    fn goroutine(by: &TraceFrame) -> Goroutine {
        let frames = vec![
            frame("runtime.gopark", "/usr/go/src/runtime/proc.go", 1),
            frame("main.watch.func1", "/w/shop/main.go", 55),
        ];
        Goroutine {
            state: "chan receive".into(),
            frames: frames.into(),
            created_by: Some(by.clone()),
            count: 1,
            id: 1,
            since_ns: None,
        }
    }

    #[test]
    fn a_place_whose_goroutines_become_more_is_kept_with_what_they_do() {
        let watch = frame("main.watch", "/w/shop/main.go", 54);
        let pool = frame("main.main", "/w/shop/main.go", 90);
        let server = frame("net/http.(*Server).Serve", "/usr/go/src/net/http/server.go", 3454);
        let dump = |n: usize| {
            let of = |by: &TraceFrame, count| vec![goroutine(by); count];
            let goroutines = [of(&watch, 12 * n), of(&pool, 16), of(&server, 12 * n)].concat();
            Dump { goroutines, at_ns: 500_000_000 * n as u64, covers: Duration::from_millis(500) }
        };
        let dumps = [dump(0), dump(1), dump(2), dump(3)];
        // What came before the steady load is left out.
        assert_eq!(told(&dumps)[0].alive.len(), 4);
        assert_eq!(
            told(super::super::since(&dumps, 400_000_000)),
            [StartedBy {
                by: frame("main.watch", "/w/shop/main.go", 54),
                state: "chan receive".into(),
                stands_at: Some(frame("main.watch.func1", "/w/shop/main.go", 55)),
                through: String::new(),
                alive: vec![(0.0, 12), (0.5, 24), (1.0, 36)],
            }]
        );
        assert_eq!(told(&[]), []);
    }

    #[test]
    fn those_that_were_there_before_are_met_one_after_the_other_and_do_not_become_more() {
        use flamegraphs::capture::goroutines::{GoTrace, Start};
        use flamegraphs::capture::tasks::Frame;

        let watch = frame("main.watch", "/w/shop/main.go", 54);
        let dump = |n: usize| Dump {
            goroutines: vec![goroutine(&watch); 12 * n],
            at_ns: 500_000_000 * n as u64,
            covers: Duration::from_millis(500),
        };
        let dumps = [dump(0), dump(1), dump(2), dump(3)];
        let of = |begins: &str| {
            let line = |function: &str| Frame { function: function.into(), file: "/w/shop/main.go".into(), line: 54 };
            let start = Start { begins: begins.into(), stack: 0, count: 40 };
            let stacks = vec![vec![line("runtime.newproc"), line("main.watch"), line("main.main")]];
            let trace = GoTrace { starts: vec![start], stacks, ..GoTrace::default() };
            rows(&dumps, &owners(&dumps, "/w/shop/shop"), &Starts::of(&trace)).len()
        };
        assert_eq!((of("main.watch.func1"), of("main.other.func1")), (1, 0));
    }

    #[test]
    fn what_a_library_started_is_held_against_who_calls_that_library() {
        let library = |function: &str| frame(function, "/usr/go/src/net/http/transport.go", 1);
        let ask = frame("main.askDepot", "/w/shop/desk.go", 49);
        let one = |state: &str, frames: &[TraceFrame]| Goroutine {
            state: state.into(),
            frames: frames.to_vec().into(),
            created_by: frames.last().cloned(),
            count: 1,
            id: 1,
            since_ns: None,
        };
        let asks = one(
            "select",
            &[library("net/http.(*persistConn).roundTrip"), ask.clone(), library("net/http.(*conn).serve")],
        );
        let works = one("sleep", &[library("time.Sleep"), frame("main.work", "/w/shop/desk.go", 9)]);
        let kept = one("select", &[library("net/http.(*persistConn).readLoop")]);
        let dump = |n: usize| {
            let goroutines = [vec![asks.clone(), works.clone()], vec![kept.clone(); 12 * n]].concat();
            Dump { goroutines, at_ns: 500_000_000 * n as u64, covers: Duration::from_millis(500) }
        };
        let rows = told(&[dump(0), dump(1), dump(2)]);
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((row.by.function.as_str(), row.by.line), ("main.askDepot", 49));
        assert_eq!((row.through.as_str(), row.state.as_str()), ("net/http.(*persistConn).readLoop", "select"));
        assert_eq!(row.alive, [(0.0, 0), (0.5, 12), (1.0, 24)]);
    }
}
