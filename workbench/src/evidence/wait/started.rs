//! Goroutines by the place that started them, over time: a number that rises and rises is of goroutines that never end.

use std::collections::BTreeMap;
use std::time::Duration;

use flamegraphs::names::{Owners, Whose};
use reports::run::{StartedBy, TraceFrame};

use crate::attach::goroutines::Goroutine;
use crate::evidence::trace::within_project;
use crate::subject::outside::Dump;

/// By how many a number must have risen to be kept.
const LEAST: u64 = 10;
/// Moments kept of each place.
const MOST: usize = 200;

/// Places of the program whose goroutines became more, the most first; `program` is the file that ran.
///
/// The dumps are of one load: at another their number rises at another pace, which is no sign of anything.
pub(super) fn rows(dumps: &[Dump], program: &str) -> Vec<StartedBy> {
    let all = || dumps.iter().flat_map(|dump| &dump.goroutines);
    let frames = all().flat_map(|one| one.frames.iter().chain(&one.created_by));
    let owners = Owners::of(frames.map(|frame| (frame.function.as_str(), frame.file.as_str())), &[program]);
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
    let rose = |counts: &Vec<u64>| counts.last().copied().unwrap_or(0).saturating_sub(counts[0]);
    let every = dumps.len().div_ceil(MOST).max(1);
    let mut rows: Vec<StartedBy> = counts
        .into_iter()
        .filter(|(_, counts)| rose(counts) >= LEAST)
        .map(|(by, counts)| {
            let (state, stands_at) = dumps.last().map(|dump| doing(dump, by, &is_own)).unwrap_or_default();
            // The last moment counts in any case.
            let kept = |at: &usize| (counts.len() - 1 - at).is_multiple_of(every);
            let alive = (0..counts.len()).filter(kept).map(|at| (at_s[at], counts[at])).collect();
            StartedBy { by: shown(by), state, stands_at: stands_at.as_ref().map(shown), alive }
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.alive.last().map(|(_, count)| *count)));
    rows
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
    use super::*;

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
        assert_eq!(rows(&dumps, "/w/shop/shop")[0].alive.len(), 4);
        assert_eq!(
            rows(super::super::since(&dumps, 400_000_000), "/w/shop/shop"),
            [StartedBy {
                by: frame("main.watch", "/w/shop/main.go", 54),
                state: "chan receive".into(),
                stands_at: Some(frame("main.watch.func1", "/w/shop/main.go", 55)),
                alive: vec![(0.0, 12), (0.5, 24), (1.0, 36)],
            }]
        );
        assert_eq!(rows(&[], "/w/shop/shop"), []);
    }
}
