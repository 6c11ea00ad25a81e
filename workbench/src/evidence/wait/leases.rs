//! Goroutines that wait for one of a pool that a channel is, as a semaphore or as free connections, and who has them, from dumps of
//! all of them.
//!
//! Of those that went on from such a wait there are as many as the pool has whenever somebody waits, and hardly ever more: only until
//! who gave one back has returned. Who waits to be answered, and not for one of a pool, goes on and is done.

use std::collections::{BTreeMap, BTreeSet};

use reports::run::{POOL, TraceCause, TraceFrame, TracePolls};

use super::goroutines::{Seen, foremost, holder, waiting_at};

/// Part of the dumps in which somebody waits that all of the pool must be away in.
const MOSTLY: f64 = 0.8;
/// Dumps from which that can be told.
const LEAST: usize = 10;
/// So many more may be seen that have just given it back.
const GIVING_BACK: usize = 2;
/// Callers of the function that waits that may be who has it.
const CALLERS: usize = 3;

/// Goroutines that wait at one place.
#[derive(Default)]
struct Waits {
    count: u64,
    seconds: f64,
    dumps: BTreeSet<usize>,
}

/// Waits for one of a pool by place, from the function on that has it afterwards, with what those do who have one.
pub(super) fn rows(seen: &[Seen<'_>]) -> Vec<TracePolls> {
    let mut places: BTreeMap<&[TraceFrame], Waits> = BTreeMap::new();
    for one in seen.iter().filter(|one| waits_at_channel(one) && !one.began_own) {
        let waits = places.entry(&one.own).or_default();
        waits.count += 1;
        waits.seconds += one.seconds;
        waits.dumps.insert(one.dump);
    }
    let told = places.iter().filter(|(_, waits)| waits.dumps.len() >= LEAST);
    let mut rows: Vec<TracePolls> = told.filter_map(|(own, waits)| row(seen, own, waits)).collect();
    rows.sort_by(|a, b| b.total_s.total_cmp(&a.total_s));
    rows
}

fn waits_at_channel(one: &Seen<'_>) -> bool {
    ["chan receive", "chan send"].iter().any(|state| one.state.starts_with(state)) && !one.in_library
}

fn row(seen: &[Seen<'_>], own: &[TraceFrame], waits: &Waits) -> Option<TracePolls> {
    // The nearest one that goes on: who merely asks for it (`d.session()`) is gone by then.
    let (from, holders) =
        (0..own.len().min(CALLERS)).find_map(|from| Some((from, having(seen, &own[from..], &waits.dumps)?)))?;
    let mut sums: BTreeMap<&[TraceFrame], (f64, &str)> = BTreeMap::new();
    for one in holders {
        let sum = sums.entry(&one.own).or_insert((0.0, one.state));
        sum.0 += one.seconds;
    }
    let holders = foremost(sums.into_iter().map(|(own, (total_s, state))| holder(state, own, total_s)).collect());
    let mut row = waiting_at(TraceCause::Lock, &own[from..], (waits.count, waits.seconds), holders);
    row.site.iter_mut().for_each(|site| site.resource = POOL.to_owned());
    Some(row)
}

/// Goroutines that went on from a wait in the function that `own` begins with, in dumps in which others wait there, where these
/// are all of a pool.
fn having<'s>(seen: &'s [Seen<'s>], own: &[TraceFrame], dumps: &BTreeSet<usize>) -> Option<Vec<&'s Seen<'s>>> {
    let (waits, above) = own.split_first()?;
    let went_on = |one: &&Seen<'_>| {
        let Some(at) = one.own.len().checked_sub(own.len()) else { return false };
        let (first, rest) = (&one.own[at], &one.own[at + 1..]);
        first.function == waits.function && first.line != waits.line && rest == above
    };
    let having: Vec<&Seen<'_>> = seen.iter().filter(went_on).collect();
    let mut count: BTreeMap<usize, usize> = BTreeMap::new();
    for one in &having {
        *count.entry(one.dump).or_default() += 1;
    }
    let away = |all: usize| dumps.iter().filter(|dump| count.get(dump) == Some(&all)).count();
    let all = count.values().copied().max_by_key(|all| away(*all))?;
    #[allow(clippy::cast_precision_loss, reason = "dumps of one recording")]
    let is_pool =
        away(all) as f64 >= MOSTLY * dumps.len() as f64 && count.values().all(|more| *more <= all + GIVING_BACK);
    // Who waits for somebody else's answer there has none of a pool, but is one of a queue.
    let works = having.iter().filter(|one| !waits_at_channel(one)).count();
    (is_pool && 2 * works > having.len()).then(|| having.into_iter().filter(|one| dumps.contains(&one.dump)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(dump: usize, state: &'static str, own: &[(&str, u32)]) -> Seen<'static> {
        let frame = |(function, line): &(&str, u32)| TraceFrame {
            function: (*function).to_owned(),
            file: "/w/shop/main.go".to_owned(),
            line: *line,
        };
        Seen {
            state,
            own: own.iter().map(frame).collect(),
            seconds: 0.1,
            id: 1,
            since_ns: None,
            dump,
            accepts: false,
            in_library: false,
            began_own: false,
        }
    }

    /// So many dumps with so many that have a session, and one that waits for one.
    fn dumps(have: impl Fn(usize) -> usize, does: &'static str) -> Vec<Seen<'static>> {
        let dump = move |number: usize| {
            let waits = seen(number, "chan receive", &[("main.session", 53), ("main.book", 94), ("main.handle", 7)]);
            let has = move || seen(number, does, &[("main.report", 78), ("main.book", 99), ("main.handle", 7)]);
            let other = seen(number, "sleep", &[("main.report", 78), ("main.drain", 3)]);
            (0..have(number)).map(move |_| has()).chain([waits, other])
        };
        (0..20).flat_map(dump).collect()
    }

    #[test]
    fn who_has_all_of_a_pool_is_who_others_wait_for() {
        let found = rows(&dumps(|_| 2, "sleep"));
        let [row] = found.as_slice() else { panic!("{found:?}") };
        let waits = row.site.as_ref().map(|site| (site.function.as_str(), site.line));
        assert_eq!((waits, row.polls), (Some(("main.book", 94)), 20));
        assert!(row.site.as_ref().is_some_and(|site| site.resource == POOL));
        let holders: Vec<(&str, u32)> =
            row.holders.iter().map(|one| (one.site.function.as_str(), one.site.line)).collect();
        assert_eq!(holders, [("main.report", 78)]);
    }

    #[test]
    fn who_goes_on_one_by_one_has_none_of_a_pool() {
        assert_eq!(rows(&dumps(|dump| dump % 3, "sleep")), [], "now more and now fewer");
        assert!(!rows(&dumps(|dump| 2 + usize::from(dump == 7), "sleep")).is_empty(), "one has given it back just now");
        assert_eq!(
            rows(&dumps(|dump| if dump == 7 { 30 } else { 2 }, "sleep")),
            [],
            "as many as came go through at once"
        );
        assert_eq!(rows(&dumps(|_| 2, "chan receive")), [], "they wait for an answer");
        assert_eq!(rows(&dumps(|_| 0, "sleep")), []);
    }
}
