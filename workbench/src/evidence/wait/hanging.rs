//! Goroutines that came with the load and stood in one place for long, until the last time that they were asked for: they were to
//! answer somebody, and nobody woke them.

use std::collections::{BTreeMap, BTreeSet};

use reports::run::{TraceCause, TraceFrame, TracePolls};

use super::goroutines::{Seen, waiting_at};
use crate::subject::outside::Dump;

/// How long one must have stood there, seconds.
const LEAST_S: f64 = 1.0;
/// How often one must have waited at a place for it to come back there.
const LEAST_TIMES: usize = 3;
/// Rows kept.
const MOST: usize = 16;
/// States in Go's words (`runtime.waitReason`) that another goroutine has to end.
const TOLD_BY_OTHERS: &[&str] = &["chan ", "select", "sync."];

impl Seen<'_> {
    fn waits_for_others(&self) -> bool {
        TOLD_BY_OTHERS.iter().any(|state| self.state.starts_with(state))
    }
}

/// Those that hang by place, the most first; `longest_s` is since when one of them stood there, as far as it was seen.
#[allow(clippy::cast_precision_loss, reason = "nanoseconds and goroutines of one recording")]
pub(super) fn rows(seen: &[Seen<'_>], dumps: &[Dump]) -> Vec<TracePolls> {
    let Some((last, before)) = dumps.split_last().filter(|(_, before)| !before.is_empty()) else { return Vec::new() };
    // Who was there before there was any load waits for work.
    let always: BTreeSet<u64> = before[0].goroutines.iter().map(|one| one.id).collect();
    let mut by_id: BTreeMap<u64, Vec<&Seen<'_>>> = BTreeMap::new();
    for one in seen.iter().filter(|one| one.id > 0 && !always.contains(&one.id)) {
        by_id.entry(one.id).or_default().push(one);
    }
    let mut places: BTreeMap<(&[TraceFrame], bool), (u64, f64, f64)> = BTreeMap::new();
    for one in by_id.values() {
        let now = one[one.len() - 1];
        let stands =
            |then: &&&Seen<'_>| then.state == now.state && then.own == now.own && then.since_ns == now.since_ns;
        let since = one.iter().rev().take_while(stands).last().map_or(now.dump, |first| first.dump);
        let length_s = last.at_ns.saturating_sub(dumps[since].at_ns) as f64 * 1e-9;
        let hangs = now.dump + 1 == dumps.len() && now.waits_for_others() && length_s >= LEAST_S;
        if hangs && !(now.began_own && comes_back(one)) {
            let (count, total_s, longest_s) = places.entry((&now.own, now.waits_for_lock())).or_default();
            *count += 1;
            *total_s += length_s;
            *longest_s = longest_s.max(length_s);
        }
    }
    let row = |((own, is_lock), (polls, total_s, longest_s)): ((&[TraceFrame], bool), (u64, f64, f64))| {
        let cause = if is_lock { TraceCause::Lock } else { TraceCause::Channel };
        TracePolls { longest_s, ..waiting_at(cause, own, (polls, total_s), Vec::new()) }
    };
    let mut rows: Vec<TracePolls> = places.into_iter().map(row).collect();
    rows.sort_by(|a, b| b.polls.cmp(&a.polls).then(b.total_s.total_cmp(&a.total_s)));
    rows.truncate(MOST);
    rows
}

/// Whether a goroutine waited there again and again before: it does so for the next thing to do. Known of those alone that were
/// traced.
fn comes_back(all: &[&Seen<'_>]) -> bool {
    let now = all[all.len() - 1];
    let there = all.iter().filter(|then| then.own == now.own && then.state == now.state);
    let times: BTreeSet<u64> = there.filter_map(|then| then.since_ns).collect();
    times.len() >= LEAST_TIMES
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::goroutines;
    use super::*;
    use crate::attach::goroutines::Goroutine;

    fn goroutine(id: u64, state: &str, function: &str) -> Goroutine {
        let frame = TraceFrame { function: function.to_owned(), file: "/w/shop/main.go".to_owned(), line: 7 };
        Goroutine {
            state: state.to_owned(),
            frames: vec![frame].into(),
            created_by: None,
            count: 1,
            id,
            since_ns: None,
        }
    }

    fn told(of: &[Vec<Goroutine>]) -> Vec<(String, u64, f64)> {
        let dump = |(number, goroutines): (u64, &Vec<Goroutine>)| Dump {
            goroutines: goroutines.clone(),
            at_ns: number * 500_000_000,
            covers: Duration::from_millis(500),
        };
        let dumps: Vec<Dump> = (0..).zip(of).map(dump).collect();
        let owners = goroutines::owners(&dumps, "/w/shop/shop");
        let rows = rows(&goroutines::seen(&dumps, &owners), &dumps);
        rows.into_iter().map(|row| (row.site.unwrap().function, row.polls, row.longest_s)).collect()
    }

    #[test]
    fn those_that_stood_there_until_the_end_hang() {
        let worker = goroutine(2, "chan receive", "main.worker");
        let hangs = |id| goroutine(id, "chan receive", "main.await");
        let dumps = [
            vec![worker.clone()],
            vec![worker.clone(), hangs(9)],
            vec![worker.clone(), hangs(9), hangs(10)],
            vec![worker.clone(), hangs(9), hangs(10)],
            vec![worker.clone(), hangs(9), hangs(10), hangs(11)],
        ];
        assert_eq!(told(&dumps), [("main.await".to_owned(), 2, 1.5)]);
    }

    #[test]
    fn who_waits_for_work_the_network_or_came_back_to_it_does_not() {
        let worker = goroutine(2, "select", "main.worker");
        let reads = goroutine(9, "IO wait", "main.serve");
        let waits = goroutine(10, "chan receive", "main.await");
        let works = goroutine(10, "runnable", "main.work");
        let dumps = [
            vec![worker.clone()],
            vec![worker.clone(), reads.clone(), waits.clone()],
            vec![worker.clone(), reads.clone(), waits.clone()],
            vec![worker.clone(), reads.clone(), works],
            vec![worker, reads, waits],
        ];
        assert_eq!(told(&dumps), []);
    }

    #[test]
    fn who_comes_back_to_a_place_waits_there_for_work() {
        let since = |id, since_ns, one: Goroutine| Goroutine { id, since_ns: Some(since_ns), ..one };
        let clerk = |since_ns| since(9, since_ns, goroutine(9, "chan receive", "main.clerk"));
        let sells = |since_ns| since(10, since_ns, goroutine(10, "chan receive", "main.sell"));
        let dumps = [
            vec![],
            vec![clerk(1), sells(1)],
            vec![clerk(2), sells(1)],
            vec![clerk(3), sells(1)],
            vec![clerk(3), sells(1)],
            vec![clerk(3), sells(1)],
        ];
        assert_eq!(told(&dumps), [("main.sell".to_owned(), 1, 2.0)]);
    }
}
